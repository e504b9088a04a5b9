import type { Micros } from '../base/units.ts';
import type {
  Dependency, GateId, GraphId, LaneId, LaneKind, Level, Op, OpFailure, OpId, Priority, ResourceId, TenantId,
} from './op.ts';
import type { Policy } from './policy.ts';

/**
 * What happened, told by the edge. Slices of a gate are numbered from 0 in the order they will run, and every message speaks
 * of them cumulatively (`upTo` is one past the last), so that a message lost or told twice cannot shift the count. What a lane tells of an op
 * may name the `attempt` it speaks of; what an earlier attempt says late is not heard.
 */
export type SchedulerEvent =
  | { readonly kind: 'gate-opened'; readonly gate: GateId; readonly tenant: TenantId; readonly priority: Priority }
  | { readonly kind: 'gate-closed'; readonly gate: GateId }
  /** New slices wait in the gate; `costs` are predicted. Those below `released` went at once, on standing credit. */
  | {
      readonly kind: 'slices-ready';
      readonly gate: GateId;
      readonly priority: Priority;
      /** Whose they are; 0 or absent for a submission that belongs to no op. */
      readonly op?: OpId;
      readonly costs: readonly Micros[];
      readonly released: number;
    }
  /** The gate released slices by itself (its credit grew, or they could not wait). */
  | { readonly kind: 'slices-released'; readonly gate: GateId; readonly upTo: number }
  | { readonly kind: 'slices-done'; readonly gate: GateId; readonly upTo: number }
  /** The answer to `recall`: what was released from `upTo` on had not been submitted and waits again. */
  | { readonly kind: 'slices-recalled'; readonly gate: GateId; readonly upTo: number }
  /** A lane with a tenant takes that tenant's ops only. The GPU work of a lane with a gate goes through it, in slices. */
  | { readonly kind: 'lane-opened'; readonly lane: LaneId; readonly laneKind: LaneKind; readonly tenant?: TenantId; readonly gate?: GateId }
  /** The lane's worker is gone. Its ops that may be retried elsewhere are; the others fail with `lane-closed`. */
  | { readonly kind: 'lane-closed'; readonly lane: LaneId }
  /** Ops that name a graph come after this. */
  | { readonly kind: 'graph-opened'; readonly graph: GraphId; readonly tenant: TenantId }
  /** Nothing will be added any more. */
  | { readonly kind: 'graph-sealed'; readonly graph: GraphId }
  /** What runs goes on to its end; nothing of the graph starts until it is resumed. */
  | { readonly kind: 'graph-paused'; readonly graph: GraphId }
  | { readonly kind: 'graph-resumed'; readonly graph: GraphId }
  | { readonly kind: 'graph-cancelled'; readonly graph: GraphId }
  | { readonly kind: 'op-submitted'; readonly op: Op }
  /** Several at once, in any order of dependencies. All are taken, or none: then each is settled with the reason. */
  | { readonly kind: 'ops-submitted'; readonly ops: readonly Op[] }
  /** To an op that has not started. Refused, with nothing changed, when it would close a circle. */
  | { readonly kind: 'dependency-added'; readonly op: OpId; readonly dependency: Dependency }
  | { readonly kind: 'priority-changed'; readonly op: OpId; readonly priority: Priority | Level }
  | { readonly kind: 'deadline-changed'; readonly op: OpId; readonly deadlineAt: Micros }
  /** The lane can take its next op: everything of this one waits in the gate or runs. */
  | { readonly kind: 'op-encoded'; readonly op: OpId; readonly attempt?: number }
  /** `cost`: what it took, where that was measured; the tenant is charged that instead of the estimate. */
  | { readonly kind: 'op-finished'; readonly op: OpId; readonly attempt?: number; readonly cost?: Micros }
  /** `mayPass`: trying again could help. */
  | { readonly kind: 'op-failed'; readonly op: OpId; readonly attempt?: number; readonly detail: string; readonly mayPass: boolean }
  /** Whoever asked does not want it any more, and knows. */
  | { readonly kind: 'op-cancelled'; readonly op: OpId }
  /** `weight`: share of a tenant under the fair policies, above 0; 1 until told. `slots`: so many of its ops may be under way; no bound until told.
   *  `deferred`: its ops are taken to have come later, because it holds more memory than it should. */
  | { readonly kind: 'tenant-set'; readonly tenant: TenantId; readonly weight?: number; readonly slots?: number; readonly deferred?: boolean }
  /** How much there is of a resource; unbounded until told. */
  | { readonly kind: 'resource-set'; readonly resource: ResourceId; readonly capacity: number }
  /** A policy of the application's own, from now on known by this name. */
  | { readonly kind: 'policy-defined'; readonly name: string; readonly policy: Policy }
  | { readonly kind: 'tuned'; readonly tuning: Partial<Tuning> }
  | { readonly kind: 'woke' };

/** Why this op, now, here. */
export interface Reason {
  readonly policy: string;
  /**
   * `order`: its key is the smallest · `overdue`: it waited longer than its class is patient, and the reserved share pays · `inherited`: someone
   * more urgent waits for it · `gang`: the last member could start.
   */
  readonly because: 'order' | 'overdue' | 'inherited' | 'gang';
  readonly key: number;
  /** How long it was ready. */
  readonly waited: Micros;
  /** Estimates: what it costs on this lane, and from now until its end. */
  readonly cost: Micros;
  readonly latency: Micros;
}

/** What the edge must do now. */
export type Command =
  | {
      readonly kind: 'start';
      readonly lane: LaneId;
      readonly op: OpId;
      readonly priority: Priority;
      /** 1 for the first. */
      readonly attempt: number;
      readonly why: Reason;
    }
  /** The lane should drop the op, or its result; it says `op-finished` or `op-failed` all the same. */
  | { readonly kind: 'abort'; readonly lane: LaneId; readonly op: OpId }
  /** The op ended without a result, or was not taken: whoever asked is told, once. If it still runs, its result is dropped when it ends. */
  | { readonly kind: 'settle'; readonly op: OpId; readonly failure: OpFailure }
  /** The dependency was not added. */
  | { readonly kind: 'refuse-dependency'; readonly op: OpId; readonly dependency: OpId; readonly failure: OpFailure }
  /** `crowd` gates, this one included, have slices on the GPU: each of them takes so much longer. */
  | { readonly kind: 'release'; readonly gate: GateId; readonly upTo: number; readonly crowd: number }
  /** The gate keeps what was released and it has not submitted yet, and says how much that is. */
  | { readonly kind: 'recall'; readonly gate: GateId }
  /**
   * What the gate may do by itself. `credit`: so much predicted GPU time may be unfinished without asking. `pace`: of what was
   * released it submits more while less than this is unfinished. `quantum`: how long it should make its slices.
   */
  | { readonly kind: 'credit'; readonly gate: GateId; readonly credit: Micros; readonly pace: Micros; readonly quantum: Micros }
  /** The policy misbehaved (threw, or gave what is no number) and the default took its place. Told once. */
  | { readonly kind: 'policy-replaced'; readonly policy: string; readonly by: string; readonly detail: string }
  /** Call again with `woke` at this instant, unless another `wake` replaces it. */
  | { readonly kind: 'wake'; readonly at: Micros };

/** What a person may change while everything runs. */
export interface Tuning {
  /** `false`: every gate passes everything through, as if there were no scheduler. */
  readonly enabled: boolean;
  /** One of the policies' names, or of those defined by the application. */
  readonly policy: string;
  /** Aimed length of a slice. */
  readonly quantum: Micros;
}
