import type { FreeIndex } from './free-index.ts';
import { ClassMap, classCount, classOf, largestOf } from './size-classes.ts';
import type { RangeTable } from './range-table.ts';

/** So many ranges of the own class are looked at before a larger class is split, and so many before giving up. */
const firstLook = 4;
const lastLook = 64;

/**
 * Good fit: a list of free ranges for each size class, the one that became free last in front. A request looks first at four ranges of its own
 * class, of which some are too small, then takes any range of the next class that has one. So it takes a range at most 1/16 too large where
 * there is one among those; `find`, `insert` and `remove` are O(1). When no larger class has anything it looks at up to 64 of its own, and gives
 * up although a fit may lie behind those: exact fits are `SizeTrees`.
 */
export class SizeLists implements FreeIndex {
  readonly #table: RangeTable;
  readonly #map = new ClassMap();
  readonly #heads = new Int32Array(classCount).fill(-1);
  /** -1 when it must be looked up again. */
  #largest = 0;

  constructor(table: RangeTable) {
    this.#table = table;
  }

  insert(slot: number): void {
    const { size, previous, next } = this.#table;
    const own = size[slot]!;
    const sizeClass = classOf(own);
    const head = this.#heads[sizeClass]!;
    previous[slot] = -1;
    next[slot] = head;
    if (head >= 0) previous[head] = slot;
    else this.#map.set(sizeClass);
    this.#heads[sizeClass] = slot;
    if (this.#largest >= 0 && own > this.#largest) this.#largest = own;
  }

  remove(slot: number): void {
    const { size, previous, next } = this.#table;
    const own = size[slot]!;
    const [last, follower] = [previous[slot]!, next[slot]!];
    if (follower >= 0) previous[follower] = last;
    if (last >= 0) next[last] = follower;
    else {
      const sizeClass = classOf(own);
      this.#heads[sizeClass] = follower;
      if (follower < 0) this.#map.unset(sizeClass);
    }
    if (own === this.#largest) this.#largest = -1;
  }

  find(granules: number): number {
    const sizeClass = classOf(granules);
    const near = this.#among(sizeClass, granules, firstLook);
    if (near >= 0) return near;
    const above = this.#map.nextAbove(sizeClass);
    return above >= 0 ? this.#heads[above]! : this.#among(sizeClass, granules, lastLook);
  }

  /** Looked up in the list of the largest class, when the largest was taken since. */
  largest(): number {
    if (this.#largest >= 0) return this.#largest;
    const sizeClass = this.#map.last();
    const { size, next } = this.#table;
    let most = 0;
    const bound = sizeClass < 0 ? 0 : largestOf(sizeClass);
    for (let slot = sizeClass < 0 ? -1 : this.#heads[sizeClass]!; slot >= 0 && most < bound; slot = next[slot]!) most = Math.max(most, size[slot]!);
    this.#largest = most;
    return most;
  }

  #among(sizeClass: number, granules: number, count: number): number {
    const { size, next } = this.#table;
    let slot = this.#heads[sizeClass]!;
    for (let seen = 0; slot >= 0 && seen < count; seen += 1) {
      if (size[slot]! >= granules) return slot;
      slot = next[slot]!;
    }
    return -1;
  }
}
