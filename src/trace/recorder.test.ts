import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { counterAt, counterNames, latestOf, spanAt, spanKinds, transferablesOf } from './batch.ts';
import { TraceRecorder } from './recorder.ts';
import type { CounterSample, Span } from './span.ts';

const name = fc.constantFrom('', 'a', 'b', 'édge', 'model.run');
const span: fc.Arbitrary<Span> = fc.record({
  kind: fc.constantFrom(...spanKinds),
  tenant: name,
  name: fc.oneof(name, fc.string()),
  startAt: fc.nat(1000),
  endAt: fc.nat(1000).map((n) => n + 1000),
  op: fc.nat(9),
  predicted: fc.nat(9),
});
const counter: fc.Arbitrary<CounterSample> = fc.record({ name: fc.constantFrom(...counterNames), tenant: name, at: fc.nat(1000), value: fc.double({ noNaN: true, noDefaultInfinity: true }) });
const action = fc.oneof(span, span, counter, fc.constant('drain' as const));

test('a drain gives the newest entries since the last one, in order, and says how many older ones it lost', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 6 }), fc.array(action, { maxLength: 80 }), (capacity, actions) => {
    const recorder = new TraceRecorder(capacity);
    let spans: Span[] = [];
    let counters: CounterSample[] = [];
    for (const act of [...actions, 'drain' as const]) {
      if (act === 'drain') {
        const batch = recorder.drain();
        expect(batch === undefined).toBe(spans.length + counters.length === 0);
        if (batch === undefined) continue;
        expect(batch.spans.kind.length).toBe(Math.min(spans.length, capacity));
        expect([...batch.spans.kind.keys()].map((i) => spanAt(batch, i))).toEqual(spans.slice(-capacity));
        expect([...batch.counters.name.keys()].map((i) => counterAt(batch, i))).toEqual(counters.slice(-capacity));
        expect(batch.dropped).toEqual({ spans: Math.max(0, spans.length - capacity), counters: Math.max(0, counters.length - capacity) });
        spans = [];
        counters = [];
      } else if ('kind' in act) {
        recorder.span(act);
        spans.push(act);
      } else {
        recorder.counter(act);
        counters.push(act);
      }
    }
  }));
});

test('a recorder that nobody drains forgets the names of what it overwrote', () => {
  const recorder = new TraceRecorder(4);
  for (let i = 0; i < 1000; i++) recorder.span({ kind: 'op', tenant: 't', name: `run ${i}`, startAt: i, endAt: i + 1, op: i, predicted: 0 });
  const batch = recorder.drain()!;
  expect(batch.names.length).toBeLessThan(20);
  expect([0, 1, 2, 3].map((i) => spanAt(batch, i).name)).toEqual(['run 996', 'run 997', 'run 998', 'run 999']);
});

test('a batch crosses threads without copying, and is whole on the other side', () => {
  const recorder = new TraceRecorder(8);
  const sent: Span = { kind: 'slice', tenant: 't', name: 'n', startAt: 1, endAt: 5, op: 2, predicted: 3 };
  recorder.span(sent);
  const batch = recorder.drain()!;
  const received = structuredClone(batch, { transfer: transferablesOf(batch) });
  expect(spanAt(received, 0)).toEqual(sent);
  expect(batch.spans.startAt.length + batch.counters.at.length).toBe(0);
  recorder.span(sent);
  expect(spanAt(recorder.drain()!, 0)).toEqual(sent);
});

test('instants become whole microseconds, and an end before its start becomes the start', () => {
  const recorder = new TraceRecorder(2);
  recorder.span({ kind: 'gpu', tenant: 't', name: 'n', startAt: 10.6, endAt: 7, op: 0, predicted: 0.4 });
  expect(spanAt(recorder.drain()!, 0)).toMatchObject({ startAt: 11, endAt: 11, predicted: 0 });
});

test('an instant that is not a number is a bug of the caller', () => {
  expect(() => new TraceRecorder(2).span({ kind: 'gpu', tenant: 't', name: 'n', startAt: NaN, endAt: 7, op: 0, predicted: 0 })).toThrow("span 'n'");
});

test('the newest instant of a batch is that of its last end or sample', () => {
  const recorder = new TraceRecorder(2);
  recorder.span({ kind: 'op', tenant: 't', name: 'n', startAt: 1, endAt: 7, op: 0, predicted: 0 });
  recorder.counter({ name: 'ready', tenant: '', at: 6, value: 1 });
  expect(latestOf(recorder.drain()!)).toBe(7);
});
