import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { LiveEdge } from './live-edge.ts';

test('the edge never goes back and never past what has arrived', () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 200_000 }), fc.integer({ min: 0, max: 90_000 }), fc.boolean()), { maxLength: 60 }), (steps) => {
    const edge = new LiveEdge();
    let now = 0;
    let latest = 0;
    let previous = 0;
    for (const [wait, delay, arrives] of steps) {
      now += wait;
      if (arrives) {
        latest = Math.max(latest, now - delay);
        edge.arrived(now - delay, now);
      }
      const at = edge.glide(now);
      expect(at).toBeGreaterThanOrEqual(previous);
      expect(at).toBeLessThanOrEqual(latest);
      previous = at;
    }
  }));
});

test('between batches the edge moves with the clock, and stands when the trace does', () => {
  const edge = new LiveEdge();
  edge.arrived(1_000_000, 5_000_000);
  edge.arrived(1_100_000, 5_110_000);
  expect(edge.glide(5_120_000)).toBe(970_000);
  expect(edge.glide(5_150_000)).toBe(1_000_000);
  expect(edge.glide(9_000_000)).toBe(1_100_000);
  expect(edge.glide(9_500_000)).toBe(1_100_000);
  expect(edge.offset).toBe(4_000_000);
});
