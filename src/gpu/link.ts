import type { Micros } from '../base/units.ts';
import type { OpId, Priority, TimedSlice, Train } from '../wire/messages.ts';

/**
 * The door between a gate and whoever schedules it: a port to the scheduler worker, or the core itself in the same thread.
 * All calls are one-way; a link whose scheduler is gone swallows what it is told and calls `abandon` on the gate.
 */
export interface GateLink {
  ready(op: OpId, priority: Priority, costs: readonly Micros[], released: number): void;
  released(upTo: number): void;
  recalled(upTo: number): void;
  done(upTo: number, trains: readonly Train[]): void;
  timed(slices: readonly TimedSlice[]): void;
  bufferBytes(bytes: number): void;
  closed(): void;
}

/** What a scheduler may tell a gate. */
export interface GateControl {
  /** Slices below `upTo` may go. `crowd` gates, this one included, have slices on the GPU, so each takes that much longer. */
  release(upTo: number, crowd: number): void;
  /** Keep what was released and is not submitted, and answer `recalled`. */
  recall(): void;
  /** `credit`: what may be unfinished without asking. `pace`: submit more of what was released while less than this is unfinished. */
  credit(credit: Micros, pace: Micros, quantum: Micros): void;
  /** The scheduler is gone: everything passes from now on. */
  abandon(): void;
  /** Another scheduler takes over. */
  attach(to: Switch): void;
}

/** Opens gates in one thread; the in-thread scheduler and the port to the worker both look like this. */
export interface Switch {
  open(tenant: string, priority: Priority, gate: GateControl): GateLink;
}
