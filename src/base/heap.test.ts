import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Heap, type HeapEntry } from './heap.ts';

/** Few values, so that many are equal; the edges of the order are among them. */
const key = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constantFrom(-Infinity, Infinity, -0, 0, 0.5, 2 ** 53));

/** What a heap promises, told slowly: a list that is sorted anew each time. */
interface Item {
  readonly name: number;
  readonly arrival: number;
  key: number;
}
const inOrder = (items: readonly Item[]): readonly Item[] =>
  items.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.arrival - b.arrival));
const drain = <T>(heap: Heap<T>): readonly T[] => Array.from({ length: heap.size }, () => heap.pop()!);

test('items leave by key, and equal keys in the order they came', () => {
  fc.assert(fc.property(fc.array(key, { maxLength: 300, size: 'max' }), (keys) => {
    const heap = new Heap<number>();
    for (const [name, k] of keys.entries()) heap.push(k, name);
    expect(drain(heap)).toEqual(inOrder(keys.map((k, name) => ({ name, arrival: name, key: k }))).map((item) => item.name));
    expect(heap.pop()).toBeUndefined();
    expect(heap.peek()).toBeUndefined();
    expect(heap.peekKey()).toBeUndefined();
  }));
});

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('push' as const), key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('push-in-place' as const), key, arrival: fc.integer({ min: 0, max: 1000 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pop' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), pick: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('update' as const), pick: fc.nat(), key }) },
);

test('whatever is pushed, moved and removed, the heap stays in order and every handle knows whether it is queued', () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 100, size: 'max' }), (steps) => {
    const heap = new Heap<Item>();
    const entries = new Map<Item, HeapEntry<Item>>();
    const model = new Set<Item>();
    const used = new Set<number>();
    let next = 0;
    const push = (k: number, arrival: number | undefined) => {
      const item = { name: entries.size, arrival: arrival ?? next, key: k };
      next = Math.max(next, item.arrival + 1);
      used.add(item.arrival);
      entries.set(item, arrival === undefined ? heap.push(k, item) : heap.push(k, item, arrival));
      model.add(item);
    };
    for (const s of steps) {
      const all = [...entries.keys()];
      if (s.kind === 'push') push(s.key, undefined);
      else if (s.kind === 'push-in-place') {
        if (!used.has(s.arrival)) push(s.key, s.arrival);
      } else if (s.kind === 'pop') {
        const first = inOrder([...model])[0];
        expect(heap.pop()).toBe(first);
        if (first) model.delete(first);
      } else if (all.length > 0) {
        const item = all[s.pick % all.length]!;
        if (s.kind === 'remove') expect(heap.remove(entries.get(item)!)).toBe(model.delete(item));
        else if (model.has(item)) {
          item.key = s.key;
          heap.update(entries.get(item)!, s.key);
        }
      }
      const first = inOrder([...model])[0];
      expect(heap.peek()).toBe(first);
      expect(heap.peekKey() ?? 'none').toEqual(first === undefined ? 'none' : entries.get(first)!.key);
      expect(new Set(heap)).toEqual(model);
      for (const [item, entry] of entries) expect(entry.isQueued).toBe(model.has(item));
    }
    const left = inOrder([...model]);
    expect(drain(heap)).toEqual(left);
  }));
});

test('an item keeps its place among equals when its key changes and comes back', () => {
  const heap = new Heap<string>();
  const first = heap.push(1, 'first');
  heap.push(1, 'second');
  heap.update(first, 2);
  expect(heap.peek()).toBe('second');
  heap.update(first, 1);
  expect(drain(heap)).toEqual(['first', 'second']);
});

test('an arrival that the caller gives comes before later ones, and those that follow come after it', () => {
  const heap = new Heap<string>();
  heap.push(0, 'late', 40);
  heap.push(0, 'after');
  heap.push(0, 'early', 7);
  expect(drain(heap)).toEqual(['early', 'late', 'after']);
});

test('minus zero is zero', () => {
  const heap = new Heap<string>();
  heap.push(0, 'first');
  heap.push(-0, 'second');
  expect(drain(heap)).toEqual(['first', 'second']);
});

test('a million of equal key leave in the order they came', () => {
  const heap = new Heap<number>();
  for (let i = 0; i < 1000; i += 1) heap.push(3, i);
  let isInOrder = true;
  for (let i = 0; i < 1_000_000; i += 1) {
    isInOrder &&= heap.pop() === i;
    heap.push(3, i + 1000);
  }
  expect(isInOrder).toBe(true);
});

test('what is cleared has left', () => {
  const heap = new Heap<string>();
  const entry = heap.push(1, 'gone');
  heap.clear();
  expect(entry.isQueued).toBe(false);
  expect(heap.remove(entry)).toBe(false);
  expect(heap.size).toBe(0);
  heap.push(2, 'here');
  expect(drain(heap)).toEqual(['here']);
});

test('no number is no key, and a handle is good for its own heap only', () => {
  const heap = new Heap<string>();
  const entry = heap.push(1, 'mine');
  const other = new Heap<string>();
  other.push(1, 'theirs');
  expect(() => heap.push(NaN, 'never')).toThrow('a key is a number');
  expect(() => heap.update(entry, NaN)).toThrow('a key is a number');
  expect(() => other.remove(entry)).toThrow('its own heap');
  expect(() => other.update(entry, 3)).toThrow('its own heap');
  heap.pop();
  expect(() => heap.update(entry, 3)).toThrow('its own heap');
  expect(heap.size).toBe(0);
});
