import type { Bytes, Micros } from '../base/units.ts';
import type { AccountFigures, Pressure, Refusal } from '../wire/memory.ts';
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
  closed(): void;
  /** Where the bytes of the gate's device are kept account of; `undefined`: nobody does. */
  readonly account?: AccountLink | undefined;
}

/** What a device tells the ledger. */
export interface AccountLink {
  reported(figures: AccountFigures): void;
  asked(request: number, need: Bytes, wish: Bytes): void;
  ranOut(charged: Bytes): void;
}

/** What the ledger may tell a device. */
export interface AccountControl {
  /** A ledger is about to take over: what it must be told the device holds. */
  opening(): Bytes;
  joined(link: AccountLink): void;
  /** There is no ledger, or none any more. */
  abandoned(): void;
  /** `granted`: all that the account was ever granted. `request`: the one that this answers. */
  leased(granted: Bytes, request: number | undefined): void;
  refused(request: number, refusal: Refusal): void;
  /** Come down to a lease of `to`, as far as that can be, and answer with the number. */
  trimmed(number: number, to: Bytes, mayUnload: boolean): void;
  pressed(pressure: Pressure): void;
  /** The tenant, or one that it is in, holds more than its soft quota: nothing is kept that it does not use. */
  wentOverSoft(isOver: boolean): void;
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
  open(tenant: string, priority: Priority, gate: GateControl, account: AccountControl): GateLink;
}
