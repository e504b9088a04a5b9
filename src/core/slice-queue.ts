import { assert } from '../base/assert.ts';
import { Fifo } from '../base/fifo.ts';
import type { Micros } from '../base/units.ts';
import type { GateId, Priority, TenantId } from './op.ts';

/** One slice as the core knows it. */
export interface Slice {
  readonly cost: Micros;
  /** The policy's key of the submission it belongs to. */
  readonly key: number;
  /** Class of that submission, 0 the most urgent. */
  readonly rank: number;
  releasedAt: Micros;
  /** Nothing else was in flight when it was released: its time tells the round trip. */
  alone: boolean;
}

/** The core's picture of one gate: its slices in order, those that wait and those in flight. */
export class SliceQueue {
  readonly gate: GateId;
  readonly tenant: TenantId;
  readonly priority: Priority;
  readonly ready = new Fifo<Slice>();
  readonly inFlight = new Fifo<Slice>();
  /** What the gate was last told; `undefined` until it was told anything. */
  told: { readonly credit: Micros; readonly quantum: Micros } | undefined;
  #announced = 0;
  #released = 0;
  #done = 0;

  constructor(gate: GateId, tenant: TenantId, priority: Priority) {
    this.gate = gate;
    this.tenant = tenant;
    this.priority = priority;
  }

  /** One past the last released slice. */
  get released(): number {
    return this.#released;
  }

  announce(slice: Slice): void {
    this.ready.push(slice);
    this.#announced += 1;
  }

  /** Moves the next slice into flight. */
  release(now: Micros, alone: boolean): Slice {
    const slice = this.ready.shift();
    assert(slice !== undefined, 'a slice is released only when one is ready');
    slice.releasedAt = now;
    slice.alone = alone;
    this.inFlight.push(slice);
    this.#released += 1;
    return slice;
  }

  /** Lands the next slice; `undefined` when all below `upTo` have landed, so a notice told twice does nothing. */
  land(upTo: number): Slice | undefined {
    assert(upTo <= this.#released, 'a slice is done only after it was released');
    if (this.#done >= upTo) return undefined;
    this.#done += 1;
    return this.inFlight.shift();
  }

  /** Every slice is in exactly one place. */
  check(): void {
    assert(this.#announced - this.#released === this.ready.size, 'announced and not released slices are ready');
    assert(this.#released - this.#done === this.inFlight.size, 'released and not done slices are in flight');
  }
}
