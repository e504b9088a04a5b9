import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Ceiling, defaultBudget } from './budget.ts';

const MiB = 2 ** 20;
const second = 1_000_000;

test.each([
  [256, undefined, 512], [1023, undefined, 512], [1024, undefined, 2048], [4096, 8, 2048], [4096, 32, 2048], [4096, 4, 1024], [4096, 0.25, 64],
  [256, 8, 512], [100, 8, 200], [NaN, undefined, 512], [-1, NaN, 512], [4096, 0, 2048], [4096, -4, 2048],
])('buffers of %s MiB on a machine of %s GiB have a budget of %s MiB', (buffer, deviceMemory, budget) => {
  expect(defaultBudget({ maxBufferSize: buffer * MiB, deviceMemory })).toBe(budget * MiB);
});

test('whatever a browser says, the default is whole bytes and no more than 2 GiB', () => {
  fc.assert(fc.property(fc.double(), fc.option(fc.double(), { nil: undefined }), (maxBufferSize, deviceMemory) => {
    const budget = defaultBudget({ maxBufferSize, deviceMemory });
    expect(Number.isSafeInteger(budget) && budget >= 0 && budget <= 2048 * MiB).toBe(true);
  }));
});

test('after a failure the ceiling is four fifths of what failed, and comes back in small steps after a quiet time', () => {
  const ceiling = new Ceiling(6400);
  ceiling.ranOut(6000, 0, 0);
  const seen = [0, 29, 30, 39, 40, 50].map((at) => {
    ceiling.rise(at * second);
    return ceiling.bytes;
  });
  expect(seen).toEqual([4800, 4800, 4900, 4900, 5000, 5100]);
  ceiling.rise(1000 * second);
  expect([ceiling.bytes, ceiling.raiseAt]).toEqual([6400, Infinity]);
});

test('a failure told twice lowers it once, and one with more in use does not raise it', () => {
  const ceiling = new Ceiling(6400);
  for (const charged of [5000, 5000, 6400]) ceiling.ranOut(charged, 0, 0);
  expect(ceiling.bytes).toBe(4000);
});

test('it is not below what is live, nor so low that nothing can begin', () => {
  const ceiling = new Ceiling(6400);
  ceiling.ranOut(5000, 4500, 0);
  expect(ceiling.bytes).toBe(4500);
  ceiling.ranOut(0, 0, 0);
  expect(ceiling.bytes).toBe(100);
});

test('each failure begins the quiet time anew', () => {
  const ceiling = new Ceiling(6400);
  ceiling.ranOut(5000, 0, 0);
  ceiling.ranOut(5000, 0, 20 * second);
  expect(ceiling.raiseAt).toBe(50 * second);
});

test('whatever fails and is set, it is never above the budget, and one late look finds what many found', () => {
  const step = fc.record({ does: fc.constantFrom('fail', 'set', 'wait', 'wait'), bytes: fc.integer({ min: 0, max: 10_000 }), live: fc.integer({ min: 0, max: 20_000 }) });
  fc.assert(fc.property(fc.array(step), (steps) => {
    const often = new Ceiling(6400);
    const late = new Ceiling(6400);
    let now = 0;
    for (const { does, bytes, live } of steps) {
      if (does === 'wait') for (const until = now + bytes * 10_000; now < until;) often.rise((now = Math.min(until, now + 7 * second)));
      else {
        late.rise(now);
        for (const ceiling of [often, late]) {
          if (does === 'set') ceiling.budget = bytes;
          else ceiling.ranOut(bytes, live, now);
        }
      }
      expect(often.bytes).toBeLessThanOrEqual(often.budget);
    }
    late.rise(now);
    expect(late.bytes).toBe(often.bytes);
  }));
});
