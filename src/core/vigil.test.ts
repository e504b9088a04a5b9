import { expect, test } from 'vitest';
import { Vigil } from './vigil.ts';

const rhythm = (gap: number): Vigil => {
  const vigil = new Vigil();
  for (let at = 0; at <= 10 * gap; at += gap) vigil.arrived(at);
  return vigil;
};

test('a class that never asked is not expected, and one that asked is for a second', () => {
  const vigil = new Vigil();
  expect(vigil.isExpected(0)).toBe(false);
  vigil.arrived(10);
  expect(vigil.isExpected(11)).toBe(true);
  expect(vigil.isExpected(1_000_011)).toBe(false);
});

test('in a rhythm it is not expected during the first half of the shortest gap', () => {
  const vigil = rhythm(100_000);
  expect(vigil.isExpected(1_000_000 + 49_000)).toBe(false);
  expect(vigil.isAlert(1_000_000 + 49_000)).toBe(true);
  expect(vigil.isExpected(1_000_000 + 50_000)).toBe(true);
});

test('one short gap among the last eight makes it expected sooner', () => {
  const vigil = rhythm(100_000);
  vigil.arrived(1_010_000);
  expect(vigil.isExpected(1_016_000)).toBe(true);
});

test('after a pause nothing is known of the rhythm', () => {
  const vigil = rhythm(100_000);
  vigil.arrived(3_000_000);
  expect(vigil.isExpected(3_000_001)).toBe(true);
});

test('what goes on keeps the others alert without changing the rhythm', () => {
  const vigil = rhythm(100_000);
  vigil.active(1_040_000);
  expect(vigil.isExpected(1_045_000)).toBe(false);
  expect(vigil.isAlert(2_039_000)).toBe(true);
});
