import { assert, unreachable } from '../base/assert.ts';
import { AddressTree } from './address-tree.ts';
import type { FreeIndex } from './free-index.ts';
import { type RangeHandle, RangeTable } from './range-table.ts';
import { SizeLists } from './size-lists.ts';
import { SizeTrees } from './size-trees.ts';

export type { RangeHandle } from './range-table.ts';

/** The unit of offsets and sizes inside a block: what WebGPU wants of a storage binding's offset, so alignment is nobody's concern any more. */
export const granuleBytes = 256;
/** 8 GiB in one block; no adapter has a buffer of more than 4. */
export const maxGranules = 2 ** 25;

/** So many granules hold so many bytes. */
export const granulesFor = (bytes: number): number => Math.ceil(bytes / granuleBytes);

/**
 * Which of the free ranges that are large enough is taken. All take its first granules.
 *
 * - `good-fit`: nearly the smallest, in constant time
 * - `best-fit`: the smallest; of equal ones the one that became free last
 * - `first-fit`: the one of the lowest address
 * - `next-fit`: the first behind what was given out last, then from the start again
 * - `worst-fit`: the largest; of equal ones the one that became free last
 *
 * Next and worst fit leave a block in pieces: they are here to be compared with.
 */
export const fits = ['good-fit', 'best-fit', 'first-fit', 'next-fit', 'worst-fit'] as const;
export type Fit = (typeof fits)[number];

/** What `allocate` says instead of a handle when no free range is large enough. */
export const noRange = -1;

/** Sizes in granules. */
export interface RangeReport {
  readonly capacity: number;
  readonly used: number;
  readonly free: number;
  /** Exactly: this much could be allocated at once. */
  readonly largestFree: number;
  readonly usedCount: number;
  readonly freeCount: number;
  /** How much of what is free lies outside the largest free range: 0 when all lies together or nothing is free, towards 1 when it is in crumbs. */
  readonly fragmentation: number;
}

/**
 * Gives ranges of one block out and takes them back. It knows offsets only; whose buffer that is, and when the GPU has done with a range, is the
 * caller's. Freed neighbours are joined at once. Everything is in typed arrays that double when they are full: a call makes no garbage, and
 * is bounded (see the indexes for how).
 */
export class RangeAllocator {
  readonly granules: number;
  readonly fit: Fit;
  readonly #table: RangeTable;
  readonly #index: FreeIndex;
  #used = 0;
  #usedCount = 0;
  #freeCount = 1;

  /** @param granules the size of the block, from 1 to `maxGranules` */
  constructor(granules: number, fit: Fit = 'good-fit') {
    assert(Number.isInteger(granules) && granules >= 1 && granules <= maxGranules, 'a block is a whole number of granules, from 1 to 2^25');
    this.granules = granules;
    this.fit = fit;
    this.#table = new RangeTable(granules);
    this.#index = indexFor(fit, this.#table, granules);
    this.#index.insert(0);
  }

  /**
   * A range of so many granules, or `noRange` when no free range is that large, which is always so above the size of the block. A size that is no
   * whole number from 1 on is a bug.
   */
  allocate(granules: number): RangeHandle | typeof noRange {
    assert(granules >= 1 && Math.floor(granules) === granules, 'a range is a whole number of granules, at least 1');
    // Small, so that it is compiled into its caller: a handle above 2^31 that is returned by a call is an object.
    const slot = granules > this.granules ? -1 : this.#take(granules);
    return slot < 0 ? noRange : this.#table.handleOf(slot);
  }

  /** Takes a range back. A handle that was freed before, or of another allocator, is a bug: it is found, and nothing changes. */
  free(handle: RangeHandle): void {
    this.#giveBack(this.#table.slotOf(handle));
  }

  /** Where a range starts, in granules. */
  offsetOf(handle: RangeHandle): number {
    return this.#table.offset[this.#table.slotOf(handle)]!;
  }

  /** In granules. */
  sizeOf(handle: RangeHandle): number {
    return this.#table.size[this.#table.slotOf(handle)]!;
  }

  get used(): number {
    return this.#used;
  }

  get largestFree(): number {
    return this.#index.largest();
  }

  report(): RangeReport {
    const free = this.granules - this.#used;
    const largestFree = this.#index.largest();
    return { capacity: this.granules, used: this.#used, free, largestFree, usedCount: this.#usedCount, freeCount: this.#freeCount,
      fragmentation: free === 0 ? 0 : 1 - largestFree / free };
  }

  #take(granules: number): number {
    const slot = this.#index.find(granules);
    if (slot < 0) return -1;
    this.#index.remove(slot);
    const rest = this.#table.use(slot, granules);
    if (rest >= 0) this.#index.insert(rest);
    else this.#freeCount -= 1;
    this.#used += granules;
    this.#usedCount += 1;
    return slot;
  }

  #giveBack(used: number): void {
    const table = this.#table;
    this.#used -= table.size[used]!;
    this.#usedCount -= 1;
    this.#freeCount += 1;
    let slot = table.unuse(used);
    const before = table.before[slot]!;
    if (before >= 0 && table.isFree(before)) {
      this.#index.remove(before);
      table.join(before, slot);
      this.#freeCount -= 1;
      slot = before;
    }
    const behind = table.behind[slot]!;
    if (behind >= 0 && table.isFree(behind)) {
      this.#index.remove(behind);
      table.join(slot, behind);
      this.#freeCount -= 1;
    }
    this.#index.insert(slot);
  }
}

function indexFor(fit: Fit, table: RangeTable, granules: number): FreeIndex {
  switch (fit) {
    case 'good-fit': return new SizeLists(table);
    case 'best-fit': return new SizeTrees(table, 'smallest');
    case 'worst-fit': return new SizeTrees(table, 'largest');
    case 'first-fit': return new AddressTree(table, granules, 'lowest');
    case 'next-fit': return new AddressTree(table, granules, 'next');
    default: return unreachable(fit);
  }
}
