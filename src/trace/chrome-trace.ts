/*
 * Chrome Trace Event JSON, as Perfetto reads it (importers/json/json_trace_parser.cc, flow_tracker.cc). A process is a
 * tenant, a thread is one row of a track. What its importer asks for, and how it is kept here:
 *   - slices of one thread nest → rows never overlap, and each has a thread of its own; deep rows (and all waiting,
 *     which overlaps by nature) are async pairs whose cat, id and name are equal
 *   - slices of no length at one instant swallow each other → everything is at least a nanosecond long
 *   - a flow step binds to the slice open at its instant that comes before it in the file → all slices precede all flows
 *   - times are doubles of microseconds → counted from the first entry; the wall clock of that instant is in `metadata`
 */
import type { Micros } from '../base/units.ts';
import type { CounterSeries } from './counter-series.ts';
import type { SpanRow } from './span-row.ts';
import type { SpanKind } from './span.ts';
import type { Track, TraceStore } from './trace-store.ts';

/** The whole GPU's counters belong to no tenant. */
const GPU_PROCESS = 1;
/** Thread ids count per process from here, so that none is 0 or looks like a process's main thread. */
const THREADS_PER_PROCESS = 1000;
/** Rows of one track that become threads; spans of deeper rows overlap too much to read as rows. */
const THREADS_PER_TRACK = 16;
const SHORTEST = 0.001;

const trackOrder: readonly SpanKind[] = ['queued', 'op', 'encode', 'slice', 'gpu'];
const trackNames: Record<SpanKind, string> = { queued: 'queued', op: 'ops', encode: 'encode', slice: 'slices', gpu: 'gpu' };

export interface ChromeTraceOptions {
  /** Wall clock of the scheduler's start, in milliseconds since 1970, where it is known. */
  readonly timeOrigin?: number;
}

/** A place that a flow can bind to: a slice that is open at `ts`. */
interface Step {
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
}

/** The store as pieces of one JSON text, to join or to put in a Blob: a long trace never exists as one string here. */
export function* chromeTrace(store: TraceStore, options: ChromeTraceOptions = {}): Generator<string> {
  const baseAt = startOf(store);
  const metadata = {
    exporter: 'webgpu-switchyard',
    clock: 'microseconds after timeOrigin',
    ...(options.timeOrigin !== undefined && { timeOrigin: options.timeOrigin + baseAt / 1000 }),
    forgottenSpans: store.forgottenCount,
    droppedEntries: store.droppedCount,
  };
  yield '{"traceEvents":[';
  let separator = '\n';
  for (const event of events(store, baseAt)) {
    yield separator + JSON.stringify(event);
    separator = ',\n';
  }
  yield `\n],"displayTimeUnit":"ms","metadata":${JSON.stringify(metadata)}}`;
}

function* events(store: TraceStore, baseAt: Micros): Generator<object> {
  const processes = new Map<string, number>([['', GPU_PROCESS]]);
  for (const { tenant } of [...store.tracks, ...store.counters]) {
    if (!processes.has(tenant)) processes.set(tenant, GPU_PROCESS + processes.size);
  }
  for (const [tenant, pid] of processes) {
    yield { ph: 'M', pid, name: 'process_name', args: { name: tenant === '' ? 'GPU' : tenant } };
    yield { ph: 'M', pid, name: 'process_sort_index', args: { sort_index: pid } };
  }
  const flows = new Map<number, Step[]>();
  let asyncId = 0;
  for (const track of store.tracks) {
    const pid = processes.get(track.tenant)!;
    for (const [index, row] of track.rows.entries()) {
      if (track.kind === 'queued' || index >= THREADS_PER_TRACK) {
        for (const span of spansOf(store, row, baseAt)) yield* asyncPair(track, pid, span, ++asyncId);
        continue;
      }
      const rank = trackOrder.indexOf(track.kind) * THREADS_PER_TRACK + index + 1;
      const tid = pid * THREADS_PER_PROCESS + rank;
      const name = index === 0 ? trackNames[track.kind] : `${trackNames[track.kind]} ${index + 1}`;
      yield { ph: 'M', pid, tid, name: 'thread_name', args: { name } };
      yield { ph: 'M', pid, tid, name: 'thread_sort_index', args: { sort_index: rank } };
      for (const span of spansOf(store, row, baseAt)) {
        yield { ph: 'X', pid, tid, cat: track.kind, name: span.name, ts: span.ts, dur: span.dur, args: span.args };
        if (span.op !== 0) stepsOf(flows, span.op).push({ pid, tid, ts: span.ts });
      }
    }
  }
  for (const [op, steps] of flows) yield* flow(op, steps);
  for (const series of store.counters) yield* counterEvents(series, processes.get(series.tenant)!, baseAt);
}

interface ExportedSpan {
  readonly name: string;
  readonly ts: number;
  readonly dur: number;
  readonly op: number;
  readonly args: object;
}

function* spansOf(store: TraceStore, row: SpanRow, baseAt: Micros): Generator<ExportedSpan> {
  for (let i = row.first; i < row.last; i++) {
    const op = row.op[i]!;
    const predicted = row.predicted[i]!;
    yield {
      name: store.nameAt(row, i),
      ts: row.startAt[i]! - baseAt,
      dur: Math.max(SHORTEST, row.endAt[i]! - row.startAt[i]!),
      op,
      args: { ...(op !== 0 && { op }), ...(predicted !== 0 && { 'predicted µs': predicted }) },
    };
  }
}

function* asyncPair(track: Track, pid: number, span: ExportedSpan, id: number): Generator<object> {
  const both = { pid, tid: pid * THREADS_PER_PROCESS, cat: track.kind, id: `0x${id.toString(16)}`, name: span.name };
  yield { ph: 'b', ...both, ts: span.ts, args: span.args };
  yield { ph: 'e', ...both, ts: span.ts + span.dur };
}

/** An arrow from an op through its encoding and slices to what the GPU did, in the order of their starts. */
function* flow(op: number, steps: readonly Step[]): Generator<object> {
  if (steps.length < 2) return;
  const inOrder = steps.toSorted((a, b) => a.ts - b.ts || a.tid - b.tid);
  for (const [index, step] of inOrder.entries()) {
    const ph = index === 0 ? 's' : index === inOrder.length - 1 ? 'f' : 't';
    yield { ph, ...step, cat: 'flow', name: 'op', id: `0x${op.toString(16)}`, ...(ph === 'f' && { bp: 'e' }) };
  }
}

function* counterEvents(series: CounterSeries, pid: number, baseAt: Micros): Generator<object> {
  const unit = { 'in-flight': 'predicted µs', ready: 'slices', 'buffer-bytes': 'bytes' }[series.name];
  for (let i = 0; i < series.count; i++) {
    yield { ph: 'C', pid, name: series.name, ts: series.atOf(i) - baseAt, args: { [unit]: series.valueOf(i) } };
  }
}

/** The earliest instant of anything in the store. */
function startOf(store: TraceStore): Micros {
  let startAt = store.earliestAt;
  for (const series of store.counters) if (series.count > 0) startAt = Math.min(startAt, series.atOf(0));
  return startAt;
}

function stepsOf(flows: Map<number, Step[]>, op: number): Step[] {
  let steps = flows.get(op);
  if (steps === undefined) flows.set(op, (steps = []));
  return steps;
}
