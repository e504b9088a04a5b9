import { expect, test } from 'vitest';
import { latencyOf, percentile, runsWithin } from './statistics.ts';

test('a percentile is the nearest rank, a value that occurred', () => {
  const values = Array.from({ length: 20 }, (_, index) => 20 - index);
  expect([50, 95, 99, 100].map((percent) => percentile(values, percent))).toEqual([10, 19, 20, 20]);
  expect(latencyOf([7])).toEqual({ p50: 7, p95: 7, p99: 7, n: 1 });
});

test('a run that crosses the edge of the window counts with the part inside', () => {
  const window = { startAt: 100, endAt: 200 };
  const runs = [{ startAt: 50, endAt: 110 }, { startAt: 110, endAt: 160 }, { startAt: 160, endAt: 240 }, { startAt: 240, endAt: 300 }];
  expect(runsWithin(runs, window)).toBeCloseTo(10 / 60 + 1 + 40 / 80);
});

test('a run longer than the window counts with its share', () => {
  expect(runsWithin([{ startAt: 0, endAt: 1000 }], { startAt: 100, endAt: 200 })).toBeCloseTo(0.1);
});
