import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Heap } from './heap.ts';

const key = fc.integer({ min: 0, max: 5 });

test('items leave by key, and equal keys in the order they came', () => {
  fc.assert(fc.property(fc.array(key), (keys) => {
    const heap = new Heap<number>();
    keys.forEach((k, index) => heap.push(k, index));
    const expected = keys.map((k, index) => ({ k, index })).sort((a, b) => a.k - b.k || a.index - b.index);
    expect(expected.map(() => heap.pop())).toEqual(expected.map((e) => e.index));
    expect(heap.pop()).toBeUndefined();
  }));
});

test('removing from anywhere leaves the rest in order', () => {
  fc.assert(fc.property(fc.array(key, { minLength: 1 }), fc.nat(), (keys, pick) => {
    const heap = new Heap<number>();
    keys.forEach((k, index) => heap.push(k, index));
    const gone = pick % keys.length;
    expect(heap.remove(gone)).toBe(true);
    expect(heap.remove(gone)).toBe(false);
    const expected = keys.map((k, index) => ({ k, index })).filter((e) => e.index !== gone).sort((a, b) => a.k - b.k || a.index - b.index);
    expect(expected.map(() => heap.pop())).toEqual(expected.map((e) => e.index));
  }));
});
