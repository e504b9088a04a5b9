import type { Micros } from '../base/units.ts';
import type { SchedulerEvent, Tuning } from '../core/event.ts';
import type { GraphId, LaneKind, Op, OpId, Priority, ResourceId, TenantId } from '../core/op.ts';

/** One op as the false world plays it. The scheduler sees `op` only. */
export interface PlayedOp {
  readonly op: Op;
  /** What it takes, over what its estimate says. Default: 1. */
  readonly factor?: number;
  /** On a lane with a gate: predicted cost of each of its slices. Default: one slice, of its estimate. */
  readonly slices?: readonly Micros[];
  /** Time in the lane before its slices are in the gate, on the lane's own thread. Default: 0. */
  readonly encode?: Micros;
  /** So many of its attempts fail with a failure that may pass. Default: 0. */
  readonly failures?: number;
}

/** What is told to the scheduler, and when. Ops that arrive at one instant and belong together are told as one `ops-submitted`. */
export type Arrival =
  | { readonly at: Micros; readonly ops: readonly PlayedOp[] }
  | { readonly at: Micros; readonly event: SchedulerEvent };

/** Where work comes from. Deterministic: the same calls give the same arrivals. */
export interface Source {
  /** What arrives whatever happens. */
  readonly arrivals: readonly Arrival[];
  /** What arrives because an op ended (a closed loop). `at` is not before `now`. */
  ended?(op: OpId, result: 'done' | 'failed', now: Micros): readonly Arrival[];
}

export interface LaneSpec {
  readonly laneKind: LaneKind;
  /** It takes this tenant's ops only. */
  readonly tenant?: TenantId;
  /** It has a device and a gate; all such lanes of a world share one GPU, which runs what was submitted in turns. */
  readonly gated?: { readonly priority: Priority };
}

/** A whole false world but for its faults: who is there, and what they ask for. */
export interface Workload {
  readonly name: string;
  readonly lanes: readonly LaneSpec[];
  readonly tenants?: readonly { readonly tenant: TenantId; readonly weight?: number; readonly slots?: number }[];
  readonly resources?: readonly { readonly resource: ResourceId; readonly capacity: number }[];
  readonly tuning?: Partial<Tuning>;
  readonly source: Source;
}

/** Numbers ops and graphs of one workload, so that several sources can share it. */
export class Numbering {
  #ops = 0;
  #graphs = 0;

  op(): OpId {
    return (this.#ops += 1) as OpId;
  }

  graph(): GraphId {
    return (this.#graphs += 1) as GraphId;
  }
}
