import type { FreeIndex } from './free-index.ts';
import { ClassMap, classCount, classOf } from './size-classes.ts';
import { doubled, type RangeTable } from './range-table.ts';

/** In place of a parent. */
const root = -1;
const notInTree = -2;

/**
 * Best fit and worst fit, exactly: a digital tree of the sizes for each class, and a ring of the ranges of equal size. Of equal sizes the range
 * that became free last is taken.
 *
 * A node is any range of its subtree; its children differ in the next bit of the size. So there is nothing to balance, and everything is
 * bounded by the bits of a size within its class: none for sizes below 64, 24 at most. The tree is that of dlmalloc (Lea, "A memory
 * allocator", from version 2.8.0), finer classes in front of it.
 */
export class SizeTrees implements FreeIndex {
  readonly #table: RangeTable;
  readonly #takes: 'smallest' | 'largest';
  readonly #map = new ClassMap();
  readonly #roots = new Int32Array(classCount).fill(-1);
  /** Children by the next bit, 0 and 1. */
  #low = new Int32Array(64);
  #high = new Int32Array(64);
  #parent = new Int32Array(64);

  constructor(table: RangeTable, takes: 'smallest' | 'largest') {
    this.#table = table;
    this.#takes = takes;
  }

  insert(slot: number): void {
    while (slot >= this.#parent.length) [this.#low, this.#high, this.#parent] = [doubled(this.#low), doubled(this.#high), doubled(this.#parent)];
    const { size, previous, next } = this.#table;
    const own = size[slot]!;
    const sizeClass = classOf(own);
    this.#low[slot] = this.#high[slot] = -1;
    previous[slot] = next[slot] = slot;
    let node = this.#roots[sizeClass]!;
    if (node < 0) {
      this.#roots[sizeClass] = slot;
      this.#parent[slot] = root;
      this.#map.set(sizeClass);
      return;
    }
    for (let bit = firstBitOf(own); size[node] !== own; bit >>>= 1) {
      const side = (own & bit) === 0 ? this.#low : this.#high;
      const child = side[node]!;
      if (child < 0) {
        side[node] = slot;
        this.#parent[slot] = node;
        return;
      }
      node = child;
    }
    // The node is the oldest of its ring, the one behind it the newest.
    this.#parent[slot] = notInTree;
    const second = next[node]!;
    next[node] = previous[second] = slot;
    previous[slot] = node;
    next[slot] = second;
  }

  remove(slot: number): void {
    const { previous, next } = this.#table;
    const last = previous[slot]!;
    if (last !== slot) {
      next[last] = next[slot]!;
      previous[next[slot]!] = last;
      if (this.#parent[slot] !== notInTree) this.#replace(slot, last);
      return;
    }
    const leaf = this.#leafUnder(slot);
    this.#hang(leaf, this.#parent[leaf]!, -1);
    if (leaf !== slot) this.#replace(slot, leaf);
  }

  find(granules: number): number {
    if (this.#takes === 'largest') {
      const node = this.#mostUnder(this.#map.last());
      return node >= 0 && this.#table.size[node]! >= granules ? this.#table.next[node]! : -1;
    }
    const sizeClass = classOf(granules);
    let node = this.#leastFrom(this.#roots[sizeClass]!, granules);
    if (node < 0) {
      const above = this.#map.nextAbove(sizeClass);
      if (above < 0) return -1;
      node = this.#leastUnder(this.#roots[above]!);
    }
    return this.#table.next[node]!;
  }

  largest(): number {
    const node = this.#mostUnder(this.#map.last());
    return node < 0 ? 0 : this.#table.size[node]!;
  }

  /** The smallest node of this tree that is at least so large. */
  #leastFrom(top: number, granules: number): number {
    const { size } = this.#table;
    let best = -1;
    let larger = -1;
    let bit = firstBitOf(granules);
    for (let node = top; node >= 0; bit >>>= 1) {
      const own = size[node]!;
      if (own === granules) return node;
      if (own > granules && (best < 0 || own < size[best]!)) best = node;
      if ((granules & bit) === 0) {
        // All on the high side are larger, and smaller than those on the high sides above.
        if (this.#high[node]! >= 0) larger = this.#high[node]!;
        node = this.#low[node]!;
      } else node = this.#high[node]!;
    }
    if (larger < 0) return best;
    const least = this.#leastUnder(larger);
    return best < 0 || size[least]! < size[best]! ? least : best;
  }

  /** All on the low side are smaller than those on the high side; the node itself may be anything. */
  #leastUnder(top: number): number {
    const { size } = this.#table;
    let least = top;
    for (let node = top; node >= 0; node = this.#low[node]! >= 0 ? this.#low[node]! : this.#high[node]!) if (size[node]! < size[least]!) least = node;
    return least;
  }

  #mostUnder(sizeClass: number): number {
    if (sizeClass < 0) return -1;
    const { size } = this.#table;
    let most = this.#roots[sizeClass]!;
    for (let node = most; node >= 0; node = this.#high[node]! >= 0 ? this.#high[node]! : this.#low[node]!) if (size[node]! > size[most]!) most = node;
    return most;
  }

  #leafUnder(top: number): number {
    let node = top;
    for (let child = node; child >= 0; child = this.#high[node]! >= 0 ? this.#high[node]! : this.#low[node]!) node = child;
    return node;
  }

  /** Puts `other`, which is in no tree, where `slot` is. */
  #replace(slot: number, other: number): void {
    const [parent, low, high] = [this.#parent[slot]!, this.#low[slot]!, this.#high[slot]!];
    this.#hang(slot, parent, other);
    this.#parent[other] = parent;
    this.#low[other] = low;
    this.#high[other] = high;
    if (low >= 0) this.#parent[low] = other;
    if (high >= 0) this.#parent[high] = other;
  }

  /** What hangs where `slot` does becomes `other`; -1 is nothing. */
  #hang(slot: number, parent: number, other: number): void {
    if (parent >= 0) {
      if (this.#low[parent] === slot) this.#low[parent] = other;
      else this.#high[parent] = other;
      return;
    }
    const sizeClass = classOf(this.#table.size[slot]!);
    this.#roots[sizeClass] = other;
    if (other < 0) this.#map.unset(sizeClass);
  }
}

/** The first bit that sizes of one class may differ in. */
const firstBitOf = (size: number): number => 0x02000000 >>> Math.clz32(size);
