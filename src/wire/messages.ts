import type { Bytes, Micros } from '../base/units.ts';
import type { LaneId, Level, Op, OpFailure, OpId, Priority } from '../core/op.ts';
import type { Tuning } from '../core/event.ts';
import type { TraceBatch } from '../trace/batch.ts';
import type { Failure, Outcome } from './failure.ts';
import type { AccountFigures, DeviceMemoryView, MemoryReport, Pressure, PressureLevel, Refusal } from './memory.ts';
import type { Feeds, Tensor, TensorInfo } from './tensor.ts';

export type { LaneId, Level, OpFailure, OpId, Priority, Tuning };
export type { PolicyName } from '../core/policies.ts';
export type { Policy, PolicyKey } from '../core/policy.ts';
export type { TraceBatch };

/**
 * Every message between threads, as discriminated unions. Instants are µs on the sender's own `performance` clock; each
 * port opens with its `timeOrigin`, so the scheduler can put all of them on one clock.
 */

/** A gate's number inside the thread it lives in. */
export type GateIndex = number;

/** From a thread that holds gates, and perhaps a lane, to the scheduler. */
export type ToScheduler =
  | { readonly kind: 'hello'; readonly timeOrigin: number }
  /** The answer to a welcome with a lock: the thread holds this one while it lives, so the scheduler can forget it afterwards. */
  | { readonly kind: 'alive'; readonly lock: string }
  | { readonly kind: 'gate-opened'; readonly gate: GateIndex; readonly tenant: string; readonly priority: Priority; /** Bytes that its device holds already. */ readonly lease: Bytes }
  | { readonly kind: 'gate-closed'; readonly gate: GateIndex }
  | {
      readonly kind: 'slices-ready';
      readonly gate: GateIndex;
      readonly op: OpId;
      readonly priority: Priority;
      readonly costs: readonly Micros[];
      readonly released: number;
    }
  | { readonly kind: 'slices-released'; readonly gate: GateIndex; readonly upTo: number }
  | { readonly kind: 'slices-recalled'; readonly gate: GateIndex; readonly upTo: number }
  | { readonly kind: 'slices-done'; readonly gate: GateIndex; readonly upTo: number; readonly trains: readonly Train[] }
  | { readonly kind: 'slices-timed'; readonly gate: GateIndex; readonly slices: readonly TimedSlice[] }
  | { readonly kind: 'memory-reported'; readonly gate: GateIndex; readonly figures: AccountFigures }
  | { readonly kind: 'memory-asked'; readonly gate: GateIndex; readonly request: number; readonly need: Bytes; readonly wish: Bytes }
  | { readonly kind: 'memory-ran-out'; readonly gate: GateIndex; readonly charged: Bytes }
  | { readonly kind: 'lane-opened'; readonly lane: LaneId; readonly tenant: string; readonly gate: GateIndex }
  | { readonly kind: 'op-started'; readonly op: OpId; readonly at: Micros }
  | { readonly kind: 'op-encoded'; readonly op: OpId; readonly at: Micros }
  | { readonly kind: 'op-finished'; readonly op: OpId; readonly at: Micros };

/** Slices that were released together and are done: for the timeline. */
export interface Train {
  readonly op: OpId;
  readonly count: number;
  readonly predicted: Micros;
  readonly releasedAt: Micros;
  readonly doneAt: Micros;
}

/** What the GPU's own timestamps say, placed on the thread's clock as well as that can be known. */
export interface TimedSlice {
  readonly op: OpId;
  readonly startAt: Micros;
  readonly cost: Micros;
  readonly predicted: Micros;
}

/** From the scheduler to a thread that holds gates, and perhaps a lane. */
export type FromScheduler =
  /** Comes first. `lock` is a Web Lock that the scheduler holds while it lives; '' for one in the same thread. */
  | { readonly kind: 'welcome'; readonly lock: string }
  | { readonly kind: 'release'; readonly gate: GateIndex; readonly upTo: number; readonly crowd: number }
  | { readonly kind: 'recall'; readonly gate: GateIndex }
  | { readonly kind: 'credit'; readonly gate: GateIndex; readonly credit: Micros; readonly pace: Micros; readonly quantum: Micros }
  | { readonly kind: 'lease'; readonly gate: GateIndex; readonly granted: Bytes; readonly request: number | undefined }
  | { readonly kind: 'memory-refused'; readonly gate: GateIndex; readonly request: number; readonly refusal: Refusal }
  | { readonly kind: 'trim'; readonly gate: GateIndex; readonly trim: number; readonly to: Bytes; readonly unload: boolean }
  | { readonly kind: 'pressure'; readonly gate: GateIndex; readonly pressure: Pressure }
  | { readonly kind: 'soft-quota'; readonly gate: GateIndex; readonly isOver: boolean }
  | { readonly kind: 'start'; readonly op: OpId; readonly priority: Priority };

/** From the page to the scheduler, in one order: a lane is attached before its ops are submitted, and closed after. */
export type PageToScheduler =
  /** The port of a thread that holds gates, and perhaps this lane. */
  | { readonly kind: 'attach'; readonly lane: LaneId | undefined; readonly port: MessagePort }
  | { readonly kind: 'tuned'; readonly tuning: Partial<Tuning> }
  /** The default export of this module is a policy of the application's own. */
  | { readonly kind: 'policy-written'; readonly url: string }
  | { readonly kind: 'tenant-set'; readonly tenant: string; readonly weight?: number; readonly slots?: number; readonly soft?: Bytes; readonly hard?: Bytes }
  | { readonly kind: 'budget-set'; readonly bytes: Bytes }
  /** What the platform says of the processor, or whether anybody sees the page. */
  | { readonly kind: 'surroundings-changed'; readonly compute?: PressureLevel; readonly hidden?: boolean }
  | { readonly kind: 'memory-wanted'; readonly request: number }
  | { readonly kind: 'op-submitted'; readonly op: Omit<Op, 'deadlineAt'>; /** From now; `Infinity` for none. */ readonly deadline: Micros }
  | { readonly kind: 'op-cancelled'; readonly op: OpId }
  | { readonly kind: 'lane-closed'; readonly lane: LaneId };

/** From the scheduler to the page. */
export type SchedulerToPage =
  /** The op ended without a result, or was not taken. */
  | { readonly kind: 'op-settled'; readonly op: OpId; readonly failure: OpFailure }
  /** A policy misbehaved, or could not be loaded: another is in charge. */
  | { readonly kind: 'memory'; readonly request: number; readonly report: MemoryReport }
  | { readonly kind: 'pressure'; readonly tenant: string | undefined; readonly pressure: Pressure }
  | { readonly kind: 'soft-quota'; readonly tenant: string; readonly isOver: boolean }
  | { readonly kind: 'policy-replaced'; readonly policy: string; readonly by: string; readonly detail: string }
  | { readonly kind: 'trace'; readonly batch: TraceBatch };

/** What the page calls in the scheduler worker, through comlink. */
export interface SchedulerControl {
  /** Instants count from `timeOrigin`. Answers once the worker holds its lock: from then on its end can be noticed. */
  open(page: MessagePort, lock: string, timeOrigin: number): Promise<void>;
}

/** A model as its lane knows it. */
export interface LoadedModel {
  readonly model: number;
  /** With the sizes given filled in. */
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
}

export interface LoadRequest {
  readonly bytes: Blob;
  readonly name: string;
  readonly freeDimensions: Readonly<Record<string, number>>;
  readonly preferredLayout: 'NHWC' | 'NCHW' | undefined;
  readonly pinned: boolean;
}

/** What the page calls in a lane worker, through comlink. Failures come back as values: comlink drops the fields of errors. */
export interface LaneControl {
  /** Holds a Web Lock while this worker lives. Answers once it does: from then on its end can be noticed. */
  live(lock: string): Promise<void>;
  /** Requests the lane's device and opens its gate. */
  open(options: LaneOptions, scheduler: MessagePort, page: MessagePort): Promise<Outcome<null>>;
  /** Another scheduler took the place of one that crashed. */
  attach(scheduler: MessagePort): void;
  load(request: LoadRequest): Promise<Outcome<LoadedModel>>;
  release(model: number): Promise<void>;
  /** As `memoryOf` tells of the lane's device; `undefined` before it is open. */
  memory(): DeviceMemoryView | undefined;
}

export interface LaneOptions {
  readonly lane: LaneId;
  readonly tenant: string;
  readonly priority: Priority;
}

/** From the page to a lane, beside the calls of `LaneControl`: the data path. */
export type PageToLane =
  | { readonly kind: 'feed'; readonly op: OpId; readonly model: number; readonly feeds: Feeds }
  | { readonly kind: 'abort'; readonly op: OpId; readonly reason: string };

/** From a lane to the page. */
export type LaneToPage =
  | { readonly kind: 'result'; readonly op: OpId; readonly outcome: Outcome<Readonly<Record<string, Tensor>>> }
  /** The lane can do no more: its device is lost, or its runtime broken. The page replaces the worker. */
  | { readonly kind: 'lost'; readonly failure: Failure };
