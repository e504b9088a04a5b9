import type { Micros } from '../base/units.ts';
import type { LaneId, Op, OpFailure, OpId } from '../core/op.ts';
import type { Life } from './log.ts';
import type { PlayedOp } from './workload.ts';

/** What becomes of the ops, as whoever asked for them sees it. */
export class Lives {
  readonly #lives = new Map<OpId, Life>();
  /** Of ops that are not done: who waits for them. */
  readonly #dependents = new Map<OpId, Life[]>();
  readonly #missing = new Map<OpId, number>();
  /** The attempts that count: those that were started and whose lane is open. */
  readonly #underWay = new Map<OpId, { readonly lane: LaneId; readonly attempt: number }>();
  #unended = 0;

  get all(): ReadonlyMap<OpId, Life> {
    return this.#lives;
  }

  get unended(): number {
    return this.#unended;
  }

  of(op: OpId): Life | undefined {
    return this.#lives.get(op);
  }

  /** Several at once may name each other in any order. An id told twice is one op: the second telling is refused. */
  submit(ops: readonly Op[], played: readonly PlayedOp[], now: Micros): void {
    const born: Life[] = [];
    for (const [index, op] of ops.entries()) {
      if (this.#lives.has(op.op)) continue;
      const life: Life = { op, played: played[index]!, submittedAt: now, runs: [] };
      this.#lives.set(op.op, life);
      this.#unended += 1;
      born.push(life);
    }
    for (const life of born) {
      for (const { op } of life.op.dependencies ?? []) this.#waitFor(life, op);
      if (!this.#missing.has(life.op.op)) life.readyAt = now;
    }
  }

  depend(op: OpId, dependency: OpId): void {
    const life = this.#lives.get(op);
    if (life === undefined || life.end !== undefined) return;
    this.#waitFor(life, dependency);
    if (this.#missing.has(op)) delete life.readyAt;
  }

  started(op: OpId, lane: LaneId, attempt: number): void {
    this.#underWay.set(op, { lane, attempt });
  }

  /** What was under way there does not count any more, whatever is still told of it. */
  lost(lane: LaneId): void {
    for (const [op, run] of this.#underWay) if (run.lane === lane) this.#underWay.delete(op);
  }

  counts(op: OpId, attempt: number | undefined): boolean {
    return this.#underWay.get(op)?.attempt === attempt;
  }

  /** `false` when it had ended before. */
  end(op: OpId, end: NonNullable<Life['end']>, now: Micros, failure?: OpFailure): boolean {
    const life = this.#lives.get(op);
    if (life === undefined || life.end !== undefined) return false;
    this.#unended -= 1;
    life.end = end;
    life.endAt = now;
    if (failure) life.failure = failure;
    if (end === 'done') for (const dependent of this.#dependents.get(op) ?? []) this.#came(dependent, now);
    this.#dependents.delete(op);
    this.#underWay.delete(op);
    return true;
  }

  #waitFor(life: Life, dependency: OpId): void {
    if (this.#lives.get(dependency)?.end === 'done') return;
    this.#missing.set(life.op.op, (this.#missing.get(life.op.op) ?? 0) + 1);
    const waiting = this.#dependents.get(dependency);
    if (waiting) waiting.push(life);
    else this.#dependents.set(dependency, [life]);
  }

  #came(life: Life, now: Micros): void {
    const { op } = life.op;
    const missing = this.#missing.get(op)! - 1;
    if (missing > 0) this.#missing.set(op, missing);
    else this.#missing.delete(op);
    if (missing === 0 && life.end === undefined) life.readyAt = now;
  }
}
