import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { LatencyWindow, percentileOf, RateWindow } from './latency.ts';

test('a percentile is the smallest value that enough values do not exceed', () => {
  fc.assert(fc.property(fc.array(fc.nat(50), { minLength: 1 }), fc.integer({ min: 1, max: 100 }), (values, percent) => {
    const sorted = values.toSorted((a, b) => a - b);
    const enough = (v: number): boolean => values.filter((other) => other <= v).length * 100 >= percent * values.length;
    expect(percentileOf(sorted, percent / 100)).toBe(Math.min(...values.filter(enough)));
  }));
});

test('of a hundred latencies from 1 to 100 the percentiles are their own numbers', () => {
  const window = new LatencyWindow(1000);
  for (let i = 100; i >= 1; i--) window.add(100 - i, i);
  expect(window.percentiles(100)).toEqual({ p50: 50, p95: 95, p99: 99, count: 100 });
});

test('latencies leave the window after its span, and above its capacity the oldest leave first', () => {
  const window = new LatencyWindow(10, 3);
  expect(window.percentiles(0)).toBeUndefined();
  for (const [at, latency] of [[1, 100], [2, 20], [3, 30], [4, 40]] as const) window.add(at, latency);
  expect(window.percentiles(4)).toEqual({ p50: 30, p95: 40, p99: 40, count: 3 });
  expect(window.percentiles(13)).toEqual({ p50: 40, p95: 40, p99: 40, count: 1 });
  expect(window.percentiles(14)).toBeUndefined();
});

test('a rate counts what happened in the span, by the time that was watched', () => {
  const rate = new RateWindow(2_000_000, 0);
  expect(rate.perSecond(0)).toBe(0);
  for (let at = 100_000; at <= 1_000_000; at += 100_000) rate.add(at);
  expect(rate.perSecond(1_000_000)).toBe(10);
  expect(rate.perSecond(2_000_000)).toBe(5);
  expect(rate.perSecond(2_500_000)).toBe(2.5);
});
