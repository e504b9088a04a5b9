import { assert } from '../base/assert.ts';
import { Fifo } from '../base/fifo.ts';
import type { Micros } from '../base/units.ts';
import { classRankOf, type GateId, type Priority, type TenantId } from './op.ts';
import type { OpRecord } from './op-record.ts';

/** What slices belong to: an op, or a submission that is none. */
export interface Submission {
  readonly record: OpRecord | undefined;
  /** Of a submission that is no op; an op has its own, which may change. */
  key: number;
  readonly rank: number;
  readonly readyAt: Micros;
  /** Of all its slices. */
  readonly cost: Micros;
}

/** One slice as the core knows it. */
export interface Slice {
  readonly cost: Micros;
  readonly of: Submission;
  releasedAt: Micros;
  /** Nothing else was in flight when it was released: its time tells the round trip. */
  alone: boolean;
  /** Of its tenant when that was charged for it. */
  weight: number;
}

/** The policy's key of what a slice belongs to. */
export const keyOfSlice = ({ of: { record, key } }: Slice): number => record?.key ?? key;
/** Class of what it belongs to, 0 the most urgent; that of the most urgent op that waits for it. */
export const rankOfSlice = ({ of: { record, rank } }: Slice): number => (record === undefined ? rank : classRankOf(record.urgency));

/** What a gate was told that it may do by itself. */
export interface Leave {
  readonly credit: Micros;
  readonly pace: Micros;
  readonly quantum: Micros;
}

/** The core's picture of one gate: its slices in order, those in flight before those that are ready. */
export class SliceQueue {
  readonly gate: GateId;
  readonly tenant: TenantId;
  readonly priority: Priority;
  readonly #slices = new Fifo<Slice>();
  leave: Leave | undefined;
  /** Its tenant stands in line because of what is ready here. */
  isInLine = false;
  /** The gates stop running side by side, and it gives its train back unless it is the one that goes on. */
  mustYield = false;
  /** Key of the next slice under a policy that shares, until something of the tenant was released. */
  headKey: number | undefined;
  /** The gate was asked to keep what it has not submitted, and has not answered. */
  isRecalling = false;
  #announced = 0;
  #released = 0;
  #done = 0;
  /** Slices below this have left the gate: it said so. */
  #submitted = 0;
  #inFlight: Micros = 0;
  #lastDone: Slice | undefined;

  constructor(gate: GateId, tenant: TenantId, priority: Priority) {
    this.gate = gate;
    this.tenant = tenant;
    this.priority = priority;
  }

  /** One past the last released slice. */
  get released(): number {
    return this.#released;
  }

  get hasFlights(): boolean {
    return this.#released > this.#done;
  }

  get readyCount(): number {
    return this.#announced - this.#released;
  }

  /** Predicted GPU time of what was released and is not known to be done. */
  get inFlight(): Micros {
    return this.#inFlight;
  }

  /** The next slice to be released. */
  get nextReady(): Slice | undefined {
    return this.#slices.at(this.#released - this.#done);
  }

  /** The slice before that, done or not. */
  get lastReleased(): Slice | undefined {
    return this.hasFlights ? this.#slices.at(this.#released - this.#done - 1) : this.#lastDone;
  }

  /** The last slice that was released, if the gate may still keep it. */
  get recallable(): Slice | undefined {
    const isSubmitted = this.#released <= Math.max(this.#submitted, this.#done);
    return isSubmitted || this.isRecalling ? undefined : this.lastReleased;
  }

  announce(slice: Slice): void {
    this.#slices.push(slice);
    this.#announced += 1;
  }

  /** The gate said that it submitted these. */
  submitted(upTo: number): void {
    if (upTo > this.#submitted) this.#submitted = Math.min(upTo, this.#released);
  }

  /** Moves the next slice into flight. */
  release(now: Micros, alone: boolean): Slice {
    const slice = this.nextReady;
    assert(slice !== undefined, 'a slice is released only when one is ready');
    slice.releasedAt = now;
    slice.alone = alone;
    this.#released += 1;
    this.#inFlight += slice.cost;
    return slice;
  }

  /** Lands the next slice; `undefined` when all below `upTo` have landed, so a notice told twice does nothing. */
  land(upTo: number): Slice | undefined {
    if (!(this.#done < upTo) || !this.hasFlights) return undefined;
    const slice = this.#slices.shift()!;
    this.#done += 1;
    this.#lastDone = slice;
    this.#inFlight = this.hasFlights ? this.#inFlight - slice.cost : 0;
    return slice;
  }

  /** Takes the last released slice back, as the gate had not submitted it; `undefined` when all from `upTo` on are back. */
  recall(upTo: number): Slice | undefined {
    this.submitted(upTo);
    if (!(this.#released > Math.max(upTo, this.#done))) return undefined;
    this.#released -= 1;
    const slice = this.nextReady!;
    this.#inFlight = this.hasFlights ? this.#inFlight - slice.cost : 0;
    return slice;
  }

  /** Class of the most urgent submission with slices from this one on: a gate keeps its order, so what is before them is as urgent. */
  rankFrom(slice: number): number {
    let least = Infinity;
    let last: Submission | undefined;
    for (let i = slice - this.#done; i < this.#slices.size; i += 1) {
      const next = this.#slices.at(i)!;
      if (next.of !== last) least = Math.min(least, rankOfSlice(next));
      last = next.of;
    }
    return least;
  }

  /** What has slices here. */
  submissions(): ReadonlySet<Submission> {
    const submissions = new Set<Submission>();
    for (let i = 0; i < this.#slices.size; i += 1) submissions.add(this.#slices.at(i)!.of);
    return submissions;
  }

  /** Every slice is in exactly one place. */
  check(): void {
    assert(this.#done <= this.#released && this.#released <= this.#announced, 'slices are announced, then released, then done');
    assert(this.#announced - this.#done === this.#slices.size, 'every slice that is not done is here');
    let inFlight = 0;
    for (let i = 0; i < this.#released - this.#done; i += 1) inFlight += this.#slices.at(i)!.cost;
    assert(Math.abs(inFlight - this.#inFlight) < 1, 'in flight is what was released and is not done');
  }
}
