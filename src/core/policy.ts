import type { Micros } from '../base/units.ts';
import type { TenantId, Urgency } from './op.ts';

/** What a policy may look at when it gives a key. */
export interface Ready {
  readonly tenant: TenantId;
  /** When everything it depends on was done. */
  readonly readyAt: Micros;
  /** When its graph was opened; `readyAt` for an op without one. */
  readonly since: Micros;
  /** 0–4: its own, or that of the most urgent op that waits for it. */
  readonly urgency: Urgency;
  /** So that it and all that depend on it keep theirs; `Infinity` for none. */
  readonly deadlineAt: Micros;
  /** Estimate, where it is cheapest. 0 when nothing is known. */
  readonly cost: Micros;
  /** Above 0. */
  readonly items: number;
  /** Cost of the longest way from its start to an end of its graph; `cost` for an op without dependents. */
  readonly upwardRank: Micros;
  readonly share: Share;
  /** Drawn for this key, in (0, 1]. */
  readonly draw: number;
}

/** Where a tenant stands against the others. One that asks after a rest stands where the others are: no credit, no debt. */
export interface Share {
  /** Above 0. */
  readonly weight: number;
  /** Service it was given, in µs over its weight. */
  readonly served: number;
  /** The same as if all weights were 1. */
  readonly servedEqually: number;
  /** Ops it has started. */
  readonly turns: number;
  /** µs of service not long ago: what is a second old counts half. */
  readonly recent: Micros;
  /** The largest key that was picked under the present policy. */
  readonly pickedKey: number;
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
  /** `ready`: when the op becomes ready. `head`: when it becomes the first of its tenant's, so that what the tenant was given meanwhile counts. */
  readonly taken: 'ready' | 'head';
  /** Whether a more urgent class goes first whatever the keys say, but for the share that is reserved for overdue work. */
  readonly classes: boolean;
  /** Whether devices of one class may fill the GPU side by side, which is faster, or each slice goes in the order of the keys. */
  readonly sideBySide: boolean;
}
