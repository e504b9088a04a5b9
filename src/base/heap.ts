import { assert } from './assert.ts';

/** One item's place in a heap: the handle by which it is moved or taken out. Its fields are written by the heap alone. */
export class HeapEntry<T> {
  key: number;
  readonly arrival: number;
  readonly item: T;
  /** Where it stands; -1 when it has left. */
  index = -1;

  constructor(key: number, arrival: number, item: T) {
    this.key = key;
    this.arrival = arrival;
    this.item = item;
  }

  get isQueued(): boolean {
    return this.index >= 0;
  }
}

/**
 * A min-heap of (key, item) that is stable: items of equal key leave in the order they came, and `update` keeps an item's place among its
 * equals. Without that no schedule could be repeated. Keys are any numbers but NaN; -0 equals 0.
 *
 * `push`, `pop`, `remove` and `update` are O(log n), `peek` is O(1). A caller with a sequence of its own gives the arrival; two items of the
 * same key and arrival leave in either order. Four children to a node, and the keys in a column of their own, so that a node's children share
 * a cache line and the tree is half as deep (LaMarca and Ladner, "The influence of caches on the performance of heaps", 1996).
 */
export class Heap<T> {
  readonly #entries: HeapEntry<T>[] = [];
  /** Of each entry, where it stands. */
  #keys = new Float64Array(16);
  #arrivals = 0;

  get size(): number {
    return this.#entries.length;
  }

  push(key: number, item: T, arrival = this.#arrivals): HeapEntry<T> {
    assert(!Number.isNaN(key), 'a key is a number');
    if (arrival >= this.#arrivals) this.#arrivals = arrival + 1;
    const entry = new HeapEntry(key, arrival, item);
    if (this.#entries.length === this.#keys.length) this.#grow();
    this.#entries.push(entry);
    this.#rise(entry, this.#entries.length - 1);
    return entry;
  }

  peek(): T | undefined {
    return this.#entries[0]?.item;
  }

  /** The smallest key; `undefined` when nothing is here. */
  peekKey(): number | undefined {
    return this.#entries[0]?.key;
  }

  pop(): T | undefined {
    const first = this.#entries[0];
    if (first === undefined) return undefined;
    this.remove(first);
    return first.item;
  }

  /** `false` when it has left already. */
  remove(entry: HeapEntry<T>): boolean {
    const { index } = entry;
    if (index < 0) return false;
    assert(this.#entries[index] === entry, 'an entry is removed from its own heap');
    entry.index = -1;
    const last = this.#entries.pop()!;
    if (last !== entry) this.#settle(last, index);
    return true;
  }

  update(entry: HeapEntry<T>, key: number): void {
    assert(!Number.isNaN(key), 'a key is a number');
    assert(this.#entries[entry.index] === entry, 'an entry is updated in its own heap');
    entry.key = key;
    this.#settle(entry, entry.index);
  }

  clear(): void {
    for (const entry of this.#entries) entry.index = -1;
    this.#entries.length = 0;
  }

  /** The items, in no particular order. */
  *[Symbol.iterator](): Iterator<T> {
    for (const entry of this.#entries) yield entry.item;
  }

  #grow(): void {
    const keys = new Float64Array(this.#keys.length * 2);
    keys.set(this.#keys);
    this.#keys = keys;
  }

  /** Puts an entry in at a place whose own has left, or has another key. */
  #settle(entry: HeapEntry<T>, index: number): void {
    if (index > 0 && this.#isBefore(entry, (index - 1) >> 2)) this.#rise(entry, index);
    else this.#sink(entry, index);
  }

  /** Moves the hole at `start` up to where `entry` belongs. */
  #rise(entry: HeapEntry<T>, start: number): void {
    let hole = start;
    while (hole > 0) {
      const parent = (hole - 1) >> 2;
      if (!this.#isBefore(entry, parent)) break;
      this.#place(this.#entries[parent]!, this.#keys[parent]!, hole);
      hole = parent;
    }
    this.#place(entry, entry.key, hole);
  }

  /** Moves the hole at `start` down to where `entry` belongs. */
  #sink(entry: HeapEntry<T>, start: number): void {
    const entries = this.#entries;
    const keys = this.#keys;
    let hole = start;
    for (let child = hole * 4 + 1; child < entries.length; child = hole * 4 + 1) {
      const end = Math.min(child + 4, entries.length);
      let least = child;
      let leastKey = keys[child]!;
      for (let other = child + 1; other < end; other += 1) {
        const key = keys[other]!;
        if (key > leastKey || (key === leastKey && entries[other]!.arrival > entries[least]!.arrival)) continue;
        least = other;
        leastKey = key;
      }
      if (this.#isBefore(entry, least)) break;
      this.#place(entries[least]!, leastKey, hole);
      hole = least;
    }
    this.#place(entry, entry.key, hole);
  }

  #isBefore(entry: HeapEntry<T>, index: number): boolean {
    const key = this.#keys[index]!;
    return entry.key < key || (entry.key === key && entry.arrival < this.#entries[index]!.arrival);
  }

  #place(entry: HeapEntry<T>, key: number, index: number): void {
    this.#entries[index] = entry;
    this.#keys[index] = key;
    entry.index = index;
  }
}
