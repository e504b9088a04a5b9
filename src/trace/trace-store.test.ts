import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { TraceRecorder } from './recorder.ts';
import type { Span } from './span.ts';
import { TraceStore } from './trace-store.ts';

const span: fc.Arbitrary<Span> = fc.record({
  kind: fc.constantFrom('op' as const, 'slice' as const),
  tenant: fc.constantFrom('a', 'b'),
  name: fc.constantFrom('x', 'y'),
  startAt: fc.nat(60),
  endAt: fc.constant(0),
  op: fc.nat(5),
  predicted: fc.nat(5),
}).chain((s) => fc.nat(12).map((length) => ({ ...s, endAt: s.startAt + length })));

function append(store: TraceStore, spans: readonly Span[]): void {
  const recorder = new TraceRecorder(Math.max(1, spans.length));
  for (const s of spans) recorder.span(s);
  const batch = recorder.drain();
  if (batch) store.append(batch);
}

const everySpan = (store: TraceStore): Span[] =>
  [...store.tracks].flatMap((track) => track.rows.flatMap((row) =>
    Array.from({ length: row.count }, (_, i) => store.spanAt(track, row, row.first + i))));

const text = (spans: readonly Span[]): string[] => spans.map((s) => JSON.stringify(Object.entries(s).sort())).sort();

test('every span is kept, in rows of its tenant and kind that are sorted and never overlap', () => {
  fc.assert(fc.property(fc.array(fc.array(span, { maxLength: 60 }), { maxLength: 4 }), (batches) => {
    const store = new TraceStore(10_000);
    for (const batch of batches) append(store, batch);
    const all = batches.flat();
    expect(text(everySpan(store))).toEqual(text(all));
    expect(store.spanCount).toBe(all.length);
    for (const { rows } of store.tracks) {
      for (const row of rows) {
        for (let i = row.first + 1; i < row.last; i++) {
          expect(row.endAt[i - 1]).toBeLessThanOrEqual(row.startAt[i]!);
          expect(row.startAt[i - 1]).toBeLessThan(row.startAt[i]!);
        }
      }
    }
  }));
});

test('spans of a range are those that a look at every span finds', () => {
  fc.assert(fc.property(fc.array(span, { maxLength: 80 }), fc.nat(70), fc.nat(30), (spans, from, length) => {
    const store = new TraceStore(10_000);
    append(store, spans);
    const truth = spans.filter((s) => s.endAt > from && s.startAt <= from + length);
    const found = store.spansBetween(from, from + length, 1000);
    expect(text(found)).toEqual(text(truth));
    expect(found.map((s) => s.startAt)).toEqual(found.map((s) => s.startAt).toSorted((a, b) => a - b));
    expect(store.spansBetween(from, from + length, 2).map((s) => s.startAt)).toEqual(found.slice(0, 2).map((s) => s.startAt));
  }));
});

test('beyond its capacity a store forgets what ended first, and counts it', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 40 }), fc.array(fc.array(span, { maxLength: 40 }), { maxLength: 5 }), (capacity, batches) => {
    const store = new TraceStore(capacity);
    let seen: Span[] = [];
    for (const batch of batches) {
      append(store, batch);
      seen = [...seen, ...batch];
      const kept = everySpan(store);
      expect(kept.length).toBeLessThanOrEqual(capacity);
      expect(store.spanCount).toBe(kept.length);
      expect(store.spanCount + store.forgottenCount).toBe(seen.length);
      const forgotten = text(seen);
      for (const s of text(kept)) forgotten.splice(forgotten.indexOf(s), 1);
      const lastEnd = Math.max(-1, ...forgotten.map((s) => Object.fromEntries(JSON.parse(s)).endAt as number));
      // Late arrivals may be older than what was forgotten before them, so only a single batch tells the order.
      if (batches.indexOf(batch) === 0) for (const s of kept) expect(s.endAt).toBeGreaterThan(lastEnd);
    }
  }));
});

test('a tenant is listed while any of its spans is remembered, in the order of first sight', () => {
  const store = new TraceStore(4);
  const one = (tenant: string, at: number): Span => ({ kind: 'op', tenant, name: 'n', startAt: at, endAt: at + 1, op: 1, predicted: 0 });
  append(store, [one('late', 50), one('early', 1)]);
  expect(store.tenants).toEqual(['late', 'early']);
  append(store, [one('late', 60), one('late', 70), one('late', 80)]);
  expect(store.tenants).toEqual(['late']);
  expect([store.earliestAt, store.latestAt]).toEqual([60, 81]);
});

test('a store says what the recorder had to drop', () => {
  const recorder = new TraceRecorder(1);
  for (const at of [1, 2, 3]) recorder.counter({ name: 'ready', tenant: '', at, value: at });
  const store = new TraceStore();
  store.append(recorder.drain()!);
  expect(store.droppedCount).toBe(2);
  expect(store.counter('ready', '')?.count).toBe(1);
});

test('names of forgotten spans are forgotten too, and those of the others stay right', () => {
  const store = new TraceStore(8);
  for (let i = 0; i < 200; i++) append(store, [{ kind: 'op', tenant: 't', name: `run ${i}`, startAt: i, endAt: i + 1, op: i, predicted: 0 }]);
  for (const s of everySpan(store)) expect(s.name).toBe(`run ${s.startAt}`);
});
