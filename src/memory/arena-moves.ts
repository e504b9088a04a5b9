import type { Block, Move, Weight } from './arena-block.ts';
import type { RangeHandle } from './range-allocator.ts';

/** What one pass of compaction may do. */
export interface CompactionBudget {
  readonly maxBytes: number;
  readonly maxMoves: number;
}

/** A weight and the range that it may move to. */
interface Planned {
  readonly weight: Weight;
  readonly block: Block;
  readonly range: RangeHandle;
}

/** A move, and what the arena must know to finish it. */
export interface MoveUnderWay {
  readonly move: Move;
  readonly block: Block;
  readonly range: RangeHandle;
}

/**
 * Moves that empty blocks: those of the emptiest block first, into the fullest that have room. A block is begun only if all of it has room
 * elsewhere, if no move of it alone is over the budget, and if none of it is pinned or on its way. Weights move into blocks that are fuller than
 * their own, so passes one after another come to an end. The ranges that are moved to are reserved.
 */
export function movesToEmptyBlocks(blocks: readonly Block[], { maxBytes, maxMoves }: CompactionBudget): readonly MoveUnderWay[] {
  const rising = blocks.filter(({ use, isEmpty }) => use === 'shared' && !isEmpty).sort((a, b) => a.ranges.used - b.ranges.used || b.id - a.id);
  const targets = new Set<Block>();
  const moves: MoveUnderWay[] = [];
  let bytesLeft = maxBytes;
  for (const [index, source] of rising.entries()) {
    // What is filled by this pass is not emptied by it.
    if (targets.has(source)) continue;
    let isCut = false;
    for (const { weight, block, range } of roomForAll(source, rising.slice(index + 1).reverse(), maxBytes)) {
      const bytes = copiedBytes(weight);
      if (bytes > bytesLeft || moves.length >= maxMoves) {
        block.ranges.free(range);
        isCut = true;
        continue;
      }
      bytesLeft -= bytes;
      targets.add(block);
      moves.push({ move: { id: weight.id, from: source.spotOf(weight.range), to: block.spotOf(range), bytes }, block, range });
    }
    // The next pass goes on with the same block.
    if (isCut) break;
  }
  return moves;
}

const copiedBytes = ({ bytes }: Weight): number => Math.ceil(bytes / 4) * 4;

/** Room for everything in a block, the largest first; nothing when there is not enough. */
function roomForAll(source: Block, fuller: readonly Block[], maxBytes: number): readonly Planned[] {
  const weights = [...source.weights];
  if (weights.some((weight) => weight.pinCount > 0 || weight.move !== undefined || weight.isFreed || copiedBytes(weight) > maxBytes)) return [];
  // A range on its way here is not among the weights.
  if (weights.reduce((sum, { granules }) => sum + granules, 0) < source.ranges.used) return [];
  if (fuller.reduce((sum, { freeGranules }) => sum + freeGranules, 0) < source.ranges.used) return [];
  const planned: Planned[] = [];
  for (const weight of weights.sort((a, b) => b.granules - a.granules || a.id - b.id)) {
    const found = roomFor(weight, fuller);
    if (found === undefined) {
      for (const { block, range } of planned) block.ranges.free(range);
      return [];
    }
    planned.push(found);
  }
  return planned;
}

function roomFor(weight: Weight, blocks: readonly Block[]): Planned | undefined {
  for (const block of blocks) {
    const range = block.allocate(weight.granules);
    if (range !== undefined) return { weight, block, range };
  }
  return undefined;
}
