import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { counterNames, spanKinds } from './batch.ts';
import { chromeTrace } from './chrome-trace.ts';
import { TraceRecorder } from './recorder.ts';
import type { CounterSample, Span } from './span.ts';
import { TraceStore } from './trace-store.ts';

interface TraceEvent {
  ph: string; pid: number; tid?: number; ts?: number; dur?: number; name: string; cat?: string; id?: string; bp?: string;
  args?: Record<string, unknown>;
}
interface TraceFile { traceEvents: TraceEvent[]; displayTimeUnit: string; metadata: Record<string, unknown> }

/** What is wrong with a trace file by the rules of Perfetto's JSON importer. Knows nothing of stores and rows. */
function complaints(file: TraceFile): string[] {
  const found: string[] = [];
  const claim = (holds: boolean, text: string, event: TraceEvent): void => {
    if (!holds) found.push(`${text}: ${JSON.stringify(event)}`);
  };
  for (const e of file.traceEvents) {
    claim(Number.isInteger(e.pid) && e.pid > 0 && e.pid < 2 ** 32, 'pid is an id', e);
    if (e.tid !== undefined) claim(Number.isInteger(e.tid) && e.tid > 0 && e.tid < 2 ** 32, 'tid is an id above 0', e);
    if (e.ph !== 'M') claim(Number.isFinite(e.ts) && e.ts! >= 0, 'ts is a finite time after the base', e);
    if (e.id !== undefined) claim(/^0x[0-9a-f]+$/.test(e.id), 'id is hexadecimal', e);
    if (e.ph === 'C') claim(Object.keys(e.args ?? {}).length > 0 && Object.values(e.args!).every((v) => typeof v === 'number'), 'counters are numbers', e);
    if (e.ph === 'X') claim(e.dur! > 0 && e.tid !== undefined, 'a slice has a length and a thread', e);
    claim('MXbestfC'.includes(e.ph), 'a phase that Perfetto reads', e);
  }
  // The importer sorts by ts; for equal ts the order of the file counts.
  const inTime = file.traceEvents.filter((e) => e.ph !== 'M').toSorted((a, b) => a.ts! - b.ts!);
  const open = new Map<string, TraceEvent>();
  const pairs = new Map<string, number>();
  const flows = new Map<string, 'open' | 'closed'>();
  for (const e of inTime) {
    const thread = `${e.pid}/${e.tid}`;
    const running = open.get(thread);
    if (e.ph === 'X') {
      claim(running === undefined || running.ts! + running.dur! <= e.ts!, 'slices of a thread do not overlap', e);
      open.set(thread, e);
    }
    const cookie = JSON.stringify([e.cat, e.id, e.name, e.pid]);
    if (e.ph === 'b') {
      claim(!pairs.has(cookie), 'an async id begins once', e);
      pairs.set(cookie, 1);
    }
    if (e.ph === 'e') {
      claim(pairs.get(cookie) === 1, 'an async end has a beginning of equal cat, id and name', e);
      pairs.set(cookie, 0);
    }
    if ('stf'.includes(e.ph)) {
      const key = JSON.stringify([e.id, e.cat, e.name]);
      claim(flows.get(key) === (e.ph === 's' ? undefined : 'open'), 'a flow starts once, goes on and ends once', e);
      flows.set(key, e.ph === 'f' ? 'closed' : 'open');
      claim(running !== undefined && running.ts! <= e.ts! && e.ts! < running.ts! + running.dur!, 'a flow step lies in an open slice', e);
      claim(e.ph !== 'f' || e.bp === 'e', 'a flow ends in the enclosing slice', e);
    }
  }
  if ([...pairs.values()].some((left) => left > 0)) found.push('an async span never ends');
  if ([...flows.values()].includes('open')) found.push('a flow never ends');
  return found;
}

function exported(entries: readonly (Span | CounterSample)[], timeOrigin?: number): TraceFile {
  const recorder = new TraceRecorder(Math.max(1, entries.length));
  for (const e of entries) if ('kind' in e) recorder.span(e); else recorder.counter(e);
  const store = new TraceStore();
  const batch = recorder.drain();
  if (batch) store.append(batch);
  const text = [...chromeTrace(store, timeOrigin === undefined ? {} : { timeOrigin })].join('');
  expect(text).toMatch(/^\{"/);
  // Line feeds between events are fine; inside strings Perfetto's tokenizer takes no control characters.
  // eslint-disable-next-line no-control-regex
  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  return JSON.parse(text) as TraceFile;
}

const tenant = fc.constantFrom('alpha', 'beta', 'a "quoted"\n\ttenant');
const entry: fc.Arbitrary<Span | CounterSample> = fc.oneof(
  { weight: 4, arbitrary: fc.record({
    kind: fc.constantFrom(...spanKinds), tenant, name: fc.oneof(fc.constant('run'), fc.string()), startAt: fc.nat(40), op: fc.nat(6), predicted: fc.nat(3),
  }).chain((s) => fc.nat(8).map((length): Span => ({ ...s, endAt: s.startAt + length }))) },
  { weight: 1, arbitrary: fc.record({ name: fc.constantFrom(...counterNames), tenant: fc.oneof(fc.constant(''), tenant), at: fc.nat(40), value: fc.double({ noNaN: true, noDefaultInfinity: true }) }) },
);

test('any trace obeys every rule of the importer, with one event for each span and sample', () => {
  fc.assert(fc.property(fc.array(entry, { maxLength: 150 }), (entries) => {
    const file = exported(entries);
    expect(complaints(file)).toEqual([]);
    const count = (ph: string): number => file.traceEvents.filter((e) => e.ph === ph).length;
    expect(count('X') + count('b')).toBe(entries.filter((e) => 'kind' in e).length);
    expect(count('e')).toBe(count('b'));
    expect(count('C')).toBe(entries.filter((e) => !('kind' in e)).length);
  }));
});

const at = (kind: Span['kind'], startAt: number, endAt: number, op = 26, name = 'edges'): Span => ({ kind, tenant: 'alpha', name, startAt, endAt, op, predicted: 0 });

test('an op points to its slices in time order, and the last step ends the arrow', () => {
  const file = exported([at('op', 100, 200), at('slice', 120, 140), at('gpu', 121, 139), at('slice', 150, 170), at('queued', 100, 110)]);
  const steps = file.traceEvents.filter((e) => 'stf'.includes(e.ph));
  expect(steps.map((e) => `${e.ph} ${e.ts} ${e.id}`)).toEqual(['s 0 0x1a', 't 20 0x1a', 't 21 0x1a', 'f 50 0x1a']);
});

test('a span that belongs to no op, or an op of one span, has no arrow', () => {
  const file = exported([at('slice', 1, 2, 0), at('slice', 3, 4, 0), at('op', 1, 9, 7)]);
  expect(file.traceEvents.filter((e) => 'stf'.includes(e.ph))).toEqual([]);
});

test('spans that overlap deeper than sixteen rows go on as async pairs', () => {
  const file = exported(Array.from({ length: 20 }, (_, i) => at('op', i, 100, i + 1)));
  expect(file.traceEvents.filter((e) => e.ph === 'X').length).toBe(16);
  expect(file.traceEvents.filter((e) => e.ph === 'b').length).toBe(4);
  expect(complaints(file)).toEqual([]);
});

test('rows have names and an order, and times count from the first entry with its wall clock beside them', () => {
  const file = exported([at('slice', 5000, 5001), at('op', 4000, 6000), { name: 'in-flight', tenant: '', at: 3000, value: 7 }], 1_700_000_000_000);
  const named = (name: string): unknown[] => file.traceEvents.filter((e) => e.name === name).map((e) => Object.values(e.args!)[0]);
  expect(named('process_name')).toEqual(['GPU', 'alpha']);
  expect(named('thread_name').toSorted()).toEqual(['ops', 'slices']);
  const rank = (thread: string): unknown => {
    const tid = file.traceEvents.find((e) => e.name === 'thread_name' && e.args!['name'] === thread)!.tid;
    return file.traceEvents.find((e) => e.name === 'thread_sort_index' && e.tid === tid)!.args!['sort_index'];
  };
  expect(rank('ops')).toBeLessThan(rank('slices') as number);
  expect(file.traceEvents.find((e) => e.ph === 'C')).toMatchObject({ pid: 1, ts: 0, args: { 'predicted µs': 7 } });
  expect(file.traceEvents.find((e) => e.cat === 'op')).toMatchObject({ ts: 1000, dur: 2000 });
  expect(file.metadata['timeOrigin']).toBe(1_700_000_000_003);
  expect(file.displayTimeUnit).toBe('ms');
});

test('the checker refuses what Perfetto would not show', () => {
  const x = (ts: number, dur: number): TraceEvent => ({ ph: 'X', pid: 1, tid: 2, ts, dur, name: 'n', cat: 'c' });
  const wrong = (...traceEvents: TraceEvent[]): string => complaints({ traceEvents, displayTimeUnit: 'ms', metadata: {} }).map((c) => c.split(':')[0]).join();
  expect(wrong(x(0, 5), x(4, 5))).toBe('slices of a thread do not overlap');
  expect(wrong({ ph: 's', pid: 1, tid: 2, ts: 0, id: '0x1', name: 'op', cat: 'flow' }, x(0, 5), { ph: 'f', bp: 'e', pid: 1, tid: 2, ts: 4, id: '0x1', name: 'op', cat: 'flow' }))
    .toBe('a flow step lies in an open slice');
  expect(wrong(x(0, 5), { ph: 'f', bp: 'e', pid: 1, tid: 2, ts: 4, id: 'x-1', name: 'op', cat: 'flow' })).toBe('id is hexadecimal,a flow starts once, goes on and ends once');
  expect(wrong({ ph: 'b', pid: 1, ts: 0, id: '0x1', name: 'a', cat: 'c' }, { ph: 'e', pid: 1, ts: 1, id: '0x1', name: 'b', cat: 'c' }))
    .toBe('an async end has a beginning of equal cat, id and name,an async span never ends');
});
