import type { Micros } from '../base/units.ts';
import type { TenantId, Urgency } from './op.ts';

/** What a policy may look at when it gives a key. */
export interface Ready {
  readonly tenant: TenantId;
  /** When everything it depends on was done. */
  readonly readyAt: Micros;
  /** 0–4: its own, or that of the most urgent op that waits for it. */
  readonly urgency: Urgency;
  /** So that it and all that depend on it keep theirs; `Infinity` for none. */
  readonly deadlineAt: Micros;
  /** Estimate, where it is cheapest. 0 when nothing is known. */
  readonly cost: Micros;
  /** At least 1. */
  readonly items: number;
  /** Cost of the longest way from its start to an end of its graph; `cost` for an op without dependents. */
  readonly upwardRank: Micros;
  readonly share: Share;
  /** Drawn for this key, in (0, 1). */
  readonly draw: number;
}

/** Where a tenant stands against the others. All tags are service, in µs, that everybody would have had in a fair world. */
export interface Share {
  /** Above 0. */
  readonly weight: number;
  /** Service it has had or was promised, over its weight: its virtual finish. Never behind `virtualNow` when it asks anew. */
  readonly served: number;
  /** The same with all weights 1. */
  readonly servedEqually: number;
  /** Ops it has started, never behind the others' when it asks anew. */
  readonly turns: number;
  /** Virtual time: the largest tag that was picked. */
  readonly virtualNow: number;
  /** Service in the present second, and the seven before it halved by halves. */
  readonly recentCost: Micros;
}

/**
 * The smallest key goes first, equal keys in arrival order.
 *
 * The key is taken once, so a policy reads no clock: ageing is a head start on the arrival time, not a key that drifts while the op
 * waits. It is taken again only when what the op inherits changes, or the policy does.
 */
export type PolicyKey = (ready: Ready) => number;

export interface Policy {
  readonly key: PolicyKey;
  /**
   * `ready`: when the op becomes ready. `head`: when it becomes the first of its tenant's, so that what the tenant was served meanwhile counts.
   */
  readonly taken: 'ready' | 'head';
  /** Whether classes come before keys: a more urgent class then goes first, but for the share that is reserved for overdue work. */
  readonly classes: boolean;
}
