import { assert } from '../base/assert.ts';
import { counterNames, spanKinds, type CounterColumns, type SpanColumns, type TraceBatch } from './batch.ts';
import { NameTable } from './names.ts';
import type { CounterSample, Span } from './span.ts';

export type { TraceBatch } from './batch.ts';

/**
 * Keeps what happened until someone drains it: a ring of spans and one of counter samples, in columns. When a ring is
 * full the oldest entry is overwritten and counted, so a page that stopped listening costs a fixed amount of memory.
 */
export class TraceRecorder {
  readonly #capacity: number;
  readonly #spans: SpanColumns;
  readonly #counters: CounterColumns;
  #names = new NameTable();
  /** Entries written since the last drain, overwritten ones included. */
  #spanCount = 0;
  #counterCount = 0;

  /** Room for `capacity` spans and as many counter samples between two drains. */
  constructor(capacity: number) {
    assert(Number.isInteger(capacity) && capacity > 0, `a trace recorder has a capacity of at least one entry, not ${capacity}`);
    this.#capacity = capacity;
    this.#spans = {
      kind: new Uint8Array(capacity),
      tenant: new Uint32Array(capacity),
      name: new Uint32Array(capacity),
      op: new Float64Array(capacity),
      startAt: new Float64Array(capacity),
      endAt: new Float64Array(capacity),
      predicted: new Float64Array(capacity),
    };
    this.#counters = {
      name: new Uint8Array(capacity),
      tenant: new Uint32Array(capacity),
      at: new Float64Array(capacity),
      value: new Float64Array(capacity),
    };
  }

  /** Records a span, in whole microseconds. One that ends before it starts (clocks of two threads differ by microseconds) is an instant at its start. */
  span(span: Span): void {
    assert(Number.isFinite(span.startAt) && Number.isFinite(span.endAt), `span '${span.name}' has a beginning and an end`);
    this.#makeRoomForNames();
    const at = this.#spanCount++ % this.#capacity;
    const columns = this.#spans;
    columns.kind[at] = spanKinds.indexOf(span.kind);
    columns.tenant[at] = this.#names.intern(span.tenant);
    columns.name[at] = this.#names.intern(span.name);
    columns.op[at] = span.op;
    columns.startAt[at] = Math.round(span.startAt);
    columns.endAt[at] = Math.round(Math.max(span.startAt, span.endAt));
    columns.predicted[at] = Math.round(span.predicted);
  }

  /** Records the value of a counter from `sample.at` on. */
  counter(sample: CounterSample): void {
    assert(Number.isFinite(sample.at) && Number.isFinite(sample.value), `counter '${sample.name}' has an instant and a number`);
    this.#makeRoomForNames();
    const at = this.#counterCount++ % this.#capacity;
    const columns = this.#counters;
    columns.name[at] = counterNames.indexOf(sample.name);
    columns.tenant[at] = this.#names.intern(sample.tenant);
    columns.at[at] = Math.round(sample.at);
    columns.value[at] = sample.value;
  }

  /** What is new since the last drain, in the order of recording; `undefined` when nothing is. The recorder is empty afterwards. */
  drain(): TraceBatch | undefined {
    if (this.#spanCount === 0 && this.#counterCount === 0) return undefined;
    const batch: TraceBatch = {
      names: this.#names.texts,
      spans: unroll(this.#spans, this.#spanCount, this.#capacity),
      counters: unroll(this.#counters, this.#counterCount, this.#capacity),
      dropped: {
        spans: Math.max(0, this.#spanCount - this.#capacity),
        counters: Math.max(0, this.#counterCount - this.#capacity),
      },
    };
    this.#names = new NameTable();
    this.#spanCount = 0;
    this.#counterCount = 0;
    return batch;
  }

  /** Live entries hold at most three names per place in the rings, so above four times that at least a quarter of the table is dead. */
  #makeRoomForNames(): void {
    if (this.#names.size < 4 * this.#capacity + 2) return;
    const fresh = new NameTable();
    const rename = (column: Uint32Array, count: number): void => {
      for (let i = 0; i < Math.min(count, this.#capacity); i++) column[i] = fresh.intern(this.#names.textOf(column[i]!));
    };
    rename(this.#spans.tenant, this.#spanCount);
    rename(this.#spans.name, this.#spanCount);
    rename(this.#counters.tenant, this.#counterCount);
    this.#names = fresh;
  }
}

type Column = Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

/** Copies a ring's live entries out of its columns, oldest first. */
function unroll<Columns extends SpanColumns | CounterColumns>(columns: Columns, written: number, capacity: number): Columns {
  const oldest = written <= capacity ? 0 : written % capacity;
  return Object.fromEntries(
    Object.entries(columns).map(([key, column]: [string, Column]) => {
      const copy = column.slice(0, Math.min(written, capacity));
      if (oldest > 0) {
        copy.set(column.subarray(oldest));
        copy.set(column.subarray(0, oldest), capacity - oldest);
      }
      return [key, copy];
    }),
  ) as unknown as Columns;
}
