import { Fifo } from '../base/fifo.ts';
import type { Micros } from '../base/units.ts';
import type { OpId, Priority, Train } from '../wire/messages.ts';
import { learn } from './cost-table.ts';
import type { ErrorScopes } from './error-scopes.ts';
import type { AccountControl, GateControl, GateLink, Switch } from './link.ts';
import type { Piece } from './piece.ts';
import { type Landing, PieceTimes } from './piece-times.ts';
import type { SliceTimer } from './slice-timer.ts';
import { type CallTurn, costOf, type Submission, type SubmitTurn } from './turn.ts';

/** What the gate does to the real queue. */
export interface NativeQueue {
  submit(commands: GPUCommandBuffer[]): undefined;
  onSubmittedWorkDone(): Promise<undefined>;
}

export interface GateOptions {
  readonly tenant: string;
  readonly priority: Priority;
  readonly queue: NativeQueue;
  readonly scopes: ErrorScopes;
  readonly timer: SliceTimer | undefined;
  readonly account: AccountControl;
  /** µs, monotonic, of this thread. */
  readonly now: () => Micros;
  readonly after: (delay: Micros, call: () => void) => void;
}

/** While the gate goes on, the scheduler hears of what is done after so many quanta. */
const newsAfter = 4;

/** A pace of so many quanta is refilled when half of it is done, several slices in one submit: each waking takes time from a GPU that is a CPU. */
const longPace = 4;

/** So much GPU time behind what runs is enough for a notice to arrive and be acted on. */
const coveredByNotice: Micros = 1_500;

/** Slices that were submitted in one go. */
interface Flight extends Landing {
  readonly upTo: number;
  readonly count: number;
  readonly pieces: readonly Piece[];
  readonly cost: Micros;
  readonly releasedAt: Micros;
  /** With it, so many submits are done. */
  readonly submits: number;
}

/**
 * The FIFO in front of one device's queue. Whatever the application does to the queue takes its turn here while anything
 * waits, and passes straight through while nothing does, so inside one device nothing is ever reordered.
 *
 * Slices leave when the scheduler releases them, or at once while the gate has credit. Slices are numbered from 0, and both
 * sides speak of them cumulatively.
 */
export class Gate implements GateControl {
  readonly #options: GateOptions;
  readonly #times: PieceTimes | undefined;
  #link: GateLink;
  readonly #fifo = new Fifo<CallTurn | SubmitTurn>();
  readonly #unannounced = new Fifo<SubmitTurn>();
  readonly #flights = new Fifo<Flight>();
  #hazards = 0;
  /** What belongs to whom, for submits made from now on. */
  #op = 0 as OpId;
  #priority: Priority;
  #credit: Micros = Infinity;
  #pace: Micros = Infinity;
  #quantum: Micros = Infinity;
  #announced = 0;
  #released = 0;
  #allowed = 0;
  #outstanding: Micros = 0;
  /** When the GPU is predicted to have done all that was submitted here; put right whenever something is done. */
  #busyUntil: Micros = 0;
  #isComingBack = false;
  #crowd = 1;
  #doneUpTo = 0;
  #doneCost: Micros = 0;
  #isWatching = false;
  #isClosed = false;
  #submitted = 0;
  #completed = 0;
  #lastDoneAt: Micros = 0;
  /** What is done and the scheduler was not told of. */
  #landed: Train[] = [];
  /** Grows when another scheduler takes over and numbering starts again. */
  #epoch = 0;

  constructor(options: GateOptions, from: Switch) {
    this.#options = options;
    this.#priority = options.priority;
    this.#link = this.#open(from);
    const { timer } = options;
    this.#times = timer && new PieceTimes(timer, (slices) => this.#link.timed(slices));
  }

  /** Nothing waits: calls may go straight to the device. */
  get isIdle(): boolean {
    return this.#fifo.size === 0;
  }

  /** How many submits the application has made, and how many of them the GPU is known to be through with. */
  get submitted(): number { return this.#submitted; }
  get completed(): number { return this.#completed; }

  /** A submit that WebGPU must refuse waits: what would make it legal must wait behind it. */
  get hasHazard(): boolean {
    return this.#hazards > 0;
  }

  /** Aimed length of a slice; `Infinity` while nobody is kept waiting by this gate. */
  get quantum(): Micros {
    return this.#quantum;
  }

  /** Submits from now on belong to this op. */
  attribute(op: OpId, priority: Priority): void {
    this.#op = op;
    this.#priority = priority;
  }

  /** Now, or behind everything that waits. */
  inTurn(call: () => void): void {
    return this.isIdle ? call() : this.enqueue(call, false);
  }

  /** Takes a turn behind everything that waits. Only while the gate is not idle. */
  enqueue(call: () => void, isHazard: boolean): void {
    const place = this.#options.scopes.place();
    this.#hazards += isHazard ? 1 : 0;
    this.#fifo.push({ kind: 'call', call, place, answer: this.#options.scopes.expect(place), isHazard });
  }

  submit(submission: Submission): void {
    if (submission.cannotWait) this.#flush();
    this.#submitted += 1;
    const cost = costOf(submission.pieces);
    if (this.isIdle && (submission.cannotWait || this.#hasCredit(cost))) {
      this.#options.queue.submit([...submission.commands]);
      this.#announced += 1;
      this.#fly(this.#op, 1, submission.pieces, this.#submitted);
      this.#link.ready(this.#op, this.#priority, [cost], this.#released);
      return;
    }
    const { scopes } = this.#options;
    const place = scopes.place();
    const { proof, isHazard } = submission;
    const turn: SubmitTurn = {
      kind: 'submit', submission, place, answer: scopes.expect(place), isHazard,
      op: this.#op, priority: this.#priority, proof, slices: 0, next: 0, number: this.#submitted,
    };
    if (proof instanceof Promise) void proof.then((valid) => this.#proved(turn, valid));
    this.#hazards += submission.isHazard ? 1 : 0;
    this.#fifo.push(turn);
    this.#unannounced.push(turn);
    this.#announce();
  }

  release(upTo: number, crowd: number): void {
    this.#crowd = crowd;
    this.#allowed = Math.max(this.#allowed, Math.min(upTo, this.#announced));
    this.#drain();
  }

  recall(): void {
    this.#allowed = this.#released;
    this.#link.recalled(this.#released);
  }

  credit(credit: Micros, pace: Micros, quantum: Micros): void {
    this.#credit = credit;
    this.#pace = pace;
    this.#quantum = quantum;
    this.#drain();
  }

  abandon(): void {
    this.credit(Infinity, Infinity, Infinity);
    this.#options.account.abandoned();
  }

  /** Another scheduler takes over: everything of before counts as done. */
  attach(to: Switch): void {
    this.#flush();
    this.#epoch += 1;
    const all = this.#submitted;
    const landed = (): void => void (this.#completed = Math.max(this.#completed, all));
    this.#options.queue.onSubmittedWorkDone().then(landed, landed);
    this.#flights.clear();
    this.#landed = [];
    this.#doneCost = 0;
    this.#announced = this.#released = this.#allowed = this.#outstanding = 0;
    this.#link = this.#open(to);
  }

  /** The device is gone or going: what waits reaches it now and ends there as WebGPU says. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#credit = Infinity;
    this.#flush();
    this.#link.closed();
    this.#options.account.abandoned();
  }

  #open(to: Switch): GateLink {
    const { tenant, priority, account } = this.#options;
    const link = to.open(tenant, priority, this, account);
    if (link.account === undefined) account.abandoned();
    else account.joined(link.account);
    return link;
  }

  #hasCredit(cost: Micros): boolean {
    return this.#credit > 0 && (this.#outstanding === 0 || this.#outstanding + cost <= this.#credit);
  }

  /** Tells the scheduler of slices, in order; a cut submit waits until WebGPU has accepted every piece of it. */
  #announce(): void {
    for (let turn = this.#unannounced.peek(); turn !== undefined; turn = this.#unannounced.peek()) {
      const { pieces } = turn.submission;
      if (turn.proof instanceof Promise) break;
      this.#unannounced.shift();
      const costs = turn.proof === true && pieces.length > 0 ? pieces.map((piece) => Math.round(piece.cost)) : [costOf(pieces)];
      turn.slices = costs.length;
      this.#announced += costs.length;
      this.#link.ready(turn.op, turn.priority, costs, this.#released);
    }
    this.#drain();
  }

  #proved(turn: SubmitTurn, valid: boolean): void {
    turn.proof = valid ? true : undefined;
    this.#announce();
  }

  #drain(): void {
    const before = this.#released;
    for (let turn = this.#fifo.peek(); turn !== undefined; turn = this.#fifo.peek()) {
      if (turn.kind === 'call') this.#call(turn);
      else if (!this.#submitSome(turn)) break;
    }
    if (this.#released === before) return;
    this.#watch(); // Now, so that it travels with the submit.
    if (this.#released > this.#allowed) this.#link.released(this.#released);
  }

  /** Everything now, whatever the scheduler says. */
  #flush(): void {
    for (let turn = this.#fifo.peek(); turn !== undefined; turn = this.#fifo.peek()) {
      if (turn.kind === 'call') this.#call(turn);
      else this.#submitSlices(turn, Infinity);
    }
    this.#link.released(this.#released);
  }

  #call(turn: CallTurn): void {
    this.#shift(turn);
    this.#options.scopes.run(turn.place, turn.answer, turn.call);
  }

  #submitSome(turn: SubmitTurn): boolean {
    if (this.#credit === Infinity) {
      this.#submitSlices(turn, Infinity);
      return true;
    }
    if (turn.slices === 0) return false;
    let count = this.#paced(turn, Math.min(turn.slices - turn.next, this.#allowed - this.#released));
    if (count <= 0) count = this.#hasCredit(this.#costOf(turn, turn.next)) ? 1 : 0;
    if (count <= 0) return false;
    this.#submitSlices(turn, count);
    return true;
  }

  /** How many of `most` slices to submit now, so that the GPU stays busy for `pace` and not much longer. Comes back when that is over. */
  #paced(turn: SubmitTurn, most: number): number {
    if (this.#pace === Infinity || most <= 0) return most;
    // Behind what runs there is enough, whatever the clock says: the next notice will tell.
    if (this.#outstanding >= this.#pace + (this.#flights.peek()?.cost ?? 0)) return 0;
    let ahead = Math.max(0, this.#busyUntil - this.#options.now());
    const low = this.#pace >= longPace * this.#quantum ? this.#pace / 2 : this.#pace;
    if (ahead >= low) {
      this.#comeBack(ahead - low);
      return 0;
    }
    let count = 0;
    while (count < most && ahead < this.#pace) {
      ahead += this.#costOf(turn, turn.next + count) * this.#crowd;
      count += 1;
    }
    if (ahead >= this.#pace) this.#comeBack(ahead - low);
    return count;
  }

  /** Slices are submitted by the clock, and when others are known to be done. */
  #comeBack(delay: Micros): void {
    if (this.#isComingBack) return;
    // The notice that the oldest flight is done comes before the GPU is through with the others: no clock is needed as well.
    if (this.#outstanding - (this.#flights.peek()?.cost ?? 0) >= coveredByNotice) return;
    this.#isComingBack = true;
    this.#options.after(delay, () => {
      this.#isComingBack = false;
      this.#drain();
    });
  }

  #costOf(turn: SubmitTurn, slice: number): Micros {
    const { pieces } = turn.submission;
    return turn.slices === 1 ? costOf(pieces) : pieces[slice]!.cost;
  }

  #submitSlices(turn: SubmitTurn, most: number): void {
    const { submission } = turn;
    if (turn.slices === 0) {
      // Not announced yet: it goes as one slice.
      turn.slices = 1;
      this.#unannounced.shift();
      this.#announced += 1;
      this.#link.ready(turn.op, turn.priority, [costOf(submission.pieces)], this.#released);
    }
    const isWhole = turn.slices === 1;
    const count = Math.min(most, turn.slices - turn.next);
    const pieces = isWhole ? submission.pieces : submission.pieces.slice(turn.next, turn.next + count);
    const commands = isWhole ? submission.commands : pieces.map((piece) => piece.commands);
    turn.next += count;
    const isLast = turn.next === turn.slices;
    if (isLast) this.#shift(turn);
    // Pieces that were proved to be valid raise nothing, so the last one may speak for all.
    this.#options.scopes.run(turn.place, isLast ? turn.answer : undefined, () => this.#options.queue.submit([...commands]));
    this.#fly(turn.op, count, pieces, isLast ? turn.number : turn.number - 1);
  }

  #shift(turn: CallTurn | SubmitTurn): void {
    this.#fifo.shift();
    this.#hazards -= turn.isHazard ? 1 : 0;
  }

  #fly(op: OpId, count: number, pieces: readonly Piece[], submits: number): void {
    this.#released += count;
    const cost = costOf(pieces);
    this.#outstanding += cost;
    const now = this.#options.now();
    this.#busyUntil = Math.max(this.#busyUntil, now) + cost * this.#crowd;
    const flight: Flight = { op, upTo: this.#released, count, pieces, cost, releasedAt: now, submits, doneAt: undefined, crowd: this.#crowd };
    this.#flights.push(flight);
    this.#times?.submitted(pieces, flight);
    if (this.#isWatching) return;
    this.#isWatching = true;
    queueMicrotask(() => this.#watch());
  }

  /** Asks to be told when all that was submitted is done; once for what was submitted together, since each notice costs the browser as much as many dispatches. */
  #watch(): void {
    if (!this.#isWatching) return;
    this.#isWatching = false;
    const upTo = this.#released;
    const epoch = this.#epoch;
    const landed = (): void => this.#land(upTo, epoch);
    this.#options.queue.onSubmittedWorkDone().then(landed, landed); // A lost device rejects; its slices are over all the same.
    this.#times?.collect(this.isIdle);
  }

  #land(upTo: number, epoch: number): void {
    if (epoch !== this.#epoch) return;
    const now = this.#options.now();
    const trains: Train[] = [];
    for (let flight = this.#flights.peek(); flight !== undefined && flight.upTo <= upTo; flight = this.#flights.peek()) {
      this.#flights.shift();
      flight.doneAt = now;
      this.#completed = flight.submits;
      this.#outstanding = this.#flights.size === 0 ? 0 : this.#outstanding - flight.cost;
      this.#doneUpTo = flight.upTo;
      this.#doneCost += flight.cost;
      trains.push({ op: flight.op, count: flight.count, predicted: Math.round(flight.cost), releasedAt: flight.releasedAt, doneAt: now });
      if (this.#times === undefined) {
        const took = now - Math.max(flight.releasedAt, this.#lastDoneAt);
        learn(flight.pieces.flatMap((piece) => piece.estimates), took / flight.crowd);
      }
    }
    this.#lastDoneAt = now;
    this.#busyUntil = now + this.#outstanding * this.#crowd;
    this.#landed.push(...trains);
    this.#drain();
    if (this.#isNewsDue()) this.#tellDone();
  }

  /** The scheduler hears at once when the gate has nothing more to do for it, and otherwise now and then: each message costs both threads. */
  #isNewsDue(): boolean {
    if (this.#landed.length === 0) return false;
    return this.#released >= this.#allowed || this.#flights.size === 0 || this.#doneCost >= newsAfter * this.#quantum;
  }

  #tellDone(): void {
    this.#link.done(this.#doneUpTo, this.#landed);
    this.#landed = [];
    this.#doneCost = 0;
  }
}
