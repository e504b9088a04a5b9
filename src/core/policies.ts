import type { Micros } from '../base/units.ts';
import type { Policy, PolicyKey, Ready } from './policy.ts';

/** How long each urgency lets the more urgent ones overtake it: background work is late, never starved. */
export const patience: readonly Micros[] = [0, 10_000, 50_000, 2_000_000, 5_000_000];

/** What has no deadline is treated as if this were how long it may take. */
const leeway: readonly Micros[] = [50_000, 100_000, 500_000, 5_000_000, 10_000_000];

/** An op waits at most so many times its own cost for shorter ones. */
const stretch = 32;

/** Head start of a tenant whose recent service was below the bound, over the one above it. After multilevel feedback queues with a boost. */
const feedback: readonly { readonly below: Micros; readonly start: Micros }[] = [
  { below: 10_000, start: 0 }, { below: 50_000, start: 50_000 }, { below: 250_000, start: 250_000 }, { below: Infinity, start: 1_000_000 },
];

const dueAt = ({ deadlineAt, readyAt, urgency }: Ready): Micros => (deadlineAt < Infinity ? deadlineAt : readyAt + leeway[urgency]!);

const byOp = (key: PolicyKey): Policy => ({ key, taken: 'ready', classes: false, sideBySide: false });
const byTenant = (key: PolicyKey): Policy => ({ key, taken: 'head', classes: false, sideBySide: false });

/**
 * Each is one key. Those that age add the arrival time; those that share take the key when the op heads its tenant's line.
 *
 * `lottery` is a race of exponential draws: tenant i is first with chance weight_i / Σ weights, and the others keep what they drew.
 * `fair` and `weighted-fair` are start-time fair queueing (Goyal et al., SIGCOMM'96); `critical-path` is HEFT's upward rank (Topcuoglu et al. 2002).
 */
export const policies = {
  fifo: { ...byOp((ready) => ready.readyAt), sideBySide: true },
  priority: { ...byOp((ready) => ready.readyAt + patience[ready.urgency]!), classes: true, sideBySide: true },
  'round-robin': byTenant((ready) => ready.share.turns),
  'shortest-first': byOp((ready) => ready.readyAt + stretch * ready.cost),
  'earliest-deadline': byOp(dueAt),
  'least-laxity': byOp((ready) => dueAt(ready) - (ready.deadlineAt < Infinity ? ready.cost : ready.upwardRank)),
  cheapest: byOp((ready) => ready.readyAt + stretch * (ready.cost / ready.items)),
  fair: byTenant((ready) => ready.share.servedEqually),
  'weighted-fair': byTenant((ready) => ready.share.served),
  lottery: byTenant((ready) => ready.share.pickedKey - Math.log(ready.draw) / ready.share.weight),
  'multilevel-feedback': byTenant((ready) => ready.readyAt + feedback.find(({ below }) => ready.share.recent < below)!.start),
  'critical-path': byOp((ready) => ready.since - ready.upwardRank),
} as const satisfies Record<string, Policy>;

export type PolicyName = keyof typeof policies;

export const policyNames = Object.keys(policies) as readonly PolicyName[];

/** What takes the place of a policy that misbehaves. */
export const defaultPolicy: PolicyName = 'priority';

/** A policy of the application's own: a whole one, or its key alone, which then orders ops and every slice. */
export const policyOf = (own: Policy | PolicyKey): Policy => (typeof own === 'function' ? byOp(own) : own);
