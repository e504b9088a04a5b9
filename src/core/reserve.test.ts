import { expect, test } from 'vitest';
import { Reserve } from './reserve.ts';

test('50 ms are saved from the beginning, and never more', () => {
  const reserve = new Reserve();
  expect(reserve.mayPay(3_600_000_000)).toBe(true);
  reserve.spend(50_000);
  expect(reserve.mayPay(3_600_000_000)).toBe(false);
});

test('a twentieth of the time comes back', () => {
  const reserve = new Reserve();
  reserve.spend(50_000);
  expect(reserve.mayPay(0)).toBe(false);
  expect(reserve.mayPay(20)).toBe(true);
  reserve.spend(1);
  expect(reserve.mayPay(20)).toBe(false);
});

test('what costs more than was saved goes, and the others wait until that is paid off', () => {
  const reserve = new Reserve();
  reserve.spend(150_000);
  expect(reserve.mayPay(1_999_000)).toBe(false);
  expect(reserve.mayPay(2_001_000)).toBe(true);
});

test('over a long time it pays a twentieth, and what was saved', () => {
  const reserve = new Reserve();
  let paid = 0;
  for (let now = 0; now < 100_000_000; now += 1000) {
    if (!reserve.mayPay(now)) continue;
    reserve.spend(1000);
    paid += 1000;
  }
  expect(paid / (0.05 * 100_000_000 + 50_000)).toBeCloseTo(1, 2);
});
