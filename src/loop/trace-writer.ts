import type { Micros } from '../base/units.ts';
import type { LaneId, Op, OpId } from '../core/op.ts';
import type { TraceBatch } from '../trace/batch.ts';
import type { TraceRecorder } from '../trace/recorder.ts';
import type { TimedSlice, Train } from '../wire/messages.ts';
import type { ThreadPort } from './thread-port.ts';

interface LiveOp {
  readonly op: Op;
  readonly submittedAt: Micros;
  startedAt: Micros | undefined;
}

/** Makes spans of what the scheduler hears. Ops are remembered from submission to end, so memory is bounded by what is unfinished. */
export class TraceWriter {
  readonly #recorder: TraceRecorder;
  readonly #ops = new Map<OpId, LiveOp>();

  constructor(recorder: TraceRecorder) {
    this.#recorder = recorder;
  }

  submitted(op: Op, now: Micros): void {
    this.#ops.set(op.op, { op, submittedAt: now, startedAt: undefined });
  }

  started(id: OpId, at: Micros): void {
    const live = this.#ops.get(id);
    if (live === undefined) return;
    live.startedAt = at;
    this.#span('queued', live, live.submittedAt, at);
  }

  encoded(id: OpId, at: Micros): void {
    const live = this.#ops.get(id);
    if (live?.startedAt !== undefined) this.#span('encode', live, live.startedAt, at);
  }

  finished(id: OpId, at: Micros): void {
    const live = this.#ops.get(id);
    if (live !== undefined) this.#span('op', live, live.submittedAt, at);
    this.#ops.delete(id);
  }

  /** One that never started leaves no span; one that runs still ends. */
  cancelled(id: OpId): void {
    if (this.#ops.get(id)?.startedAt === undefined) this.#ops.delete(id);
  }

  /** Its ops will not end. */
  laneClosed(lane: LaneId): void {
    for (const [id, { op }] of this.#ops) if (op.lane === lane) this.#ops.delete(id);
  }

  forget(id: OpId): void {
    this.#ops.delete(id);
  }

  trains(tenant: string, trains: readonly Train[], thread: ThreadPort): void {
    for (const { op, count, predicted, releasedAt, doneAt } of trains) {
      const name = `${this.#nameOf(op)}${count > 1 ? ` ×${count}` : ''}`;
      this.#recorder.span({
        kind: 'slice', tenant, name, op, predicted, startAt: thread.instant(releasedAt), endAt: thread.instant(doneAt),
      });
    }
  }

  timed(tenant: string | undefined, slices: readonly TimedSlice[], thread: ThreadPort): void {
    for (const { op, startAt, cost, predicted } of tenant === undefined ? [] : slices) {
      const at = thread.instant(startAt);
      this.#recorder.span({ kind: 'gpu', tenant: tenant!, name: this.#nameOf(op), op, predicted, startAt: at, endAt: at + cost });
    }
  }

  bytes(tenant: string | undefined, value: number, at: Micros): void {
    if (tenant !== undefined) this.#recorder.counter({ name: 'buffer-bytes', tenant, at, value });
  }

  gauge(inFlight: Micros, ready: number, at: Micros): void {
    this.#recorder.counter({ name: 'in-flight', tenant: '', at, value: inFlight });
    this.#recorder.counter({ name: 'ready', tenant: '', at, value: ready });
  }

  drain(): TraceBatch | undefined {
    return this.#recorder.drain();
  }

  #nameOf(op: OpId): string {
    return this.#ops.get(op)?.op.name ?? 'submit';
  }

  #span(kind: 'queued' | 'encode' | 'op', { op }: LiveOp, startAt: Micros, endAt: Micros): void {
    this.#recorder.span({ kind, tenant: op.tenant, name: op.name, op: op.op, predicted: 0, startAt, endAt });
  }
}
