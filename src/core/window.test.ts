import { expect, test } from 'vitest';
import { Window } from './window.ts';

test('what was launched is in flight until it lands, and nothing is left of fractions when all has', () => {
  const window = new Window();
  expect([window.inFlight, window.isEmpty]).toEqual([0, true]);
  for (let i = 0; i < 10; i += 1) window.launch(0.1);
  expect([window.inFlight > 0.9, window.isEmpty]).toEqual([true, false]);
  for (let i = 0; i < 10; i += 1) window.land(0.1);
  expect([window.inFlight, window.isEmpty]).toEqual([0, true]);
});

test('a bound is the round trip and a quantum', () => {
  const window = new Window();
  expect(window.bound(2000)).toBe(window.roundTrip + 2000);
});

test('the round trip is learned, a sixteenth at a time', () => {
  const window = new Window();
  const before = window.roundTrip;
  window.observe(2000 + before + 1600, 2000);
  expect(window.roundTrip).toBe(before + 100);
  for (let i = 0; i < 200; i += 1) window.observe(3000, 2000);
  expect(window.roundTrip).toBeCloseTo(1000, -2);
});

test.each([[1000, 2000], [2_000_000, 2000], [Infinity, 1]])('a slice of %d that was to take %d tells nothing of it', (elapsed, cost) => {
  const window = new Window();
  const before = window.roundTrip;
  window.observe(elapsed, cost);
  expect(window.roundTrip).toBe(before);
});
