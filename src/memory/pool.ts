import { assert } from '../base/assert.ts';
import type { Bytes } from '../base/units.ts';
import { Demand } from './demand.ts';

/**
 * A whole buffer that a pool gives out again and again, and what holds its bytes (`memory/` never looks inside).
 *
 * ```
 *              park                ready
 * live ──────────────────▶ parked ───────▶ idle ──discard, evict──▶ returning ──completed──▶ gone
 *  ▲ └───────────────release─────────────▶  │
 *  └────────────────acquire─────────────────┘
 * ```
 * There are two horizons. A block may be used **again** once everything that uses it was submitted, since the queue keeps the order: until then it is parked. Its bytes are **back**
 * only when all that is completed.
 */
export class Block<T> {
  /** Counted up by its pool, from 1. */
  readonly number: number;
  readonly holds: T;
  readonly usage: number;
  readonly bytes: Bytes;
  state: 'live' | 'parked' | 'idle' | 'returning' | 'gone' = 'live';
  /** The acquisition that gave it out last. */
  usedAt = 0;
  /** How many submits there were when it was released: once they are completed, nothing uses it. Kept for whoever holds the bytes. */
  lastUse = 0;
  /** The sweep before which it became idle. */
  sweep = 0;
  /** Neighbours among the idle: of all, by age, and of the same usage and size. */
  older: Block<T> | undefined;
  newer: Block<T> | undefined;
  below: Block<T> | undefined;
  above: Block<T> | undefined;

  constructor(number: number, holds: T, usage: number, bytes: Bytes) {
    this.number = number;
    this.holds = holds;
    this.usage = usage;
    this.bytes = bytes;
  }
}

/** The idle blocks of one usage and size, the one used last on top, because it is the warmest. */
interface Stack<T> {
  top: Block<T> | undefined;
}

/** The stacks of one usage: by size, and their sizes in order for requests that take a larger one. */
interface Shelf<T> {
  readonly stacks: Map<Bytes, Stack<T>>;
  readonly sizes: Bytes[];
  live: Bytes;
  hits: number;
  misses: number;
}

/** Of one usage. */
export interface UsageReport {
  readonly usage: number;
  readonly live: Bytes;
  readonly idle: Bytes;
  readonly hits: number;
  readonly misses: number;
  /** Sizes that something is idle of, the smallest first, and how many blocks. */
  readonly sizes: readonly { readonly bytes: Bytes; readonly idleCount: number }[];
}

export interface PoolReport {
  readonly live: Bytes;
  /** Reusable, now or once it is ready. */
  readonly idle: Bytes;
  readonly returning: Bytes;
  /** Acquisitions served from what was idle, and those for which a block had to be made. */
  readonly hits: number;
  readonly misses: number;
  readonly evictions: number;
  readonly liveCount: number;
  readonly idleCount: number;
}

/**
 * Whole buffers by usage and size: taken last in, first out, evicted least recently used first. All calls are O(1), but for a request that accepts
 * a larger block, which looks through the sizes of its usage by bisection.
 */
export class Pool<T> {
  readonly #shelves = new Map<number, Shelf<T>>();
  readonly #demand = new Demand();
  #oldest: Block<T> | undefined;
  #newest: Block<T> | undefined;
  #live: Bytes = 0;
  #idle: Bytes = 0;
  #returning: Bytes = 0;
  #liveCount = 0;
  #idleCount = 0;
  #hits = 0;
  #misses = 0;
  #evictions = 0;
  #sweeps = 1;

  /** How many blocks were asked for so far: the pool's own clock, for ages. */
  get acquisitions(): number {
    return this.#hits + this.#misses;
  }

  get live(): Bytes {
    return this.#live;
  }

  get idle(): Bytes {
    return this.#idle;
  }

  get returning(): Bytes {
    return this.#returning;
  }

  get report(): PoolReport {
    return {
      live: this.#live, idle: this.#idle, returning: this.#returning, hits: this.#hits, misses: this.#misses, evictions: this.#evictions,
      liveCount: this.#liveCount, idleCount: this.#idleCount,
    };
  }

  /** By usage, with what is idle of each size. O(idle). */
  get usages(): readonly UsageReport[] {
    return [...this.#shelves].map(([usage, { stacks, sizes, live, hits, misses }]) => {
      const idle = sizes.map((bytes) => ({ bytes, idleCount: countOf(stacks.get(bytes)!) })).filter(({ idleCount }) => idleCount > 0);
      return { usage, live, idle: idle.reduce((sum, { bytes, idleCount }) => sum + bytes * idleCount, 0), hits, misses, sizes: idle };
    });
  }

  /** An idle block of this usage that has `bytes`, or more up to `slack` times as many; `undefined` when there is none: make one and `add` it. */
  acquire(usage: number, bytes: Bytes, slack = 1): Block<T> | undefined {
    const shelf = this.#shelves.get(usage);
    const stack = shelf?.stacks.get(bytes);
    const block = stack?.top ?? (slack > 1 && shelf !== undefined ? this.#largerThan(shelf, bytes, bytes * slack) : undefined);
    if (block === undefined) return undefined;
    this.#hits += 1;
    shelf!.hits += 1;
    this.#takeOut(block);
    this.#give(block);
    return block;
  }

  /** A block that was just made; it is live. */
  add(holds: T, usage: number, bytes: Bytes): Block<T> {
    this.#misses += 1;
    const block = new Block(this.#misses, holds, usage, bytes);
    this.#shelfOf(usage).misses += 1;
    this.#demand.made(usage, bytes);
    this.#give(block);
    return block;
  }

  /** Whether blocks of this size come again, so that one is worth keeping. */
  isWanted({ usage, bytes }: Block<T>): boolean {
    return this.#demand.isWanted(usage, bytes);
  }

  /** The block may be given out again at once. */
  release(block: Block<T>): void {
    this.park(block);
    this.#putIn(block);
  }

  /** The block is released, but must not be given out before it is `ready`. */
  park(block: Block<T>): void {
    assert(block.state === 'live', `only a live block is released, this one is ${block.state}`);
    block.state = 'parked';
    this.#ungive(block);
    this.#idle += block.bytes;
    this.#idleCount += 1;
  }

  /** What the block was parked for is over. */
  ready(block: Block<T>): void {
    assert(block.state === 'parked', `only a parked block gets ready, this one is ${block.state}`);
    this.#putIn(block);
  }

  /**
   * The block will not be given out again: it was abandoned, refused or mapped in the end, or nobody may want it. It counts as returning until
   * `completed` is called for it.
   */
  discard(block: Block<T>): void {
    assert(block.state === 'live' || block.state === 'parked' || block.state === 'idle', `a block is discarded once, this one is ${block.state}`);
    if (block.state === 'idle') {
      this.#takeOut(block);
      this.#forget(block);
    } else if (block.state === 'live') this.#ungive(block);
    else {
      this.#idle -= block.bytes;
      this.#idleCount -= 1;
    }
    block.state = 'returning';
    this.#returning += block.bytes;
  }

  /** The device is through with it: its bytes are back. */
  completed(block: Block<T>): void {
    assert(block.state === 'returning', `only a block on its way back completes, this one is ${block.state}`);
    block.state = 'gone';
    this.#returning -= block.bytes;
  }

  /** Begins another period. Returns the last idle block, in the order of `evict`, that nobody asked for in all of the one before. */
  sweep(): Block<T> | undefined {
    let last: Block<T> | undefined;
    for (let block = this.#oldest; block !== undefined && block.sweep < this.#sweeps; block = block.newer) last = block;
    this.#sweeps += 1;
    return last;
  }

  /** The idle block that was used longest ago. */
  get oldest(): Block<T> | undefined {
    return this.#oldest;
  }

  /** Discards the idle block that was used longest ago; `undefined` when none is idle. What is parked is not touched. */
  evict(): Block<T> | undefined {
    const block = this.#oldest;
    if (block === undefined) return undefined;
    this.#evictions += 1;
    this.discard(block);
    return block;
  }

  #give(block: Block<T>): void {
    block.state = 'live';
    block.usedAt = this.acquisitions;
    this.#live += block.bytes;
    this.#liveCount += 1;
    this.#shelfOf(block.usage).live += block.bytes;
  }

  #ungive(block: Block<T>): void {
    this.#live -= block.bytes;
    this.#liveCount -= 1;
    this.#shelfOf(block.usage).live -= block.bytes;
  }

  #largerThan(shelf: Shelf<T>, bytes: Bytes, most: Bytes): Block<T> | undefined {
    const { sizes, stacks } = shelf;
    for (let index = firstAbove(sizes, bytes); index < sizes.length && sizes[index]! <= most; index += 1) {
      const top = stacks.get(sizes[index]!)!.top;
      if (top !== undefined) return top;
    }
    return undefined;
  }

  #putIn(block: Block<T>): void {
    block.state = 'idle';
    block.sweep = this.#sweeps;
    block.older = this.#newest;
    block.newer = undefined;
    if (this.#newest !== undefined) this.#newest.newer = block;
    this.#newest = block;
    this.#oldest ??= block;
    const stack = this.#stackOf(block);
    block.below = stack.top;
    block.above = undefined;
    if (stack.top !== undefined) stack.top.above = block;
    stack.top = block;
  }

  #takeOut(block: Block<T>): void {
    this.#idle -= block.bytes;
    this.#idleCount -= 1;
    if (block.older === undefined) this.#oldest = block.newer;
    else block.older.newer = block.newer;
    if (block.newer === undefined) this.#newest = block.older;
    else block.newer.older = block.older;
    if (block.below !== undefined) block.below.above = block.above;
    if (block.above !== undefined) block.above.below = block.below;
    else this.#stackOf(block).top = block.below;
    block.older = block.newer = block.below = block.above = undefined;
  }

  /** Sizes that are not asked for again leave nothing behind. */
  #forget({ usage, bytes }: Block<T>): void {
    const shelf = this.#shelves.get(usage)!;
    if (shelf.stacks.get(bytes)!.top !== undefined) return;
    shelf.stacks.delete(bytes);
    shelf.sizes.splice(firstAbove(shelf.sizes, bytes) - 1, 1);
  }

  #shelfOf(usage: number): Shelf<T> {
    let shelf = this.#shelves.get(usage);
    if (shelf === undefined) this.#shelves.set(usage, (shelf = { stacks: new Map(), sizes: [], live: 0, hits: 0, misses: 0 }));
    return shelf;
  }

  #stackOf({ usage, bytes }: Block<T>): Stack<T> {
    const shelf = this.#shelfOf(usage);
    let stack = shelf.stacks.get(bytes);
    if (stack === undefined) {
      shelf.stacks.set(bytes, (stack = { top: undefined }));
      shelf.sizes.splice(firstAbove(shelf.sizes, bytes), 0, bytes);
    }
    return stack;
  }
}

function countOf<T>({ top }: Stack<T>): number {
  let count = 0;
  for (let block = top; block !== undefined; block = block.below) count += 1;
  return count;
}

/** Where the first size above `bytes` stands. */
function firstAbove(sizes: readonly Bytes[], bytes: Bytes): number {
  let low = 0;
  let high = sizes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sizes[middle]! <= bytes) low = middle + 1;
    else high = middle;
  }
  return low;
}
