import type { Micros } from '../base/units.ts';
import { type Priority, rankOf } from './op.ts';

/** What a policy may look at when an op, or a submission of slices, becomes ready. */
export interface Ready {
  readonly readyAt: Micros;
  readonly priority: Priority;
}

/**
 * A policy gives what becomes ready its key; the smallest key goes first, equal keys in arrival order.
 *
 * The key is taken once and never changes, so a policy reads no clock: ageing is a head start on the arrival time, not a key
 * that drifts while the op waits.
 */
export type Policy = (ready: Ready) => number;

/** How long each class lets the more urgent ones overtake it: background work is late, never starved. */
const patience: Record<Priority, Micros> = { 'user-blocking': 0, 'user-visible': 50_000, background: 5_000_000 };

export const policies = {
  fifo: (ready) => ready.readyAt,
  priority: (ready) => ready.readyAt + patience[ready.priority],
} satisfies Record<string, Policy>;

export type PolicyName = keyof typeof policies;

/** Only a policy that tells classes apart gives one of them standing credit over another. */
export const classOf = (policy: PolicyName, priority: Priority): number => (policy === 'fifo' ? 0 : rankOf(priority));
