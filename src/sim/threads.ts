import type { Micros } from '../base/units.ts';
import type { SchedulerEvent } from '../core/event.ts';
import type { GateId, LaneId, OpId, TenantId } from '../core/op.ts';
import { around, happens, stream } from './chance.ts';
import type { FalseClock } from './clock.ts';
import { type Random, uniform, whole } from './draws.ts';
import { calm, Fate, type Faults, longestReopening, patience } from './faults.ts';
import { FalseGate } from './gate.ts';
import { FalseGpu, type GpuRun } from './gpu.ts';
import { GatedLane, PlainLane } from './lane.ts';
import type { LaneLife } from './log.ts';
import { Runs } from './runs.ts';
import { type LaneCommand, Thread } from './thread.ts';
import type { LaneSpec, PlayedOp } from './workload.ts';

export interface Delays {
  /** A message between two threads, on average; each takes from half to one and a half of it. */
  readonly message: Micros;
  /** From the end of work on the GPU until its gate knows, likewise. */
  readonly notify: Micros;
}

export interface ThreadsOptions {
  readonly clock: FalseClock;
  readonly seed: number;
  readonly specs: readonly LaneSpec[];
  readonly delays: Delays;
  readonly noise: number;
  readonly faults: Faults;
  readonly tell: (event: SchedulerEvent) => void;
  readonly mishap: (fault: string) => void;
  readonly played: (op: OpId) => PlayedOp;
  readonly began: (op: OpId, run: LaneLife['runs'][number]) => void;
}

/** All lanes of a world with their gates and the one GPU behind them: opened, lost, and opened again. */
export class Threads {
  readonly #options: ThreadsOptions;
  readonly #gpu: FalseGpu;
  readonly #delay: Random;
  readonly #service: Random;
  readonly #mishaps: Random;
  readonly #fate: Fate;
  readonly #threads = new Map<LaneId, Thread>();
  readonly #byGate = new Map<GateId, Thread>();
  /** By place in the workload's list: who is there, or will be. */
  readonly #places: LaneId[] = [];
  #laneCount = 0;
  readonly lives: LaneLife[] = [];
  readonly gpuRuns: GpuRun[] = [];

  constructor(options: ThreadsOptions) {
    const { clock, seed, faults } = options;
    this.#options = options;
    this.#gpu = new FalseGpu(clock, this.gpuRuns);
    this.#delay = stream(seed, 'delays');
    this.#service = stream(seed, 'service');
    this.#mishaps = stream(seed, 'mishaps');
    this.#fate = new Fate(faults, stream(seed, 'fate'));
  }

  get isQuiet(): boolean {
    for (const thread of this.#threads.values()) if (!thread.isQuiet) return false;
    return true;
  }

  /** Who is at a place of the workload's list, which counts from 1; where nobody is, the next that will be. */
  at(place: LaneId): LaneId {
    return this.#places[place - 1] ?? place;
  }

  openAll(): void {
    for (const place of this.#options.specs.keys()) {
      this.#reserve(place);
      this.#open(place);
    }
  }

  /** Loses who is at a place, as `at` counts. */
  lose(place: number): void {
    const thread = this.#threads.get(this.#places[place - 1]!);
    if (thread !== undefined) this.#lose(thread, place - 1, 'its device is lost');
  }

  command(command: LaneCommand): void {
    const thread = 'lane' in command ? this.#threads.get(command.lane) : this.#byGate.get(command.gate);
    thread?.command(command);
  }

  #reserve(place: number): void {
    this.#places[place] = (this.#laneCount += 1) as LaneId;
  }

  #open(place: number): void {
    const { clock, specs, tell, faults } = this.#options;
    const { laneKind, tenant, gated } = specs[place]!;
    const lane = this.#places[place]!;
    const gate = gated ? (lane as number as GateId) : undefined;
    const life: LaneLife = { lane, laneKind, tenant, gate, openedAt: clock.now, runs: [] };
    const thread = this.#thread(life);
    this.lives.push(life);
    this.#threads.set(lane, thread);
    if (gate !== undefined && gated) {
      this.#byGate.set(gate, thread);
      tell({ kind: 'gate-opened', gate, tenant: tenant ?? (`lane ${lane}` as TenantId), priority: gated.priority });
    }
    tell({ kind: 'lane-opened', lane, laneKind, ...(tenant === undefined ? {} : { tenant }), ...(gate === undefined ? {} : { gate }) });
    if (faults === calm) return; // Nobody has to watch.
    this.#watch(thread, place);
    if (faults.losses > 0) clock.after(Math.round(uniform(this.#mishaps, 0, 2e6 / faults.losses)), () => this.#lose(thread, place, 'its device is lost'));
  }

  #thread(life: LaneLife): Thread {
    const { clock, delays, noise, faults, tell, played, began } = this.#options;
    const delay = (): Micros => around(this.#delay, delays.message);
    const thread = new Thread({ clock, life, fate: this.#fate, delay, tell, played });
    const say = (event: SchedulerEvent): void => thread.say(event);
    const runs = new Runs({ clock, say, lane: life.lane, began: (run) => {
      life.runs.push(run);
      began(run.op, run);
    } });
    const options = { clock, kind: life.laneKind, runs, noise, random: this.#service, hangs: () => happens(this.#mishaps, faults.hung) };
    if (life.gate === undefined) thread.inhabit(new PlainLane(options), undefined);
    else {
      const gate = new FalseGate({ gate: life.gate, clock, gpu: this.#gpu, say, notify: () => around(this.#delay, delays.notify) });
      thread.inhabit(new GatedLane(options, gate), gate);
    }
    return thread;
  }

  /** The page closes a lane that owes a word for too long. */
  #watch(thread: Thread, place: number): void {
    const { clock } = this.#options;
    clock.at(Math.max(clock.now + 1, Math.min(thread.dueSince, clock.now) + patience), () => {
      if (!this.#threads.has(thread.lane)) return;
      if (thread.dueSince + patience <= clock.now) this.#lose(thread, place, 'it says nothing');
      else this.#watch(thread, place);
    });
  }

  #lose(thread: Thread, place: number, why: string): void {
    const { clock, tell, mishap, faults } = this.#options;
    if (!this.#threads.delete(thread.lane)) return;
    mishap(`lane ${thread.lane} is lost: ${why}`);
    thread.close(happens(this.#mishaps, faults.lateNews) ? 'late' : 'lost');
    this.#reserve(place);
    // A lost device is noticed by its gate, a dead worker by its lane.
    const isGateFirst = happens(this.#mishaps, 0.5);
    if (isGateFirst) this.#closeGate(thread);
    tell({ kind: 'lane-closed', lane: thread.lane });
    if (!isGateFirst) this.#closeGate(thread);
    clock.after(whole(this.#mishaps, 1, longestReopening), () => this.#open(place));
  }

  #closeGate({ gate }: Thread): void {
    if (gate === undefined) return;
    this.#byGate.delete(gate);
    this.#options.tell({ kind: 'gate-closed', gate });
  }
}
