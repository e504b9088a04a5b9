import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ClassMap, classCount, classOf, largestOf } from './size-classes.ts';

test('classes follow one another without a gap, each at most a 32nd wide', () => {
  let size = 1;
  for (let sizeClass = 1; sizeClass < classCount; sizeClass += 1) {
    expect([classOf(size), classOf(largestOf(sizeClass)), largestOf(sizeClass) - size <= size / 32]).toEqual([sizeClass, sizeClass, true]);
    size = largestOf(sizeClass) + 1;
  }
  expect(size).toBe(2 ** 30);
});

test('the map of classes is a set that is asked for the next and the last', () => {
  const sizeClass = fc.integer({ min: 0, max: classCount - 1 });
  fc.assert(fc.property(fc.array(fc.tuple(sizeClass, fc.boolean())), fc.array(sizeClass), (steps, asked) => {
    const map = new ClassMap();
    const twin = new Set<number>();
    for (const [which, isThere] of steps) {
      if (isThere) map.set(which);
      else map.unset(which);
      if (isThere) twin.add(which);
      else twin.delete(which);
      expect(map.last()).toBe(Math.max(-1, ...twin));
      for (const from of [which, ...asked]) expect(map.nextAbove(from)).toBe([...twin].toSorted((a, b) => a - b).find((other) => other > from) ?? -1);
    }
  }), { numRuns: 50 });
});
