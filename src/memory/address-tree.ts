import type { FreeIndex } from './free-index.ts';
import type { RangeTable } from './range-table.ts';

/** A bucket is at least so many granules, and there are at most so many buckets. */
const leastBucketBits = 4;
const mostBucketsBits = 14;

/**
 * First fit and next fit, exactly: the block is cut into buckets of a fixed size, each with a list of the free ranges that start in it, and a
 * tree over them tells the largest such range of each half, quarter and so on. The lowest range that fits is found by going down once:
 * O(log of the buckets), at most 14 steps, plus a look at one bucket, which has 32 free ranges at most in a block of 256 MiB, 512 in one of
 * 4 GiB.
 *
 * `lowest` takes the lowest range of the block. `next` takes the first that starts at or behind the end of what it gave out last, or the lowest
 * if there is none: a free range that reaches over that place is not looked at before the whole round is done.
 */
export class AddressTree implements FreeIndex {
  readonly #table: RangeTable;
  readonly #takes: 'lowest' | 'next';
  readonly #bucketBits: number;
  readonly #buckets: number;
  readonly #heads: Int32Array;
  /** A heap-shaped tree: the root at 1, the buckets from `#buckets` on. */
  readonly #most: Int32Array;
  #place = 0;
  /**
   * A bucket that lost its largest range and still tells the old one; -1 when there is none. What is left of a range, or what it is joined with,
   * mostly comes into the same bucket at once, and then the tree is climbed once instead of twice.
   */
  #unsettled = -1;

  constructor(table: RangeTable, granules: number, takes: 'lowest' | 'next') {
    this.#table = table;
    this.#takes = takes;
    const bits = 32 - Math.clz32(granules - 1);
    this.#bucketBits = Math.max(leastBucketBits, bits - mostBucketsBits);
    this.#buckets = 2 ** Math.max(0, bits - this.#bucketBits);
    this.#heads = new Int32Array(this.#buckets).fill(-1);
    this.#most = new Int32Array(2 * this.#buckets);
  }

  insert(slot: number): void {
    const { offset, size, previous, next } = this.#table;
    const bucket = offset[slot]! >>> this.#bucketBits;
    const head = this.#heads[bucket]!;
    previous[slot] = -1;
    next[slot] = head;
    if (head >= 0) previous[head] = slot;
    this.#heads[bucket] = slot;
    if (bucket === this.#unsettled) return this.#settle();
    const own = size[slot]!;
    const most = this.#most;
    for (let node = this.#buckets + bucket; node > 0 && most[node]! < own; node >>>= 1) most[node] = own;
  }

  remove(slot: number): void {
    const { offset, size, previous, next } = this.#table;
    const bucket = offset[slot]! >>> this.#bucketBits;
    const [last, follower] = [previous[slot]!, next[slot]!];
    if (follower >= 0) previous[follower] = last;
    if (last >= 0) next[last] = follower;
    else this.#heads[bucket] = follower;
    if (size[slot] !== this.#most[this.#buckets + bucket]) return;
    if (this.#unsettled >= 0 && this.#unsettled !== bucket) this.#settle();
    this.#unsettled = bucket;
  }

  find(granules: number): number {
    if (this.#unsettled >= 0) this.#settle();
    if (this.#most[1]! < granules) return -1;
    if (this.#takes === 'lowest') return this.#lowestUnder(1, granules);
    const behind = this.#lowestFrom(this.#place, granules);
    const slot = behind >= 0 ? behind : this.#lowestUnder(1, granules);
    this.#place = this.#table.offset[slot]! + granules;
    return slot;
  }

  largest(): number {
    if (this.#unsettled >= 0) this.#settle();
    return this.#most[1]!;
  }

  /** Looks the largest range of the unsettled bucket up, and tells the tree. */
  #settle(): void {
    const { size, next } = this.#table;
    const most = this.#most;
    let largest = 0;
    for (let slot = this.#heads[this.#unsettled]!; slot >= 0; slot = next[slot]!) if (size[slot]! > largest) largest = size[slot]!;
    let node = this.#buckets + this.#unsettled;
    this.#unsettled = -1;
    while (most[node] !== largest) {
      most[node] = largest;
      if (node === 1) return;
      const sibling = most[node ^ 1]!;
      if (sibling > largest) largest = sibling;
      node >>>= 1;
    }
  }

  #lowestFrom(place: number, granules: number): number {
    const bucket = place >>> this.#bucketBits;
    if (bucket >= this.#buckets) return -1;
    const near = this.#lowestIn(bucket, granules, place);
    if (near >= 0) return near;
    for (let node = this.#buckets + bucket; node > 1; node >>>= 1) {
      if ((node & 1) === 0 && this.#most[node + 1]! >= granules) return this.#lowestUnder(node + 1, granules);
    }
    return -1;
  }

  #lowestUnder(top: number, granules: number): number {
    const most = this.#most;
    const buckets = this.#buckets;
    let node = top;
    while (node < buckets) {
      // 1 when it is less: a branch here is guessed wrong half of the time.
      node = 2 * node + ((most[2 * node]! - granules) >>> 31);
    }
    return this.#lowestIn(node - buckets, granules, 0);
  }

  #lowestIn(bucket: number, granules: number, place: number): number {
    const { offset, size, next } = this.#table;
    let lowest = -1;
    for (let slot = this.#heads[bucket]!; slot >= 0; slot = next[slot]!) {
      if (size[slot]! >= granules && offset[slot]! >= place && (lowest < 0 || offset[slot]! < offset[lowest]!)) lowest = slot;
    }
    return lowest;
  }
}
