import { Fifo } from '../base/fifo.ts';
import type { Micros } from '../base/units.ts';
import type { SchedulerEvent } from '../core/event.ts';
import type { GateId, OpId, Priority } from '../core/op.ts';
import type { FalseClock } from './clock.ts';
import type { FalseGpu } from './gpu.ts';

/** GPU work that nothing can cut. */
export interface Piece {
  readonly predicted: Micros;
  /** What it really takes. */
  readonly cost: Micros;
}

/** What an op hands to its gate in one go. */
export interface Submission {
  readonly op: OpId;
  readonly priority: Priority;
  readonly pieces: readonly Piece[];
  /** The GPU does it, and nobody will ever hear. */
  readonly isHung: boolean;
  /** All of it is done, and known to be. */
  readonly landed: () => void;
}

export interface GateOptions {
  readonly gate: GateId;
  readonly clock: FalseClock;
  readonly gpu: FalseGpu;
  readonly say: (event: SchedulerEvent) => void;
  /** From the end of work on the GPU until the gate knows; drawn each time. */
  readonly notify: () => Micros;
}

interface Turn {
  readonly submission: Submission;
  readonly slices: readonly Piece[];
  next: number;
}

/** Slices that were submitted in one go. */
interface Flight {
  readonly upTo: number;
  readonly cost: Micros;
  readonly landed: (() => void) | undefined;
}

/** While the gate goes on, the scheduler hears of what is done after so many quanta: as the real one. */
const newsAfter = 4;

/** The FIFO in front of one device's queue, as `gpu/gate.ts` keeps it, over a GPU that only takes time. */
export class FalseGate {
  readonly #options: GateOptions;
  readonly #fifo = new Fifo<Turn>();
  readonly #flights = new Fifo<Flight>();
  #credit: Micros = Infinity;
  #pace: Micros = Infinity;
  #quantum: Micros = Infinity;
  #crowd = 1;
  #announced = 0;
  #released = 0;
  #allowed = 0;
  #done = 0;
  #outstanding: Micros = 0;
  #doneCost: Micros = 0;
  /** When the gate thinks that all it submitted will be done. */
  #busyUntil: Micros = 0;
  /** When it really will be. */
  #endAt: Micros = 0;
  #knownAt: Micros = 0;
  #hungFrom = Infinity;
  #isComingBack = false;
  #isUnwatched = false;
  #isClosed = false;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  submit(submission: Submission): void {
    const whole = merged(submission.pieces);
    const isPassing = this.#fifo.size === 0 && this.#hasCredit(whole.predicted);
    const slices = isPassing ? [whole] : cut(submission.pieces, this.#quantum);
    const turn: Turn = { submission, slices, next: 0 };
    this.#announced += slices.length;
    if (isPassing) this.#fly(turn, 1);
    else this.#fifo.push(turn);
    const { op, priority } = submission;
    this.#say({ kind: 'slices-ready', gate: this.#options.gate, op, priority, costs: slices.map(({ predicted }) => predicted), released: this.#released });
    if (isPassing) this.#watch();
    else this.#drain();
  }

  release(upTo: number, crowd: number): void {
    this.#crowd = crowd;
    this.#allowed = Math.max(this.#allowed, Math.min(upTo, this.#announced));
    this.#drain();
  }

  recall(): void {
    this.#allowed = this.#released;
    this.#say({ kind: 'slices-recalled', gate: this.#options.gate, upTo: this.#released });
  }

  credit(credit: Micros, pace: Micros, quantum: Micros): void {
    this.#credit = credit;
    this.#pace = pace;
    this.#quantum = quantum;
    this.#drain();
  }

  /** The device is gone: nothing lands, nothing is said. */
  close(): void {
    this.#isClosed = true;
    this.#fifo.clear();
  }

  #say(event: SchedulerEvent): void {
    if (!this.#isClosed) this.#options.say(event);
  }

  #hasCredit(cost: Micros): boolean {
    return this.#credit > 0 && (this.#outstanding === 0 || this.#outstanding + cost <= this.#credit);
  }

  #drain(): void {
    const before = this.#released;
    for (let turn = this.#fifo.peek(); turn !== undefined; turn = this.#fifo.peek()) {
      const count = this.#countOf(turn);
      if (count <= 0) break;
      if (turn.next + count === turn.slices.length) this.#fifo.shift();
      this.#fly(turn, count);
    }
    if (this.#released === before) return;
    this.#watch();
    if (this.#released > this.#allowed) this.#say({ kind: 'slices-released', gate: this.#options.gate, upTo: this.#released });
  }

  #countOf(turn: Turn): number {
    const left = turn.slices.length - turn.next;
    if (this.#credit === Infinity) return left;
    const count = this.#paced(turn, Math.min(left, this.#allowed - this.#released));
    return count <= 0 && this.#hasCredit(turn.slices[turn.next]!.predicted) ? 1 : count;
  }

  /** How many of `most` slices to submit now, so that the GPU stays busy for `pace` and not much longer. */
  #paced(turn: Turn, most: number): number {
    if (this.#pace === Infinity || most <= 0) return most;
    if (this.#outstanding >= this.#pace + (this.#flights.peek()?.cost ?? 0)) return 0;
    let ahead = Math.max(0, this.#busyUntil - this.#options.clock.now);
    let count = 0;
    while (count < most && ahead < this.#pace) {
      ahead += turn.slices[turn.next + count]!.predicted * this.#crowd;
      count += 1;
    }
    if (ahead >= this.#pace) this.#comeBack(ahead - this.#pace);
    return count;
  }

  #comeBack(delay: Micros): void {
    if (this.#isComingBack) return;
    this.#isComingBack = true;
    // A browser's timers count whole milliseconds, never come early, and never at once.
    this.#options.clock.after(Math.max(1, Math.ceil(delay / 1000)) * 1000, () => {
      this.#isComingBack = false;
      if (!this.#isClosed) this.#drain();
    });
  }

  #fly(turn: Turn, count: number): void {
    const { op, isHung, landed } = turn.submission;
    const slices = turn.slices.slice(turn.next, turn.next + count);
    const { gpu, gate, clock } = this.#options;
    for (const { predicted, cost } of slices) this.#endAt = gpu.submit(gate, op, predicted, cost);
    if (isHung) this.#hungFrom = Math.min(this.#hungFrom, this.#released);
    turn.next += count;
    this.#released += count;
    const { predicted } = merged(slices);
    this.#outstanding += predicted;
    this.#busyUntil = Math.max(this.#busyUntil, clock.now) + predicted * this.#crowd;
    this.#flights.push({ upTo: this.#released, cost: predicted, landed: turn.next === turn.slices.length ? landed : undefined });
    this.#isUnwatched = true;
  }

  /** Asks to be told when all that was submitted is done. What is asked first is answered first. */
  #watch(): void {
    if (!this.#isUnwatched) return;
    this.#isUnwatched = false;
    const upTo = this.#released;
    if (upTo > this.#hungFrom) return;
    this.#knownAt = Math.max(this.#knownAt, this.#endAt + this.#options.notify());
    this.#options.clock.at(this.#knownAt, () => this.#land(upTo));
  }

  #land(upTo: number): void {
    if (this.#isClosed) return;
    const ended: (() => void)[] = [];
    for (let flight = this.#flights.peek(); flight !== undefined && flight.upTo <= upTo; flight = this.#flights.peek()) {
      this.#flights.shift();
      this.#outstanding = this.#flights.size === 0 ? 0 : this.#outstanding - flight.cost;
      this.#done = flight.upTo;
      this.#doneCost += flight.cost;
      if (flight.landed) ended.push(flight.landed);
    }
    this.#busyUntil = this.#options.clock.now + this.#outstanding * this.#crowd;
    this.#drain();
    if (this.#isNewsDue()) {
      this.#doneCost = 0;
      this.#say({ kind: 'slices-done', gate: this.#options.gate, upTo: this.#done });
    }
    for (const landed of ended) landed();
  }

  #isNewsDue(): boolean {
    return this.#released >= this.#allowed || this.#flights.size === 0 || this.#doneCost >= newsAfter * this.#quantum;
  }
}

function merged(pieces: readonly Piece[]): Piece {
  let predicted = 0;
  let cost = 0;
  for (const piece of pieces) {
    predicted += piece.predicted;
    cost += piece.cost;
  }
  return { predicted, cost };
}

/** Slices of about one quantum: a piece that would take one further from it than leaving it out begins the next. */
export function cut(pieces: readonly Piece[], quantum: Micros): readonly Piece[] {
  const slices: Piece[] = [];
  let from = 0;
  let length = 0;
  for (const [index, { predicted }] of pieces.entries()) {
    const isFurther = Math.abs(length + predicted - quantum) > Math.abs(length - quantum);
    if (index > from && quantum !== Infinity && isFurther) {
      slices.push(merged(pieces.slice(from, index)));
      from = index;
      length = 0;
    }
    length += predicted;
  }
  slices.push(merged(pieces.slice(from)));
  return slices;
}
