import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { TimeScale } from './time-scale.ts';

const scale = fc.record({ startAt: fc.integer({ min: -1e6, max: 1e9 }), duration: fc.integer({ min: 20, max: 1e9 }), width: fc.integer({ min: 1, max: 4000 }) })
  .map(({ startAt, duration, width }) => new TimeScale(startAt, startAt + duration, width));

test('pixels and instants are inverse', () => {
  fc.assert(fc.property(scale, fc.double({ min: 0, max: 1, noNaN: true }), (s, part) => {
    const px = part * s.widthPx;
    expect(s.toPx(s.fromPx(px))).toBeCloseTo(px, 3);
    expect(s.toPx(s.startAt)).toBe(0);
    expect(s.toPx(s.endAt)).toBe(s.widthPx);
  }));
});

test('what is under the pointer stays there while zooming', () => {
  fc.assert(fc.property(scale, fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0.1, max: 10, noNaN: true }), (s, part, factor) => {
    const px = part * s.widthPx;
    const zoomed = s.zoomed(factor, px);
    expect(Math.abs(zoomed.fromPx(px) - s.fromPx(px))).toBeLessThan(1e-3);
    expect(zoomed.duration).toBeGreaterThanOrEqual(20 - 1e-6);
  }));
});

test('panning there and back shows the same', () => {
  fc.assert(fc.property(scale, fc.integer({ min: -5000, max: 5000 }), (s, px) => {
    const back = s.panned(px).panned(-px);
    expect(Math.abs(back.startAt - s.startAt)).toBeLessThan(1e-3);
    expect(s.panned(px).fromPx(0)).toBeCloseTo(s.fromPx(px), 3);
  }));
});

test('ticks are round, inside the view, and no closer than asked', () => {
  fc.assert(fc.property(scale, fc.integer({ min: 20, max: 200 }), (s, gapPx) => {
    const { step, at } = s.ticks(gapPx);
    expect(String(step)).toMatch(/^[125]0*$/);
    expect(step / s.microsPerPx).toBeGreaterThanOrEqual(gapPx * (1 - 1e-6));
    for (const tick of at) expect(tick >= s.startAt && tick <= s.endAt && Math.abs(tick % step) < 1e-6).toBe(true);
    expect(at.length).toBe(Math.floor(s.endAt / step) - Math.ceil(s.startAt / step) + 1);
  }));
});
