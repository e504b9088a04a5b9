import { assert } from '../base/assert.ts';
import type { Brand } from '../base/brand.ts';

/** Names a range that was given out: its slot, and which use of the slot this is. A safe integer above 0. */
export type RangeHandle = Brand<number, 'range'>;

export const slotBits = 26;
const slotMask = 2 ** slotBits - 1;
/** With these the largest handle is the largest safe integer. */
const generations = 2 ** (53 - slotBits) - 1;

const idle = 0;
const free = 1;
const used = 2;

/**
 * The ranges of a block in the order of their addresses, free and used ones, in columns that double. A slot stands for a range; slots of
 * ranges that are gone are used again, in a new generation, so that an old handle is told from a new one. A slot whose last generation was
 * used is never used again.
 */
export class RangeTable {
  offset: Int32Array;
  size: Int32Array;
  /** The range before in the block; -1 for the first. */
  before: Int32Array;
  /** The range behind; -1 for the last. Of an idle slot, the next idle one. */
  behind: Int32Array;
  /** Neighbours in a list of free ranges, for the index that keeps them. */
  previous: Int32Array;
  next: Int32Array;
  #states: Uint8Array;
  #generations: Int32Array;
  readonly #lastGeneration: number;
  #idle = -1;
  #slotCount = 0;

  constructor(granules: number, capacity = 64, lastGeneration = generations) {
    const column = () => new Int32Array(capacity);
    [this.offset, this.size, this.before, this.behind] = [column(), column(), column(), column()];
    [this.previous, this.next, this.#generations, this.#states] = [column(), column(), column(), new Uint8Array(capacity)];
    this.#lastGeneration = lastGeneration;
    this.#fill(this.#newSlot(), 0, granules, -1, -1);
  }

  isFree(slot: number): boolean {
    return this.#states[slot] === free;
  }

  handleOf(slot: number): RangeHandle {
    return (this.#generations[slot]! * (slotMask + 1) + slot) as RangeHandle;
  }

  /** The slot of a range that is in use. Anything else is a bug of the caller, found here. */
  slotOf(handle: RangeHandle): number {
    const slot = handle & slotMask;
    assert(this.#states[slot] === used && this.#generations[slot] === (handle - slot) / (slotMask + 1),
      'a range is in use: it was not freed before, and its handle is of this allocator');
    return slot;
  }

  /** Gives the first granules of a free range out. The slot of what is left, which is free; -1 when nothing is. */
  use(slot: number, granules: number): number {
    this.#states[slot] = used;
    const rest = this.size[slot]! - granules;
    if (rest === 0) return -1;
    const slotOfRest = this.#newSlot();
    const behind = this.behind[slot]!;
    this.size[slot] = granules;
    this.behind[slot] = slotOfRest;
    if (behind >= 0) this.before[behind] = slotOfRest;
    this.#fill(slotOfRest, this.offset[slot]! + granules, rest, slot, behind);
    return slotOfRest;
  }

  /** Makes a used range free, and its handle stale. Its slot from now on, which is another one if the slot is spent. */
  unuse(slot: number): number {
    this.#states[slot] = free;
    if (this.#generations[slot]! < this.#lastGeneration) {
      this.#generations[slot]! += 1;
      return slot;
    }
    const fresh = this.#newSlot();
    const [before, behind] = [this.before[slot]!, this.behind[slot]!];
    if (before >= 0) this.behind[before] = fresh;
    if (behind >= 0) this.before[behind] = fresh;
    this.#fill(fresh, this.offset[slot]!, this.size[slot]!, before, behind);
    this.#states[slot] = idle;
    return fresh;
  }

  /** Two free neighbours become one; the slot of the second is idle. */
  join(slot: number, second: number): void {
    this.size[slot]! += this.size[second]!;
    const behind = this.behind[second]!;
    this.behind[slot] = behind;
    if (behind >= 0) this.before[behind] = slot;
    this.#states[second] = idle;
    this.behind[second] = this.#idle;
    this.#idle = second;
  }

  #fill(slot: number, offset: number, size: number, before: number, behind: number): void {
    this.offset[slot] = offset;
    this.size[slot] = size;
    this.before[slot] = before;
    this.behind[slot] = behind;
    this.#states[slot] = free;
  }

  #newSlot(): number {
    const slot = this.#idle;
    if (slot >= 0) {
      this.#idle = this.behind[slot]!;
      return slot;
    }
    assert(this.#slotCount <= slotMask, 'a block has slots left');
    if (this.#slotCount === this.size.length) this.#grow();
    // The first generation is not 0, so that no handle is 0.
    this.#generations[this.#slotCount] = 1;
    this.#slotCount += 1;
    return this.#slotCount - 1;
  }

  #grow(): void {
    [this.offset, this.size, this.before, this.behind] = [doubled(this.offset), doubled(this.size), doubled(this.before), doubled(this.behind)];
    [this.previous, this.next, this.#generations] = [doubled(this.previous), doubled(this.next), doubled(this.#generations)];
    const states = new Uint8Array(this.#states.length * 2);
    states.set(this.#states);
    this.#states = states;
  }
}

export function doubled(column: Int32Array): Int32Array<ArrayBuffer> {
  const twice = new Int32Array(column.length * 2);
  twice.set(column);
  return twice;
}
