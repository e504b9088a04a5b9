import type { Brand } from '../base/brand.ts';
import { type Fit, granuleBytes, noRange, RangeAllocator, type RangeHandle } from './range-allocator.ts';

/** Counted up and never used again. */
export type BlockId = Brand<number, 'block'>;
export type WeightId = Brand<number, 'weight'>;

/** A block that many share, or that was made for one. */
export type BlockUse = 'shared' | 'dedicated';

/** One tensor, wherever it lies just now. */
export interface Weight {
  readonly id: WeightId;
  readonly bytes: number;
  readonly granules: number;
  readonly label: string;
  block: Block;
  range: RangeHandle;
  /** Grows when it moves: what was bound before is not it any more. */
  version: number;
  pinCount: number;
  /** Under way since it was told, until it is moved or abandoned. */
  move: Move | undefined;
  /** By the caller, while it was being moved. */
  isFreed: boolean;
}

/** Bytes to be copied from one block to another. */
export interface Move {
  readonly id: WeightId;
  readonly from: Spot;
  readonly to: Spot;
  /** A multiple of 4, as copies want it. */
  readonly bytes: number;
}

export interface Spot {
  readonly block: BlockId;
  /** Bytes; a multiple of 256. */
  readonly offset: number;
}

/** One buffer of the edge's, and what lies in it. */
export class Block {
  readonly id: BlockId;
  readonly use: BlockUse;
  readonly ranges: RangeAllocator;
  readonly weights = new Set<Weight>();

  constructor(id: BlockId, use: BlockUse, granules: number, fit: Fit) {
    this.id = id;
    this.use = use;
    this.ranges = new RangeAllocator(granules, fit);
  }

  /** Nothing lies here, and nothing is on its way. */
  get isEmpty(): boolean {
    return this.ranges.used === 0;
  }

  get bytes(): number {
    return this.ranges.granules * granuleBytes;
  }

  get freeGranules(): number {
    return this.ranges.granules - this.ranges.used;
  }

  /** `undefined` when it has no range that large. */
  allocate(granules: number): RangeHandle | undefined {
    if (this.ranges.largestFree < granules) return undefined;
    const range = this.ranges.allocate(granules);
    return range === noRange ? undefined : range;
  }

  spotOf(range: RangeHandle): Spot {
    return { block: this.id, offset: this.ranges.offsetOf(range) * granuleBytes };
  }
}
