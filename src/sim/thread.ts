import type { Micros } from '../base/units.ts';
import type { Command, SchedulerEvent } from '../core/event.ts';
import type { GateId, LaneId, OpId } from '../core/op.ts';
import type { FalseClock } from './clock.ts';
import type { Fate } from './faults.ts';
import type { FalseGate } from './gate.ts';
import type { Lane } from './lane.ts';
import { Line } from './line.ts';
import type { LaneLife } from './log.ts';
import type { PlayedOp } from './workload.ts';

/** What the scheduler tells a lane and its gate. */
export type LaneCommand = Extract<Command, { readonly kind: 'start' | 'abort' | 'release' | 'recall' | 'credit' }>;

export interface ThreadOptions {
  readonly clock: FalseClock;
  readonly life: LaneLife;
  readonly delay: () => Micros;
  readonly fate: Fate;
  readonly tell: (event: SchedulerEvent) => void;
  readonly played: (op: OpId) => PlayedOp;
}

/**
 * A lane, its gate, and a port between them and the scheduler, as the page sees them: it also keeps what it still expects to hear, because a
 * lane that says nothing while something is due must be closed.
 */
export class Thread {
  readonly #options: ThreadOptions;
  readonly #toScheduler: Line<SchedulerEvent>;
  readonly #toLane: Line<LaneCommand>;
  #inside!: { readonly lane: Lane; readonly gate: FalseGate | undefined };
  /** Ops that were started here, and whether all of each is in the gate. */
  readonly #started = new Map<OpId, { readonly attempt: number; isEncoded: boolean }>();
  #announced = 0;
  #released = 0;
  #done = 0;
  #isRecalling = false;
  #heardAt: Micros;

  constructor(options: ThreadOptions) {
    this.#options = options;
    const { clock, delay, fate } = options;
    this.#heardAt = clock.now;
    const copies = (message: SchedulerEvent | Command): number => fate.copies(message);
    this.#toLane = new Line<LaneCommand>({ clock, delay, copies, deliver: (command) => this.#obey(command) });
    this.#toScheduler = new Line<SchedulerEvent>({ clock, delay, copies, deliver: (event) => this.#hear(event) });
  }

  get lane(): LaneId {
    return this.#options.life.lane;
  }

  get gate(): GateId | undefined {
    return this.#options.life.gate;
  }

  /** Nothing is under way here, not even a word that is owed. */
  get isQuiet(): boolean {
    return this.#started.size === 0 && this.#toLane.underWay + this.#toScheduler.underWay === 0 && this.dueSince === Infinity;
  }

  inhabit(lane: Lane, gate: FalseGate | undefined): void {
    this.#inside = { lane, gate };
  }

  /** From inside, to the scheduler. */
  say(event: SchedulerEvent): void {
    this.#toScheduler.send(event);
  }

  command(command: LaneCommand): void {
    // From now on something is due: patience begins anew.
    if (this.dueSince === Infinity) this.#heardAt = this.#options.clock.now;
    if (command.kind === 'start') this.#started.set(command.op, { attempt: command.attempt, isEncoded: false });
    if (command.kind === 'release') this.#released = Math.max(this.#released, command.upTo);
    if (command.kind === 'recall') this.#isRecalling = true;
    this.#toLane.send(command);
  }

  /** Since when the lane owes a word; `Infinity` while it may be silent, because it has nothing to do or the scheduler has not released it. */
  get dueSince(): Micros {
    const owes = this.#isRecalling || this.#released > this.#done || this.#isEncoding() || (this.#started.size > 0 && this.#announced <= this.#released);
    return owes ? this.#heardAt : Infinity;
  }

  /** `late`: what is under way to the scheduler still arrives. */
  close(lastWords: 'lost' | 'late'): void {
    const { life, clock } = this.#options;
    life.closedAt = clock.now;
    this.#inside.lane.close();
    this.#toLane.cut();
    if (lastWords === 'lost') this.#toScheduler.cut();
    this.#started.clear();
  }

  #isEncoding(): boolean {
    for (const { isEncoded } of this.#started.values()) if (!isEncoded) return true;
    return false;
  }

  #obey(command: LaneCommand): void {
    const { lane, gate } = this.#inside;
    switch (command.kind) {
      case 'start': lane.start(this.#options.played(command.op), command.attempt, command.priority); return;
      case 'abort': lane.abort(command.op); return;
      case 'release': gate?.release(command.upTo, command.crowd); return;
      case 'recall': gate?.recall(); return;
      case 'credit': gate?.credit(command.credit, command.pace, command.quantum); return;
    }
  }

  #hear(event: SchedulerEvent): void {
    this.#heardAt = this.#options.clock.now;
    switch (event.kind) {
      case 'slices-ready':
        this.#announced += event.costs.length;
        this.#released = Math.max(this.#released, event.released);
        break;
      case 'slices-released': this.#released = Math.max(this.#released, event.upTo); break;
      case 'slices-done': this.#done = Math.max(this.#done, event.upTo); break;
      case 'slices-recalled':
        this.#isRecalling = false;
        this.#released = Math.max(this.#done, event.upTo);
        break;
      case 'op-encoded': this.#encoded(event.op, event.attempt); break;
      case 'op-finished':
      case 'op-failed':
        if (this.#started.get(event.op)?.attempt === event.attempt) this.#started.delete(event.op);
        break;
      default:
    }
    this.#options.tell(event);
  }

  #encoded(op: OpId, attempt: number | undefined): void {
    const started = this.#started.get(op);
    if (started?.attempt === attempt && started !== undefined) started.isEncoded = true;
  }
}
