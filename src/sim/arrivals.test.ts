import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seededRandom } from '../base/random.ts';
import type { OpId, TenantId } from '../core/op.ts';
import { asked, bursty, closedLoop, merged, periodic, poisson, recorded } from './arrivals.ts';
import { exponential } from './draws.ts';
import { type Arrival, Numbering, type PlayedOp } from './workload.ts';

const SECOND = 1_000_000;

const gapsOf = (instants: readonly number[]) => instants.slice(1).map((at, index) => at - instants[index]!);
const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
function varianceOf(values: readonly number[]) {
  const mean = meanOf(values);
  return meanOf(values.map((value) => (value - mean) ** 2));
}
const cvOf = (values: readonly number[]) => Math.sqrt(varianceOf(values)) / meanOf(values);
/** How many fall into each `window`. */
function countsOf(instants: readonly number[], window: number, until: number) {
  const counts = Array.from({ length: until / window }, () => 0);
  for (const at of instants) counts[Math.floor(at / window)]! += 1;
  return counts;
}
/** 1 for a Poisson process, whatever the window; more where busy stretches follow each other. */
const dispersionOf = (counts: readonly number[]) => varianceOf(counts) / meanOf(counts);

test('poisson arrivals have the rate asked for, gaps of cv 1, and do not cluster', () => {
  const instants = poisson(seededRandom(7), 200, { until: 200 * SECOND });
  expect(instants.length / 200).toBeCloseTo(200, -1);
  expect(cvOf(gapsOf(instants))).toBeCloseTo(1, 1);
  expect(dispersionOf(countsOf(instants, SECOND / 10, 200 * SECOND))).toBeGreaterThan(0.9);
  expect(dispersionOf(countsOf(instants, SECOND / 10, 200 * SECOND))).toBeLessThan(1.1);
});

test('a rate above one per microsecond loses nothing to rounding', () => {
  expect(poisson(seededRandom(1), 3 * SECOND, { until: 50_000 }).length / 150_000).toBeCloseTo(1, 2);
});

test('periodic arrivals keep their rhythm for ever, even of a period that is no whole number', () => {
  const instants = periodic(16_666.7, { from: 500, until: 100 * SECOND });
  expect(instants).toHaveLength(6000);
  expect(instants[0]).toBe(500);
  expect(instants[5999]).toBe(Math.round(500 + 5999 * 16_666.7));
  expect(cvOf(gapsOf(instants))).toBeLessThan(0.001);
});

test('jitter delays each beat, and not the ones after it', () => {
  const instants = periodic(1000, { until: 5 * SECOND }, { random: seededRandom(3), most: 400 });
  expect(instants).toHaveLength(5000);
  for (const [beat, at] of instants.entries()) {
    expect(at).toBeGreaterThanOrEqual(beat * 1000);
    expect(at).toBeLessThanOrEqual(beat * 1000 + 400);
  }
  expect(meanOf(instants.map((at, beat) => at - beat * 1000))).toBeCloseTo(200, -1);
});

test('bursty arrivals have the mean rate of their moods, gaps of cv above 1, and cluster', () => {
  const until = 2000 * SECOND;
  const instants = bursty(seededRandom(11), { perSecond: 10, lasts: 3 * SECOND }, { perSecond: 210, lasts: SECOND }, { until });
  expect(instants.length / 2000 / 60).toBeCloseTo(1, 1);
  expect(cvOf(gapsOf(instants))).toBeGreaterThan(1.5);
  expect(dispersionOf(countsOf(instants, SECOND, until))).toBeGreaterThan(20);
});

test('a burst of silence is silent', () => {
  const instants = bursty(seededRandom(2), { perSecond: 0, lasts: SECOND }, { perSecond: 100, lasts: SECOND }, { until: 100 * SECOND });
  expect(instants.length / 50 / 100).toBeGreaterThan(0.7);
  expect(instants.length / 50 / 100).toBeLessThan(1.3);
  expect(Math.max(...gapsOf(instants))).toBeGreaterThan(SECOND);
});

test('whatever is drawn lies in its span, ascends, is whole, and is the same for the same seed', () => {
  const span = fc.record({ from: fc.nat(1_000_000), length: fc.nat(2_000_000) }).map(({ from, length }) => ({ from, until: from + length }));
  fc.assert(fc.property(fc.nat(), span, fc.integer({ min: 1, max: 500 }), (seed, span, rate) => {
    const kinds = [
      () => poisson(seededRandom(seed), rate, span),
      () => periodic(SECOND / rate, span, { random: seededRandom(seed), most: SECOND / rate / 2 }),
      () => bursty(seededRandom(seed), { perSecond: rate, lasts: 200_000 }, { perSecond: rate * 10, lasts: 50_000 }, span),
    ];
    for (const draw of kinds) {
      const instants = draw();
      expect(instants).toEqual(draw());
      expect(instants).toEqual(instants.toSorted((a, b) => a - b));
      expect(instants.filter((at) => !Number.isInteger(at) || at < span.from || at >= span.until)).toEqual([]);
    }
  }), { numRuns: 50 });
});

test('other seeds give other arrivals', () => {
  expect(poisson(seededRandom(1), 50, { until: SECOND })).not.toEqual(poisson(seededRandom(2), 50, { until: SECOND }));
});

const opsOf = (numbering: Numbering, count: number): readonly PlayedOp[] => Array.from({ length: count }, () =>
  ({ op: { op: numbering.op(), tenant: 'a' as TenantId, name: 'op', priority: 'background' as const, deadlineAt: Infinity } }));
const idsOf = (arrivals: readonly Arrival[]) => arrivals.map((arrival) => ('ops' in arrival ? arrival.ops.map(({ op }) => op.op) : []));
const id = (n: number) => n as OpId;

test('a closed loop keeps as many requests under way as it was told', () => {
  const numbering = new Numbering();
  const source = closedLoop({ until: 1000, inFlight: 2 }, () => opsOf(numbering, 1));
  expect(idsOf(source.arrivals)).toEqual([[1], [2]]);
  expect(source.ended!(id(2), 'failed', 10)).toEqual([{ at: 10, ops: [expect.objectContaining({ op: expect.objectContaining({ op: 3 }) })] }]);
  expect(idsOf(source.ended!(id(1), 'done', 20))).toEqual([[4]]);
  expect(source.ended!(id(3), 'done', 1000)).toEqual([]);
});

test('a request of several ops ends with the last of them, and is not counted twice', () => {
  const numbering = new Numbering();
  const source = closedLoop({ until: 1000, inFlight: 1, think: () => 7 }, () => opsOf(numbering, 3));
  expect(idsOf(source.arrivals)).toEqual([[1, 2, 3]]);
  expect([id(2), id(2), id(1), id(99)].flatMap((op) => source.ended!(op, 'done', 5))).toEqual([]);
  expect(source.ended!(id(3), 'done', 9)).toMatchObject([{ at: 16 }]);
});

test('who thinks before asking again asks as often as thinking and service allow', () => {
  const numbering = new Numbering();
  const random = seededRandom(5);
  const source = closedLoop({ until: 100 * SECOND, inFlight: 4, think: () => exponential(random, 30_000) }, () => opsOf(numbering, 1));
  // A world without a queue: each op takes 10 ms.
  const pending = [...source.arrivals];
  let asks = 0;
  for (let next = pending.pop(); next; next = pending.pop()) {
    asks += 1;
    if ('ops' in next) pending.push(...source.ended!(next.ops[0]!.op.op, 'done', next.at + 10_000));
  }
  expect(asks / (4 * 100 / 0.04)).toBeCloseTo(1, 1);
});

test('merged sources arrive in the order of time, ties in their own, and each hears of what ended', () => {
  const numbering = new Numbering();
  const first = asked([5, 20], () => opsOf(numbering, 1));
  const loop = closedLoop({ from: 5, until: 100, inFlight: 1 }, () => opsOf(numbering, 1));
  const source = merged(first, loop, recorded([{ at: 1, ops: opsOf(numbering, 2) }]));
  expect(idsOf(source.arrivals)).toEqual([[4, 5], [1], [3], [2]]);
  expect(source.ended!(id(1), 'done', 30)).toEqual([]);
  expect(idsOf(source.ended!(id(3), 'done', 30))).toEqual([[6]]);
});

test('a recording that goes back in time is refused', () => {
  expect(() => recorded([{ at: 2, ops: [] }, { at: 1, ops: [] }])).toThrow('in the order of time');
});
