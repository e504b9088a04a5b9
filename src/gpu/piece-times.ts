import type { Micros } from '../base/units.ts';
import type { OpId, TimedSlice } from '../wire/messages.ts';
import { learn } from './cost-table.ts';
import type { Piece } from './piece.ts';
import type { GpuInterval, SliceTimer } from './slice-timer.ts';

/** When pieces were known to be done, once they are. */
export interface Landing {
  readonly op: OpId;
  /** How many gates shared the GPU: what was measured is so many times the cost. */
  readonly crowd: number;
  doneAt: Micros | undefined;
}

/** Turns GPU timestamps of pieces into learned costs, and into spans on this thread's clock. */
export class PieceTimes {
  readonly #timer: SliceTimer;
  /** How far this thread's clock is ahead of the GPU's: the least lead ever seen is the one with the least delay in it. */
  #lead: Micros = Infinity;
  #read: TimedSlice[] = [];

  constructor(timer: SliceTimer, tell: (slices: readonly TimedSlice[]) => void) {
    this.#timer = timer;
    timer.whenRead(() => {
      if (this.#read.length > 0) tell(this.#read);
      this.#read = [];
    });
  }

  submitted(pieces: readonly Piece[], landing: Landing): void {
    for (const piece of pieces) {
      if (piece.pairs.length > 0) this.#timer.submitted(piece.pairs, (intervals) => this.#settle(piece, landing, intervals));
    }
  }

  collect(idle: boolean): void {
    this.#timer.collect(idle);
  }

  #settle(piece: Piece, landing: Landing, intervals: readonly GpuInterval[]): void {
    if (intervals.length < piece.pairs.length) return; // A part of it is not known, so the whole is not.
    let took = 0;
    for (const { beginAt, endAt } of intervals) took += endAt - beginAt;
    learn(piece.estimates, took / landing.crowd);
    if (landing.doneAt === undefined) return;
    this.#lead = Math.min(this.#lead, landing.doneAt - intervals.at(-1)!.endAt);
    this.#read.push({ op: landing.op, startAt: intervals[0]!.beginAt + this.#lead, cost: took, predicted: Math.round(piece.cost) });
  }
}
