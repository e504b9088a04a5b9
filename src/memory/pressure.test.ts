import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Gauge, isOverSoft, type Level, levels, Surroundings } from './pressure.ts';

const rankAfter = (limit: number, ...charged: readonly number[]): string => {
  const gauge = new Gauge();
  for (const bytes of charged) gauge.read(bytes, limit);
  return levels[gauge.rank]!;
};

test.each([
  ['nominal', [699]], ['fair', [700]], ['fair', [849]], ['serious', [850]], ['critical', [950]], ['critical', [2000]],
  ['fair', [700, 650]], ['nominal', [700, 649]], ['serious', [850, 800]], ['fair', [850, 799]], ['critical', [950, 900]], ['serious', [950, 899]],
  ['nominal', [1000, 0]], ['fair', [1000, 690]],
] as const)('the level is %s after %j of 1000', (level, charged) => {
  expect(rankAfter(1000, ...charged)).toBe(level);
});

test('under a limit of nothing any byte is critical, and none is nominal', () => {
  expect([rankAfter(0, 0), rankAfter(0, 1), rankAfter(0, 1, 0)]).toEqual(['nominal', 'critical', 'nominal']);
});

test('no limit is never near', () => expect(rankAfter(Infinity, 2 ** 53 - 1)).toBe('nominal'));

test('swinging inside a band of five points makes one change and no more', () => {
  const band = fc.record({ at: fc.constantFrom(0.7, 0.85, 0.95), limit: fc.integer({ min: 1000, max: 2 ** 40 }), swings: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 2 }) });
  fc.assert(fc.property(band, ({ at, limit, swings }) => {
    const gauge = new Gauge();
    let changes = 0;
    for (const swing of swings) {
      const before = gauge.rank;
      gauge.read(Math.min(Math.ceil((at - 0.05 + 0.1 * swing) * limit), Math.ceil((at + 0.049) * limit)), limit);
      if (gauge.rank !== before) changes += 1;
    }
    // The first reading may raise it from nominal to the level below the band, the next one over the threshold.
    expect(changes).toBeLessThanOrEqual(2);
  }));
});

test('when so many bytes as are needed have gone, the level falls, and with one less it does not', () => {
  const limits = fc.oneof(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 2 ** 40 }));
  fc.assert(fc.property(limits, fc.integer({ min: 0, max: 1200 }), (limit, perMille) => {
    const charged = Math.ceil((limit * perMille) / 1000) + (perMille & 1);
    const gauge = new Gauge();
    gauge.read(charged, limit);
    const { rank } = gauge;
    const bytes = gauge.bytesNeeded(charged, limit);
    expect(bytes > 0 && bytes <= charged).toBe(rank > 0);
    if (rank === 0) return;
    gauge.read(charged - bytes + 1, limit);
    expect(gauge.rank).toBe(rank);
    gauge.read(charged - bytes, limit);
    expect(gauge.rank).toBeLessThan(rank);
  }));
});

test('what happens outside has its own least level', () => {
  const around = new Surroundings();
  const seen = [around.rank];
  for (const level of ['fair', 'serious', 'critical'] as const) {
    around.compute = level;
    seen.push(around.rank);
  }
  around.compute = 'nominal';
  around.isHidden = true;
  seen.push(around.rank);
  expect(seen).toEqual([0, 0, 1, 2, 1]);
  expect(() => (around.compute = 'hot' as Level)).toThrow('hot is a level');
});

test('who is over a soft quota is over it until five points below', () => {
  expect([isOverSoft(false, 100, 100), isOverSoft(false, 101, 100), isOverSoft(true, 96, 100), isOverSoft(true, 95, 100)]).toEqual([false, true, true, false]);
  expect([isOverSoft(false, 0, 0), isOverSoft(false, 1, 0), isOverSoft(true, 0, 0), isOverSoft(true, 9, Infinity)]).toEqual([false, true, false, false]);
});
