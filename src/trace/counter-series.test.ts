import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { CounterSeries } from './counter-series.ts';

test('the value at an instant is that of the last sample not after it', () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.nat(30), fc.nat(9))), fc.nat(40), (samples, at) => {
    const series = new CounterSeries('ready', '', 1000);
    for (const [sampleAt, value] of samples) series.add(sampleAt, value);
    const truth = samples.filter(([sampleAt]) => sampleAt <= at).reduce<readonly [number, number] | undefined>((last, s) => (last === undefined || s[0] >= last[0] ? s : last), undefined);
    const index = series.indexAt(at);
    expect(index === -1 ? undefined : [series.atOf(index), series.valueOf(index)]).toEqual(truth);
  }));
});

test('a full series forgets its older half', () => {
  const series = new CounterSeries('ready', '', 4);
  for (let at = 0; at < 5; at++) series.add(at, at * 10);
  expect(Array.from({ length: series.count }, (_, i) => series.valueOf(i))).toEqual([20, 30, 40]);
});

test('forgetting keeps the value that still holds', () => {
  const series = new CounterSeries('ready', '', 10);
  for (const at of [1, 5, 9]) series.add(at, at);
  series.forgetUntil(7);
  expect(series.valueOf(series.indexAt(7))).toBe(5);
  expect(series.count).toBe(2);
});
