import { assert } from '../base/assert.ts';
import { Block, type BlockId, type BlockUse, type Move, type Spot, type Weight, type WeightId } from './arena-block.ts';
import { type CompactionBudget, type MoveUnderWay, movesToEmptyBlocks } from './arena-moves.ts';
import { type Fit, granuleBytes, granulesFor, maxGranules, type RangeHandle } from './range-allocator.ts';

export type { BlockId, BlockUse, Move, WeightId } from './arena-block.ts';
export type { CompactionBudget } from './arena-moves.ts';

export interface ArenaOptions {
  /** Of a shared block when there are many already; the first ones have an eighth, a quarter and a half of it. At least 2048. */
  readonly maxBlockBytes: number;
  /** What the adapter reports, for dedicated blocks; not below `maxBlockBytes`. */
  readonly maxBufferBytes: number;
  readonly fit?: Fit;
}

export type Allocation =
  | { readonly kind: 'placed'; readonly id: WeightId }
  /** Make a buffer of so many bytes, or a smaller one that has at least `leastBytes`, tell it by `addBlock`, and ask again. */
  | { readonly kind: 'needs-block'; readonly bytes: number; readonly leastBytes: number; readonly use: BlockUse }
  | { readonly kind: 'refused'; readonly code: 'no-bytes' | 'over-buffer-limit'; readonly limitBytes: number };

/** Where a weight lies now. The version grows with every move. */
export interface WeightPlace extends Spot {
  readonly bytes: number;
  readonly version: number;
}

export interface ArenaReport {
  /** What was asked for. */
  readonly requestedBytes: number;
  /** The same in whole granules, and what is reserved for moves under way. */
  readonly chargedBytes: number;
  /** All blocks. */
  readonly reservedBytes: number;
  readonly weightCount: number;
  readonly blockCount: number;
  readonly emptyBlockCount: number;
  readonly largestFreeBytes: number;
  /** How much of what is free in shared blocks lies outside the largest free range of its block, from 0 to 1. */
  readonly fragmentation: number;
  /** Calls for weights that went with a lost device. */
  readonly staleCount: number;
}

/**
 * Read-only weights in blocks: it says which block and which range, the edge has the buffers. They may share a buffer because nothing writes
 * there while it is bound, but for copies in and between blocks, for which the buffers need `COPY_DST` and `COPY_SRC`. One arena has one tenant.
 *
 * Above half of `maxBlockBytes` a weight has a block of its own, which goes with it. At most one shared block is kept empty: methods that empty
 * blocks return those that the edge must destroy. The fullest block that has room is used, so that others empty.
 *
 * `free` what no command buffer that is still to be submitted uses: its bytes may be written anew at once.
 */
export class WeightArena {
  readonly #options: ArenaOptions;
  readonly #blocks: Block[] = [];
  readonly #weights = new Map<WeightId, Weight>();
  readonly #underWay = new Map<Move, MoveUnderWay>();
  #requestedBytes = 0;
  #weightCount = 0;
  #lastWeight = 0;
  #lastBlock = 0;
  /** Ids up to this one went with a device. */
  #lastLost = 0;
  #staleCount = 0;

  constructor(options: ArenaOptions) {
    const { maxBlockBytes, maxBufferBytes } = options;
    assert(maxBlockBytes >= 8 * granuleBytes && maxBlockBytes <= maxBufferBytes && maxBufferBytes <= maxGranules * granuleBytes,
      'a shared block is at least 2048 bytes and at most a buffer, a buffer at most 8 GiB');
    this.#options = options;
  }

  /** Finds room for a weight. Bytes that are no whole number from 0 on are a bug; 0 is refused, since nothing could be bound. */
  allocate(bytes: number, label: string): Allocation {
    assert(Number.isSafeInteger(bytes) && bytes >= 0, 'a weight has a whole number of bytes');
    const { maxBlockBytes, maxBufferBytes } = this.#options;
    const granules = granulesFor(bytes);
    const leastBytes = granules * granuleBytes;
    if (bytes === 0) return { kind: 'refused', code: 'no-bytes', limitBytes: 1 };
    if (leastBytes > maxBufferBytes) return { kind: 'refused', code: 'over-buffer-limit', limitBytes: maxBufferBytes };
    const use = leastBytes > maxBlockBytes / 2 ? 'dedicated' : 'shared';
    const fullestFirst = this.#blocks
      .filter((block) => block.use === use && block.freeGranules >= granules && (use === 'shared' || block.isEmpty))
      .sort((a, b) => a.freeGranules - b.freeGranules || a.id - b.id);
    for (const block of fullestFirst) {
      const range = block.allocate(granules);
      if (range !== undefined) return { kind: 'placed', id: this.#add({ bytes, granules, label }, block, range) };
    }
    return { kind: 'needs-block', bytes: use === 'dedicated' ? leastBytes : this.#nextBlockBytes(leastBytes), leastBytes, use };
  }

  /** A buffer was made, and is to be used at once: the next call that empties a block may drop it. Bytes beyond whole granules are not used. */
  addBlock(bytes: number, use: BlockUse = 'shared'): BlockId {
    const granules = Math.floor(bytes / granuleBytes);
    assert(granules >= 1 && bytes <= this.#options.maxBufferBytes, 'a block has at least 256 bytes, and no more than a buffer may have');
    this.#lastBlock += 1;
    this.#blocks.push(new Block(this.#lastBlock as BlockId, use, granules, this.#options.fit ?? 'best-fit'));
    return this.#lastBlock as BlockId;
  }

  /** Where a weight lies; `undefined` when it went with a lost device. One that was freed is a bug. */
  resolve(id: WeightId): WeightPlace | undefined {
    const weight = this.#find(id);
    return weight && { ...weight.block.spotOf(weight.range), bytes: weight.bytes, version: weight.version };
  }

  /** Gives a weight back. One that was freed before is a bug, one that went with a lost device is counted. @returns blocks to destroy */
  free(id: WeightId): readonly BlockId[] {
    const weight = this.#find(id);
    if (weight === undefined) return [];
    this.#requestedBytes -= weight.bytes;
    this.#weightCount -= 1;
    if (weight.move !== undefined) {
      // The copy is still to come, and would write over whoever had the range that it goes to.
      weight.isFreed = true;
      return [];
    }
    this.#forget(weight);
    return this.#dropEmpty();
  }

  /** From now on it does not move: a captured graph or an encoder names its range. Pins count. */
  pin(id: WeightId): void {
    const weight = this.#find(id);
    if (weight !== undefined) weight.pinCount += 1;
  }

  unpin(id: WeightId): void {
    const weight = this.#find(id);
    if (weight === undefined) return;
    assert(weight.pinCount > 0, 'a weight is unpinned as often as it was pinned');
    weight.pinCount -= 1;
  }

  /**
   * Moves that empty blocks, within a budget. Until a move is told as `moved` or `abandoned` the weight lies where it lay, the range that it goes
   * to is reserved, and neither is given to anyone else. The edge copies in one submit, behind everything that writes the weights, and then tells.
   */
  compact(budget: CompactionBudget): readonly Move[] {
    return movesToEmptyBlocks(this.#blocks, budget).map((underWay) => {
      this.#underWay.set(underWay.move, underWay);
      this.#weights.get(underWay.move.id)!.move = underWay.move;
      return underWay.move;
    });
  }

  /**
   * The copies were submitted. The weights keep their ids and have new versions; one that was pinned meanwhile stays where it was.
   * @returns blocks to destroy
   */
  moved(moves: readonly Move[]): readonly BlockId[] {
    return this.#settle(moves, (weight, { block, range }) => {
      if (weight.pinCount > 0) return block.ranges.free(range);
      weight.block.ranges.free(weight.range);
      weight.block.weights.delete(weight);
      [weight.block, weight.range] = [block, range];
      block.weights.add(weight);
      weight.version += 1;
    });
  }

  /** The copies will not be made: everything stays where it was. @returns blocks to destroy */
  abandoned(moves: readonly Move[]): readonly BlockId[] {
    return this.#settle(moves, (_, { block, range }) => block.ranges.free(range));
  }

  /** Gives up empty blocks, also the one that is kept, and those that were added and not used. @returns blocks to destroy */
  trim(): readonly BlockId[] {
    return this.#drop(this.#blocks.filter(({ isEmpty }) => isEmpty));
  }

  /** The device is gone and everything with it. Ids from before resolve to nothing; freeing them, or telling their moves, is counted. */
  lose(): void {
    this.#blocks.length = 0;
    this.#weights.clear();
    this.#underWay.clear();
    this.#requestedBytes = this.#weightCount = 0;
    this.#lastLost = this.#lastWeight;
  }

  /** What was not freed, to be named as leaks. */
  *weights(): Iterable<Readonly<Pick<Weight, 'id' | 'bytes' | 'label' | 'version'>>> {
    for (const weight of this.#weights.values()) if (!weight.isFreed) yield weight;
  }

  /** O(blocks). */
  report(): ArenaReport {
    let [chargedBytes, reservedBytes, free, together, largest, emptyBlockCount] = [0, 0, 0, 0, 0, 0];
    for (const block of this.#blocks) {
      chargedBytes += block.ranges.used * granuleBytes;
      reservedBytes += block.bytes;
      if (block.isEmpty) emptyBlockCount += 1;
      if (block.use === 'dedicated') continue;
      free += block.freeGranules;
      together += block.ranges.largestFree;
      largest = Math.max(largest, block.ranges.largestFree);
    }
    return { requestedBytes: this.#requestedBytes, chargedBytes, reservedBytes, weightCount: this.#weightCount, blockCount: this.#blocks.length,
      emptyBlockCount, largestFreeBytes: largest * granuleBytes, fragmentation: free === 0 ? 0 : 1 - together / free, staleCount: this.#staleCount };
  }

  #add({ bytes, granules, label }: Pick<Weight, 'bytes' | 'granules' | 'label'>, block: Block, range: RangeHandle): WeightId {
    this.#lastWeight += 1;
    const id = this.#lastWeight as WeightId;
    const weight: Weight = { id, bytes, granules, label, block, range, version: 1, pinCount: 0, move: undefined, isFreed: false };
    this.#weights.set(id, weight);
    block.weights.add(weight);
    this.#requestedBytes += bytes;
    this.#weightCount += 1;
    return id;
  }

  /** The smallest step that is above every block there is, and twice what is asked for (as VMA does). */
  #nextBlockBytes(leastBytes: number): number {
    const { maxBlockBytes } = this.#options;
    const largest = this.#blocks.reduce((most, { use, bytes }) => (use === 'shared' ? Math.max(most, bytes) : most), 0);
    const steps = [8, 4, 2].map((part) => Math.floor(maxBlockBytes / part / granuleBytes) * granuleBytes);
    return steps.find((bytes) => bytes > largest && bytes >= 2 * leastBytes) ?? Math.floor(maxBlockBytes / granuleBytes) * granuleBytes;
  }

  #find(id: WeightId): Weight | undefined {
    const weight = this.#weights.get(id);
    if (weight === undefined && id > 0 && id <= this.#lastLost) {
      this.#staleCount += 1;
      return undefined;
    }
    assert(weight !== undefined && !weight.isFreed, 'a weight is known, and was not freed');
    return weight;
  }

  #settle(moves: readonly Move[], settle: (weight: Weight, underWay: MoveUnderWay) => void): readonly BlockId[] {
    for (const move of moves) {
      if (move.id <= this.#lastLost) {
        this.#staleCount += 1;
        continue;
      }
      const underWay = this.#underWay.get(move);
      assert(underWay !== undefined, 'a move is told once, as it was given');
      this.#underWay.delete(move);
      const weight = this.#weights.get(move.id)!;
      weight.move = undefined;
      if (weight.isFreed) {
        underWay.block.ranges.free(underWay.range);
        this.#forget(weight);
      } else settle(weight, underWay);
    }
    return this.#dropEmpty();
  }

  #forget(weight: Weight): void {
    weight.block.ranges.free(weight.range);
    weight.block.weights.delete(weight);
    this.#weights.delete(weight.id);
  }

  /** All dedicated blocks that are empty, and all shared ones but the smallest: what is kept should cost little. */
  #dropEmpty(): readonly BlockId[] {
    const empty = this.#blocks.filter(({ isEmpty }) => isEmpty);
    const [, ...rest] = empty.filter(({ use }) => use === 'shared').sort((a, b) => a.bytes - b.bytes || a.id - b.id);
    return empty.length === 0 ? [] : this.#drop([...rest, ...empty.filter(({ use }) => use === 'dedicated')]);
  }

  #drop(blocks: readonly Block[]): readonly BlockId[] {
    for (const block of blocks) this.#blocks.splice(this.#blocks.indexOf(block), 1);
    return blocks.map(({ id }) => id);
  }
}
