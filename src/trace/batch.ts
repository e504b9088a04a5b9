import type { Micros } from '../base/units.ts';
import type { CounterName, CounterSample, Span, SpanKind } from './span.ts';

/** Every kind of span, in the order of their codes in `SpanColumns.kind`: wider ones first, as rows are drawn. */
export const spanKinds = ['queued', 'op', 'encode', 'slice', 'gpu'] as const satisfies readonly SpanKind[];

/** Every counter, in the order of their codes in `CounterColumns.name`. */
export const counterNames = ['in-flight', 'ready', 'buffer-bytes'] as const satisfies readonly CounterName[];

/** Spans as columns; row `i` of every column is span `i`. `tenant` and `name` index the batch's `names`. */
export interface SpanColumns {
  readonly kind: Uint8Array<ArrayBuffer>;
  readonly tenant: Uint32Array<ArrayBuffer>;
  readonly name: Uint32Array<ArrayBuffer>;
  readonly op: Float64Array<ArrayBuffer>;
  readonly startAt: Float64Array<ArrayBuffer>;
  readonly endAt: Float64Array<ArrayBuffer>;
  readonly predicted: Float64Array<ArrayBuffer>;
}

/** Counter samples as columns. */
export interface CounterColumns {
  readonly name: Uint8Array<ArrayBuffer>;
  readonly tenant: Uint32Array<ArrayBuffer>;
  readonly at: Float64Array<ArrayBuffer>;
  readonly value: Float64Array<ArrayBuffer>;
}

/**
 * What a recorder saw since its last drain, as plain data. Each batch carries its own names, so a listener that
 * comes late, or a recorder that starts again, needs nothing from earlier batches.
 */
export interface TraceBatch {
  readonly names: readonly string[];
  readonly spans: SpanColumns;
  readonly counters: CounterColumns;
  /** Entries that were overwritten before anyone drained them: the oldest ones since the last drain. */
  readonly dropped: { readonly spans: number; readonly counters: number };
}

/** The buffers to list when a batch is posted to another thread; it is empty here afterwards. */
export function transferablesOf(batch: TraceBatch): ArrayBuffer[] {
  return [...Object.values(batch.spans), ...Object.values(batch.counters)].map((column: { buffer: ArrayBuffer }) => column.buffer);
}

/** Span `index` of a batch. */
export function spanAt(batch: TraceBatch, index: number): Span {
  const { kind, tenant, name, op, startAt, endAt, predicted } = batch.spans;
  return {
    kind: spanKinds[kind[index]!]!,
    tenant: batch.names[tenant[index]!]!,
    name: batch.names[name[index]!]!,
    startAt: startAt[index]!,
    endAt: endAt[index]!,
    op: op[index]!,
    predicted: predicted[index]!,
  };
}

/** Counter sample `index` of a batch. */
export function counterAt(batch: TraceBatch, index: number): CounterSample {
  const { name, tenant, at, value } = batch.counters;
  return { name: counterNames[name[index]!]!, tenant: batch.names[tenant[index]!]!, at: at[index]!, value: value[index]! };
}

/** When the newest entry of a batch ended; `undefined` for a batch that only tells of dropped entries. */
export function latestOf(batch: TraceBatch): Micros | undefined {
  let latest = -Infinity;
  for (const at of batch.spans.endAt) latest = Math.max(latest, at);
  for (const at of batch.counters.at) latest = Math.max(latest, at);
  return latest === -Infinity ? undefined : latest;
}
