import { Heap } from '../base/heap.ts';
import type { Micros } from '../base/units.ts';
import type { OpRecord } from './op-record.ts';

/** A wake that comes so much too late was slept through: the machine was suspended, or its clock jumped. */
const sleptThrough: Micros = 5_000_000;
/** So long after such a wake nothing expires, so that what was about to end may. */
const grace: Micros = 1_000_000;

/** When the next op runs out of time, by its deadline or its timeout. */
export class Timers {
  readonly #heap = new Heap<OpRecord>();
  #graceUntil: Micros = -Infinity;

  /** Sets, moves or ends the timer of an op. */
  set(record: OpRecord): void {
    const timeoutAt = record.isUnderWay ? record.startedAt + (record.op.timeout ?? Infinity) : Infinity;
    const at = Math.min(record.ownDeadlineAt, timeoutAt);
    if (record.timer !== undefined) this.#heap.remove(record.timer);
    record.timer = at < Infinity && !record.isEnded && record.state !== 'draining' ? this.#heap.push(at, record) : undefined;
  }

  /** It is `now`, and the wake that was asked for `dueAt` comes only now, or has not come. Whether that was slept through. */
  noteSleep(dueAt: Micros, now: Micros): boolean {
    if (!(now - dueAt > sleptThrough)) return false;
    this.#graceUntil = now + grace;
    return true;
  }

  /** Takes out one op whose time is over; `undefined` when there is none. */
  expired(now: Micros): OpRecord | undefined {
    if (now < this.#graceUntil || this.#firstAt > now) return undefined;
    const record = this.#heap.pop()!;
    record.timer = undefined;
    return record;
  }

  /** When to look again. */
  get nextAt(): Micros {
    return Math.max(this.#firstAt, this.#graceUntil);
  }

  get #firstAt(): Micros {
    return this.#heap.peekKey() ?? Infinity;
  }
}
