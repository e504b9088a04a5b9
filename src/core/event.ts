import type { Micros } from '../base/units.ts';
import type { GateId, LaneId, Op, OpId, Priority, TenantId } from './op.ts';
import type { PolicyName } from './policy.ts';

/**
 * What happened, told by the edge. Slices of a gate are numbered from 0 in the order they will run, and every message speaks
 * of them cumulatively (`upTo` is one past the last), so that a message lost or told twice cannot shift the count.
 */
export type SchedulerEvent =
  | { readonly kind: 'gate-opened'; readonly gate: GateId; readonly tenant: TenantId; readonly priority: Priority }
  | { readonly kind: 'gate-closed'; readonly gate: GateId }
  /** New slices wait in the gate; `costs` are predicted. Those below `released` went at once, on standing credit. */
  | {
      readonly kind: 'slices-ready';
      readonly gate: GateId;
      readonly priority: Priority;
      readonly costs: readonly Micros[];
      readonly released: number;
    }
  /** The gate released slices by itself (its credit grew, or they could not wait). */
  | { readonly kind: 'slices-released'; readonly gate: GateId; readonly upTo: number }
  | { readonly kind: 'slices-done'; readonly gate: GateId; readonly upTo: number }
  /** The answer to `recall`: what was released from `upTo` on had not been submitted and waits again. */
  | { readonly kind: 'slices-recalled'; readonly gate: GateId; readonly upTo: number }
  | { readonly kind: 'lane-opened'; readonly lane: LaneId; readonly tenant: TenantId; readonly gate: GateId }
  /** The lane's worker is gone; its ops were settled by the edge. */
  | { readonly kind: 'lane-closed'; readonly lane: LaneId }
  | { readonly kind: 'op-submitted'; readonly op: Op }
  /** The lane can take its next op: everything of this one waits in the gate or runs. */
  | { readonly kind: 'op-encoded'; readonly op: OpId }
  | { readonly kind: 'op-finished'; readonly op: OpId }
  | { readonly kind: 'op-cancelled'; readonly op: OpId }
  | { readonly kind: 'tuned'; readonly tuning: Partial<Tuning> }
  | { readonly kind: 'woke' };

/** What the edge must do now. */
export type Command =
  | { readonly kind: 'start'; readonly lane: LaneId; readonly op: OpId; readonly priority: Priority }
  /** `crowd` gates, this one included, have slices on the GPU: each of them takes so much longer. */
  | { readonly kind: 'release'; readonly gate: GateId; readonly upTo: number; readonly crowd: number }
  /** The gate keeps what was released and it has not submitted yet, and says how much that is. */
  | { readonly kind: 'recall'; readonly gate: GateId }
  /**
   * What the gate may do by itself. `credit`: so much predicted GPU time may be unfinished without asking. `pace`: of what was
   * released it submits more while less than this is unfinished. `quantum`: how long it should make its slices.
   */
  | { readonly kind: 'credit'; readonly gate: GateId; readonly credit: Micros; readonly pace: Micros; readonly quantum: Micros }
  /** The op's deadline passed: whoever asked is told; if it already runs, its result is dropped when it ends. */
  | { readonly kind: 'expire'; readonly op: OpId }
  /** Call again with `woke` at this instant, unless another `wake` replaces it. */
  | { readonly kind: 'wake'; readonly at: Micros; readonly why: 'deadline' };

/** What a person may change while everything runs. */
export interface Tuning {
  /** `false`: every gate passes everything through, as if there were no scheduler. */
  readonly enabled: boolean;
  readonly policy: PolicyName;
  /** Aimed length of a slice. */
  readonly quantum: Micros;
}
