import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { SpanRow } from '../../trace/span-row.ts';
import { coverRow, WIDE_PX } from './span-pixels.ts';
import { TimeScale } from './time-scale.ts';

const payload = { name: 0, op: 0, predicted: 0 };

test('a pixel is as strong as the part of it that narrow spans fill, and wide spans are told apart', () => {
  fc.assert(fc.property(
    fc.array(fc.tuple(fc.nat(30), fc.integer({ min: 0, max: 90 })), { maxLength: 40 }),
    fc.nat(400), fc.integer({ min: 20, max: 2000 }), fc.integer({ min: 1, max: 60 }),
    (gaps, startAt, duration, width) => {
      const row = new SpanRow();
      const spans: (readonly [number, number])[] = [];
      let at = 0;
      for (const [gap, length] of gaps) {
        const from = at + gap + 1;
        at = from + length;
        row.insert(from, at, payload);
        spans.push([from, at]);
      }
      const scale = new TimeScale(startAt, startAt + duration, width);
      const coverage = new Float32Array(width);
      const wide: number[] = [];
      coverRow(row, scale, coverage, wide);
      const isWide = ([from, to]: readonly [number, number]): boolean => scale.toPx(to) - scale.toPx(from) >= WIDE_PX;
      const inView = spans.filter(([from, to]) => to > startAt && from < startAt + duration);
      expect(wide.length).toBe(inView.filter(isWide).length);
      for (let px = 0; px < width; px++) {
        const [left, right] = [scale.fromPx(px), scale.fromPx(px + 1)];
        const narrow = inView.filter((span) => !isWide(span));
        const filled = narrow.reduce((sum, [from, to]) => sum + Math.max(0, Math.min(to, right) - Math.max(from, left)), 0) / (right - left);
        if (filled > 1e-4) expect(coverage[px]).toBeCloseTo(0.4 + 0.6 * Math.min(1, filled), 2);
        // Rounding may put an end on either side of a pixel's edge, so a neighbour may glow faintly, never strongly.
        else expect(coverage[px]).toBeLessThan(0.41);
        if (narrow.some(([from]) => from > left + 1e-6 && from < right - 1e-6)) expect(coverage[px]).toBeGreaterThanOrEqual(0.39);
      }
    }));
});
