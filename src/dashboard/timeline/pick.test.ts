import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { TraceRecorder } from '../../trace/recorder.ts';
import { TraceStore } from '../../trace/trace-store.ts';
import { layOut, rowTop } from './layout.ts';
import { indexOf, neighbour, pickAt, rowNeighbour } from './pick.ts';
import { TimeScale } from './time-scale.ts';

function storeOf(...spans: readonly (readonly [tenant: string, startAt: number, endAt: number])[]): TraceStore {
  const recorder = new TraceRecorder(100);
  for (const [tenant, startAt, endAt] of spans) recorder.span({ kind: 'slice', tenant, name: 'n', startAt, endAt, op: 1, predicted: 0 });
  const store = new TraceStore();
  store.append(recorder.drain()!);
  return store;
}

test('pointing anywhere inside a span picks it', () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.nat(20), fc.integer({ min: 1, max: 20 })), { minLength: 1, maxLength: 20 }), fc.nat(), fc.double({ min: 0.01, max: 0.99, noNaN: true }), (gaps, which, part) => {
    let at = 0;
    const spans = gaps.map(([gap, length]) => { const from = at + gap; at = from + length; return ['t', from, at] as const; });
    const layout = layOut(storeOf(...spans), 400);
    const scale = new TimeScale(0, at + 1, 400);
    const [, startAt, endAt] = spans[which % spans.length]!;
    const box = layout.tenants[0]!.tracks[0]!;
    const pick = pickAt(layout, scale, scale.toPx(startAt + (endAt - startAt) * part), rowTop(box, 0) + 1);
    expect(pick?.startAt).toBe(startAt);
    expect(pick!.row.startAt[indexOf(pick!)!]).toBe(startAt);
  }));
});

test('a span thinner than a pixel is picked from beside it, and nothing from afar', () => {
  const layout = layOut(storeOf(['t', 500_000, 500_001]), 400);
  const scale = new TimeScale(0, 1_000_000, 400);
  const y = rowTop(layout.tenants[0]!.tracks[0]!, 0);
  expect(pickAt(layout, scale, 202, y)?.startAt).toBe(500_000);
  expect(pickAt(layout, scale, 205, y)).toBeUndefined();
  expect(pickAt(layout, scale, 200, y - 3)).toBeUndefined();
});

test('keys go from span to span and from row to row', () => {
  const layout = layOut(storeOf(['a', 0, 5], ['a', 5, 9], ['a', 20, 30], ['b', 4, 8], ['b', 22, 25]), 400);
  const first = rowNeighbour(layout, undefined, 1, 3)!;
  expect([first.track.tenant, first.startAt]).toEqual(['a', 0]);
  expect(neighbour(first, 1).startAt).toBe(5);
  expect(neighbour(first, -1).startAt).toBe(0);
  expect(neighbour(neighbour(first, 2), 1).startAt).toBe(20);
  const below = rowNeighbour(layout, neighbour(first, 2), 1, 0)!;
  expect([below.track.tenant, below.startAt]).toEqual(['b', 22]);
  expect(rowNeighbour(layout, below, 1, 0)).toBe(below);
  expect(rowNeighbour(layout, below, -1, 0)!.startAt).toBe(20);
});
