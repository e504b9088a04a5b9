import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IdMap } from './id-map.ts';

const id = fc.oneof(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }));

test('it is a map', () => {
  fc.assert(fc.property(fc.array(fc.record({ id, does: fc.constantFrom('set', 'delete', 'get') }), { maxLength: 400 }), (steps) => {
    const ours = new IdMap<number>();
    const twin = new Map<number, number>();
    steps.forEach((step, index) => {
      if (step.does === 'delete') expect(ours.delete(step.id)).toBe(twin.delete(step.id));
      else if (step.does === 'get') expect(ours.get(step.id)).toBe(twin.get(step.id));
      else {
        ours.set(step.id, index);
        twin.set(step.id, index);
      }
      expect(ours.size).toBe(twin.size);
    });
    expect([...ours.values()].toSorted((a, b) => a - b)).toEqual([...twin.values()].toSorted((a, b) => a - b));
  }));
});

test('ids that are no whole number from 0 on are simply not there', () => {
  const ours = new IdMap<number>();
  for (const odd of [-1, 0.5, Number.NaN, Infinity]) {
    expect(ours.get(odd)).toBeUndefined();
    expect(ours.delete(odd)).toBe(false);
  }
});
