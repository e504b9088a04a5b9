import { unreachable } from '../base/assert.ts';
import type { Micros } from '../base/units.ts';
import type { Command, SchedulerEvent } from '../core/event.ts';
import type { Op, OpFailure, OpId } from '../core/op.ts';
import { Scheduler } from '../core/scheduler.ts';
import { around, happens, stream } from './chance.ts';
import { FalseClock } from './clock.ts';
import { type Random, uniform } from './draws.ts';
import { backward, calm, type Faults, forward } from './faults.ts';
import { Lives } from './lives.ts';
import type { Life, Log, Step } from './log.ts';
import { type Delays, Threads } from './threads.ts';
import { complaint, Watcher } from './watcher.ts';
import type { Arrival, PlayedOp, Workload } from './workload.ts';

/** The door of the scheduler: the real one, or one with a rule broken. */
export interface Core {
  step(event: SchedulerEvent, now: Micros): readonly Command[];
  check(): void;
  report(): { readonly unfinished: number; readonly inFlight: Micros };
}

export interface WorldOptions {
  readonly seed: number;
  /** Default: a new scheduler. */
  readonly core?: Core;
  /** Default: `calm`. */
  readonly faults?: Faults;
  readonly delays?: Partial<Delays>;
  /** Spread (sigma of a log-normal) of what things take around estimate × factor. Default: 0.1. */
  readonly noise?: number;
  /** The world ends here, whatever is unfinished. Default: never. */
  readonly until?: Micros;
  /** `each-step`: every rule is re-derived after each step, and a broken one thrown. Default: `nothing`, which is many times faster. */
  readonly watch?: 'each-step' | 'nothing';
  /** At least so many last steps are kept in the log. Default: all. */
  readonly steps?: number;
}

const defaultDelays: Delays = { message: 80, notify: 200 };

/**
 * Plays a workload to its end, with everything drawn from the seed: the same world gives the same log. A workload is for one play, because its
 * source may remember. It names lanes by their place in `lanes`, from 1; when one was lost, the next that opens takes its place.
 */
export const play = (workload: Workload, options: WorldOptions): Log => new World(workload, options).run();

/**
 * A whole false world around a scheduler: threads, ports, one GPU, whoever asks, and what goes wrong. It obeys commands and tells
 * events as the edges of the browser do, and decides nothing.
 */
export class World {
  readonly #workload: Workload;
  readonly #options: WorldOptions;
  readonly #faults: Faults;
  readonly #delays: Delays;
  readonly #core: Core;
  readonly #watcher: Watcher | undefined;
  readonly #clock = new FalseClock();
  readonly #threads: Threads;
  readonly #lives = new Lives();
  readonly #steps: Step[] = [];
  readonly #mishaps: { readonly at: Micros; readonly fault: string }[] = [];
  readonly #delay: Random;
  readonly #jumps: Random;
  /** How far the scheduler's clock is off. */
  #skew: Micros = 0;
  #wakes = 0;
  /** Arrivals that are still to come. */
  #expected = 0;

  constructor(workload: Workload, options: WorldOptions) {
    const { seed, faults = calm, noise = 0.1 } = options;
    this.#workload = workload;
    this.#options = options;
    this.#faults = faults;
    this.#delays = { ...defaultDelays, ...options.delays };
    this.#core = options.core ?? new Scheduler();
    this.#watcher = options.watch === 'each-step' ? new Watcher() : undefined;
    this.#delay = stream(seed, 'page');
    this.#jumps = stream(seed, 'jumps');
    this.#threads = new Threads({
      clock: this.#clock, seed, specs: workload.lanes, delays: this.#delays, noise, faults,
      tell: (event) => this.#tell(event),
      mishap: (fault) => this.#mishap(fault),
      played: (op) => this.#lives.of(op)!.played,
      began: (op, run) => this.#lives.of(op)!.runs.push(run),
    });
  }

  run(): Log {
    this.#open();
    const { until = Infinity, seed } = this.#options;
    let isQuiet = this.#isQuiet();
    while (!isQuiet && this.#clock.nextAt <= until && this.#clock.step()) isQuiet = this.#isQuiet();
    const log: Log = {
      workload: this.#workload.name, seed, steps: this.#steps, lives: this.#lives.all, lanes: this.#threads.lives, gpu: this.#threads.gpuRuns,
      faults: this.#mishaps, endAt: this.#clock.now, ended: isQuiet ? 'quiet' : this.#clock.nextAt === Infinity ? 'stalled' : 'time-limit',
    };
    this.#told(() => this.#watcher?.ended(log, this.#core.report()));
    return log;
  }

  #open(): void {
    const { tenants = [], resources = [], tuning, source } = this.#workload;
    if (tuning) this.#tell({ kind: 'tuned', tuning });
    for (const tenant of tenants) this.#tell({ kind: 'tenant-set', ...tenant });
    for (const resource of resources) this.#tell({ kind: 'resource-set', ...resource });
    this.#threads.openAll();
    this.#expect(source.arrivals);
    const { jumps, planned } = this.#faults;
    if (jumps > 0) this.#jumpLater();
    if (planned?.kind === 'lane-lost') this.#clock.at(planned.at, () => this.#threads.lose(planned.place));
  }

  #isQuiet(): boolean {
    return this.#expected + this.#lives.unended === 0 && this.#threads.isQuiet;
  }

  #expect(arrivals: readonly Arrival[]): void {
    for (const arrival of arrivals) {
      this.#expected += 1;
      this.#clock.at(Math.max(this.#clock.now, arrival.at), () => {
        this.#expected -= 1;
        if ('ops' in arrival) this.#submit(arrival.ops);
        else this.#ask(arrival.event);
      });
    }
  }

  #submit(played: readonly PlayedOp[]): void {
    const ops = played.map(({ op }) => this.#presented(op));
    this.#lives.submit(ops, played, this.#clock.now);
    if (ops.length === 1) this.#tell({ kind: 'op-submitted', op: ops[0]! });
    else if (ops.length > 1) this.#tell({ kind: 'ops-submitted', ops });
  }

  /** As the edge tells it: on the scheduler's clock, and with the lanes that are there. */
  #presented(op: Op): Op {
    const { lane, prefers, deadlineAt } = op;
    return {
      ...op,
      deadlineAt: deadlineAt + this.#skew,
      ...(lane === undefined ? {} : { lane: this.#threads.at(lane) }),
      ...(prefers === undefined ? {} : { prefers: this.#threads.at(prefers) }),
    };
  }

  #ask(event: SchedulerEvent): void {
    if (event.kind === 'dependency-added') this.#lives.depend(event.op, event.dependency.op);
    if (event.kind === 'op-cancelled') this.#end(event.op, 'cancelled');
    if (event.kind === 'graph-cancelled') for (const { op } of this.#lives.all.values()) if (op.graph === event.graph) this.#end(op.op, 'cancelled');
    this.#tell(event.kind === 'deadline-changed' ? { ...event, deadlineAt: event.deadlineAt + this.#skew } : event);
  }

  #tell(event: SchedulerEvent): void {
    const now = this.#clock.now + this.#skew;
    const commands = this.#told(() => this.#core.step(event, now));
    const step: Step = { at: this.#clock.now, now, event, commands };
    this.#keep(step);
    if (this.#watcher) this.#told(() => this.#watched(this.#watcher!, step));
    if (event.kind === 'lane-closed') this.#lives.lost(event.lane);
    if (event.kind === 'op-finished' && this.#lives.counts(event.op, event.attempt)) this.#end(event.op, 'done');
    for (const command of commands) this.#perform(command);
  }

  #keep(step: Step): void {
    const { steps: most = Infinity } = this.#options;
    this.#steps.push(step);
    if (this.#steps.length > 2 * most) this.#steps.splice(0, most);
  }

  #watched(watcher: Watcher, step: Step): void {
    watcher.saw(step);
    this.#core.check();
  }

  /** What goes wrong in there is told with the story before it. */
  #told<T>(look: () => T): T {
    try {
      return look();
    } catch (error) {
      throw complaint(error, { workload: this.#workload.name, seed: this.#options.seed, at: this.#clock.now, steps: this.#steps });
    }
  }

  #perform(command: Command): void {
    switch (command.kind) {
      case 'start':
        this.#lives.started(command.op, command.lane, command.attempt);
        this.#threads.command(command);
        return;
      case 'abort':
      case 'release':
      case 'recall':
      case 'credit': this.#threads.command(command); return;
      case 'settle': this.#end(command.op, 'failed', command.failure); return;
      case 'wake': this.#wake(command.at); return;
      case 'refuse-dependency':
      case 'policy-replaced': return;
      default: unreachable(command);
    }
  }

  #wake(at: Micros): void {
    const wake = (this.#wakes += 1);
    if (at === Infinity) return;
    this.#clock.after(Math.max(0, at - this.#clock.now - this.#skew), () => {
      if (wake === this.#wakes) this.#tell({ kind: 'woke' });
    });
  }

  #end(op: OpId, end: NonNullable<Life['end']>, failure?: OpFailure): void {
    const { source } = this.#workload;
    if (!this.#lives.end(op, end, this.#clock.now, failure) || source.ended === undefined) return;
    this.#expected += 1;
    this.#clock.after(around(this.#delay, this.#delays.message), () => {
      this.#expected -= 1;
      this.#expect(source.ended!(op, end === 'done' ? 'done' : 'failed', this.#clock.now));
    });
  }

  #jumpLater(): void {
    this.#clock.after(Math.round(uniform(this.#jumps, 0, 2e6 / this.#faults.jumps)), () => {
      const by = happens(this.#jumps, 0.5) ? forward : backward;
      this.#skew += by;
      this.#mishap(`the scheduler's clock jumps by ${by}`);
      this.#jumpLater();
    });
  }

  #mishap(fault: string): void {
    this.#mishaps.push({ at: this.#clock.now, fault });
  }
}
