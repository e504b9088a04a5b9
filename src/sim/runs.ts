import type { Micros } from '../base/units.ts';
import type { SchedulerEvent } from '../core/event.ts';
import type { LaneId, OpId } from '../core/op.ts';
import type { FalseClock } from './clock.ts';
import type { Run } from './log.ts';
import type { PlayedOp } from './workload.ts';

export interface RunsOptions {
  readonly clock: FalseClock;
  readonly lane: LaneId;
  readonly say: (event: SchedulerEvent) => void;
  readonly began: (run: Run) => void;
}

/** What is under way on one lane. Tells once how each run ended. */
export class Runs {
  readonly #options: RunsOptions;
  readonly #underWay = new Map<OpId, Run>();
  /** Last attempt of each op that was begun here: a start told twice is one. */
  readonly #begun = new Map<OpId, number>();

  constructor(options: RunsOptions) {
    this.#options = options;
  }

  of(op: OpId): Run | undefined {
    return this.#underWay.get(op);
  }

  has(run: Run): boolean {
    return this.#underWay.get(run.op) === run;
  }

  begin({ op: { op } }: PlayedOp, attempt: number): Run | undefined {
    if (attempt <= (this.#begun.get(op) ?? 0)) return undefined;
    this.#begun.set(op, attempt);
    const { clock, lane, began } = this.#options;
    const run: Run = { op, attempt, lane, startAt: clock.now, service: 0 };
    this.#underWay.set(op, run);
    began(run);
    return run;
  }

  /** Later, if the run is not over by then. */
  later(run: Run, delay: Micros, call: () => void): void {
    this.#options.clock.after(delay, () => {
      if (this.has(run)) call();
    });
  }

  /** All of it is in the gate. */
  encoded(run: Run): void {
    this.#options.say({ kind: 'op-encoded', op: run.op, attempt: run.attempt });
  }

  finish(run: Run, cost: Micros): void {
    this.#end(run, 'done');
    this.#options.say({ kind: 'op-finished', op: run.op, attempt: run.attempt, cost });
  }

  fail(run: Run, result: 'failed' | 'aborted'): void {
    this.#end(run, result);
    this.#options.say({ kind: 'op-failed', op: run.op, attempt: run.attempt, detail: result, mayPass: result === 'failed' });
  }

  /** The lane is gone, and what was under way with it. Returns that. */
  close(): readonly Run[] {
    const lost = [...this.#underWay.values()];
    for (const run of lost) this.#end(run, 'lost');
    return lost;
  }

  #end(run: Run, result: NonNullable<Run['result']>): void {
    this.#underWay.delete(run.op);
    run.endAt = this.#options.clock.now;
    run.result = result;
  }
}
