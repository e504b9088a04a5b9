import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seededRandom } from '../base/random.ts';
import { exponential, heavyTailed, logNormal, normal, oneOf, type Random, someOf, uniform, whole } from './draws.ts';

const COUNT = 100_000;

function momentsOf(draw: (random: Random) => number) {
  const random = seededRandom(1);
  const values = Array.from({ length: COUNT }, () => draw(random));
  const mean = values.reduce((sum, value) => sum + value, 0) / COUNT;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / COUNT);
  return { mean, deviation, least: values.reduce((a, b) => Math.min(a, b)), most: values.reduce((a, b) => Math.max(a, b)) };
}

test.each([
  ['uniform', (random: Random) => uniform(random, 2, 4), 3, 2 / Math.sqrt(12)],
  ['whole', (random: Random) => whole(random, 1, 6), 3.5, Math.sqrt(35 / 12)],
  ['exponential', (random: Random) => exponential(random, 5), 5, 5],
  ['normal', normal, 0, 1],
  ['log-normal', (random: Random) => logNormal(random, 0.5), 1, Math.sqrt(Math.exp(0.25) - 1)],
])('%s has the mean and the deviation that its law says', (_, draw, mean, deviation) => {
  const found = momentsOf(draw);
  expect(Math.abs(found.mean - mean)).toBeLessThan(0.03 * deviation);
  expect(found.deviation / deviation).toBeCloseTo(1, 1);
});

test('a heavy tail stays in its bounds, and has the mean of its law', () => {
  const [least, most, alpha] = [1, 1000, 1.2];
  const mean = (alpha / (alpha - 1)) * (least ** alpha / (1 - (least / most) ** alpha)) * (least ** (1 - alpha) - most ** (1 - alpha));
  const found = momentsOf((random) => heavyTailed(random, least, most, alpha));
  expect(found.least).toBeGreaterThanOrEqual(least);
  expect(found.most).toBeLessThanOrEqual(most);
  expect(found.mean / mean).toBeCloseTo(1, 1);
  expect(found.deviation).toBeGreaterThan(2 * found.mean);
});

test('a whole number takes every value of its range, and one of some every item', () => {
  const random = seededRandom(3);
  const seen = <T>(draw: () => T) => new Set(Array.from({ length: 200 }, draw)).size;
  expect(seen(() => whole(random, -1, 3))).toBe(5);
  expect(seen(() => oneOf(random, ['a', 'b', 'c']))).toBe(3);
});

test('some of n are different, in range, ascending, and as likely as the others', () => {
  fc.assert(fc.property(fc.nat(), fc.nat(20), fc.nat(25), (seed, n, count) => {
    const chosen = someOf(seededRandom(seed), n, count);
    expect(chosen).toEqual([...new Set(chosen)].sort((a, b) => a - b));
    expect(chosen.filter((index) => index < 0 || index >= n)).toEqual([]);
    expect(chosen).toHaveLength(Math.min(n, count));
  }));
  const random = seededRandom(8);
  const hits = [0, 0, 0, 0, 0];
  for (let i = 0; i < 10_000; i += 1) for (const index of someOf(random, 5, 2)) hits[index]! += 1;
  for (const hit of hits) expect(hit / 4000).toBeCloseTo(1, 1);
});
