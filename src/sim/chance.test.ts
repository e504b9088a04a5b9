import { expect, test } from 'vitest';
import { around, happens, stream, truly } from './chance.ts';

const first = (seed: number, name: string): readonly number[] => {
  const random = stream(seed, name);
  return [random(), random(), random()];
};

test('each name has its own stream, the same for the same seed', () => {
  expect(first(1, 'delays')).toEqual(first(1, 'delays'));
  expect(first(1, 'delays')).not.toEqual(first(2, 'delays'));
  expect(first(1, 'delays')).not.toEqual(first(1, 'faults'));
});

test('what never happens draws nothing, and what always does always does', () => {
  const random = stream(1, 'x');
  expect(happens(random, 0)).toBe(false);
  expect(happens(random, 1)).toBe(true);
  expect(random()).toBe(first(1, 'x')[1]);
});

test('delays are around their mean, and without noise all takes what was foreseen', () => {
  const random = stream(3, 'x');
  const delays = Array.from({ length: 2000 }, () => around(random, 100));
  expect(Math.min(...delays)).toBeGreaterThanOrEqual(50);
  expect(Math.max(...delays)).toBeLessThanOrEqual(150);
  expect(delays.reduce((sum, delay) => sum + delay, 0) / 2000).toBeCloseTo(100, -1);
  expect(truly(random, 123, 0)).toBe(123);
  expect(truly(random, 123, 0.5)).not.toBe(123);
});
