import type { Micros } from '../base/units.ts';
import { costOf } from '../core/op-record.ts';
import type { LaneKind, OpId, Priority } from '../core/op.ts';
import { happens, truly } from './chance.ts';
import type { FalseClock } from './clock.ts';
import type { Random } from './draws.ts';
import type { FalseGate, Piece } from './gate.ts';
import type { Run } from './log.ts';
import type { Runs } from './runs.ts';
import type { PlayedOp } from './workload.ts';

/** What is known to nobody takes so long. */
const unknownCost: Micros = 1_000;

export interface LaneOptions {
  readonly clock: FalseClock;
  readonly kind: LaneKind;
  readonly runs: Runs;
  readonly random: Random;
  /** Spread of what things take around what was foreseen. */
  readonly noise: number;
  /** Whether this run never ends by itself; drawn for each. */
  readonly hangs: () => boolean;
}

/** Where ops run, as the scheduler's commands reach it. */
export interface Lane {
  start(played: PlayedOp, attempt: number, priority: Priority): void;
  /** Says that the op ended, now or when it does. */
  abort(op: OpId): void;
  /** Its worker is gone, and says nothing any more. */
  close(): void;
}

/** Runs each op on its own thread, whole: a lane of the CPU, or of a server. */
export class PlainLane implements Lane {
  readonly #options: LaneOptions;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  start(played: PlayedOp, attempt: number): void {
    const { clock, kind, runs, random, noise, hangs } = this.#options;
    const run = runs.begin(played, attempt);
    if (run === undefined || hangs()) return;
    const cost = Math.max(1, truly(random, foreseen(played, kind) * (played.factor ?? 1), noise));
    run.dueAt = clock.now + cost;
    runs.later(run, cost, () => {
      run.service = cost;
      if (attempt <= (played.failures ?? 0)) runs.fail(run, 'failed');
      else runs.finish(run, cost);
    });
  }

  abort(op: OpId): void {
    const { clock, runs, random } = this.#options;
    const run = runs.of(op);
    // Some of what would end by itself cannot be stopped.
    if (run === undefined || (run.dueAt !== undefined && happens(random, 0.5))) return;
    run.service = clock.now - run.startAt;
    runs.fail(run, 'aborted');
  }

  close(): void {
    const { clock, runs } = this.#options;
    for (const run of runs.close()) run.service = clock.now - run.startAt;
  }
}

/** Writes the commands of one op at a time, and puts them into its gate. */
export class GatedLane implements Lane {
  readonly #options: LaneOptions;
  readonly #gate: FalseGate;

  constructor(options: LaneOptions, gate: FalseGate) {
    this.#options = options;
    this.#gate = gate;
  }

  start(played: PlayedOp, attempt: number, priority: Priority): void {
    const { kind, runs, random, noise } = this.#options;
    const run = runs.begin(played, attempt);
    if (run === undefined) return;
    const encode = truly(random, played.encode ?? 0, noise);
    const pieces = (played.slices ?? [foreseen(played, kind)]).map((predicted): Piece =>
      ({ predicted, cost: truly(random, predicted * (played.factor ?? 1), noise) }));
    runs.later(run, encode, () => {
      run.service = encode;
      this.#encoded(played, run, priority, pieces);
    });
  }

  /** What is in the gate, or on the GPU, goes on to its end. */
  abort(op: OpId): void {
    const { clock, runs } = this.#options;
    const run = runs.of(op);
    if (run === undefined || run.encodedAt !== undefined) return;
    run.service = clock.now - run.startAt;
    runs.fail(run, 'aborted');
  }

  close(): void {
    this.#gate.close();
    this.#options.runs.close();
  }

  #encoded(played: PlayedOp, run: Run, priority: Priority, pieces: readonly Piece[]): void {
    const { clock, runs, random, hangs } = this.#options;
    const isFailing = run.attempt <= (played.failures ?? 0);
    // Some fail before they reach the GPU, some after.
    if (isFailing && happens(random, 0.5)) {
      runs.fail(run, 'failed');
      return;
    }
    run.encodedAt = clock.now;
    let cost = 0;
    for (const piece of pieces) cost += piece.cost;
    const landed = (): void => {
      if (!runs.has(run)) return;
      run.service += cost;
      if (isFailing) runs.fail(run, 'failed');
      else runs.finish(run, cost);
    };
    this.#gate.submit({ op: run.op, priority, pieces, isHung: hangs(), landed });
    runs.encoded(run);
  }
}

function foreseen({ op, slices }: PlayedOp, kind: LaneKind): Micros {
  const estimate = op.costs?.[kind];
  if (estimate) return costOf(estimate, op.items ?? 1);
  let sum = 0;
  for (const cost of slices ?? [unknownCost]) sum += cost;
  return sum;
}
