import { expect, test } from 'vitest';
import { Comparison, verdict, type Reading } from './comparison.ts';

const second = 1_000_000;
const reading = (p95: number): Reading => ({ latency: { p50: p95, p95, p99: p95, count: 1 }, backgroundPerSecond: 0, framesPerSecond: 0 });

test('the mode left behind keeps its last reading, and the new one starts empty', () => {
  const comparison = new Comparison('on', 0);
  comparison.stretch.interactiveDone(second, 5000);
  comparison.stretch.backgroundDone(second);
  comparison.stretch.frameDone(second);
  comparison.stretch.frameDone(2 * second);
  comparison.switchTo('off', 2 * second);
  expect(comparison.read('on', 60 * second)).toEqual({ latency: { p50: 5000, p95: 5000, p99: 5000, count: 1 }, backgroundPerSecond: 0.5, framesPerSecond: 1 });
  expect(comparison.read('off', 3 * second)).toEqual({ latency: undefined, backgroundPerSecond: 0, framesPerSecond: 0 });
});

test('a run that began under the other mode does not count for this one', () => {
  const comparison = new Comparison('on', 0);
  const began = comparison.stretch;
  comparison.switchTo('off', second);
  began.interactiveDone(2 * second, 900_000);
  expect(comparison.read('off', 2 * second)?.latency).toBeUndefined();
});

test('a mode that was on for too short to measure keeps what was measured before', () => {
  const comparison = new Comparison('off', 0);
  comparison.stretch.interactiveDone(second, 7000);
  comparison.switchTo('on', second);
  comparison.switchTo('off', second);
  comparison.switchTo('on', 2 * second);
  expect(comparison.read('off', 2 * second)?.latency?.p95).toBe(7000);
});

test.each([
  [undefined, undefined, 'Switch the scheduler off to see what a page gets without it.'],
  [undefined, reading(9), 'Switch it on again to compare.'],
  [reading(10), reading(52), "Without the scheduler the interactive model's p95 is 5.2 times as long."],
  [reading(10), reading(10), "Without the scheduler the interactive model's p95 is the same."],
  [reading(10), reading(5), "Without the scheduler the interactive model's p95 is 2.0 times shorter."],
])('the verdict on %j and %j', (on, off, sentence) => expect(verdict(on, off)).toBe(sentence));
