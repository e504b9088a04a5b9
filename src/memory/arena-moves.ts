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
 * elsewhere, if no move of it alone is over the budget, and if none of it is pinned or on its way. The ranges that are moved to are reserved.
 *
 * Passes one after another come to an end: either a pass empties a block whole, or it moves into blocks that are fuller than the one it leaves.
 */
export function movesToEmptyBlocks(blocks: readonly Block[], { maxBytes, maxMoves }: CompactionBudget): readonly MoveUnderWay[] {
  const rising = blocks.filter(({ use, isEmpty }) => use === 'shared' && !isEmpty).sort((a, b) => a.ranges.used - b.ranges.used || b.id - a.id);
  // What is emptied, by this pass or one that is under way, is not filled.
  const left = new Set(rising.filter(({ weights }) => [...weights].some(({ move }) => move !== undefined)));
  const moves: MoveUnderWay[] = [];
  let bytesLeft = maxBytes;
  for (const [index, source] of rising.entries()) {
    const isWhole = source.weights.size <= maxMoves - moves.length && sizeOf(source) <= bytesLeft;
    const targets = rising.toReversed().filter((block, turn) => block !== source && !left.has(block) && (isWhole || rising.length - 1 - turn > index));
    const planned = roomForAll(source, targets, maxBytes);
    if (planned.length > 0) left.add(source);
    for (const { weight, block, range } of planned) {
      const bytes = copiedBytes(weight);
      if (bytes > bytesLeft || moves.length >= maxMoves) {
        block.ranges.free(range);
        continue;
      }
      bytesLeft -= bytes;
      moves.push({ move: { id: weight.id, from: source.spotOf(weight.range), to: block.spotOf(range), bytes }, block, range });
    }
    // The next pass goes on with the same block.
    if (planned.length > 0 && !isWhole) break;
  }
  return moves;
}

const sizeOf = ({ weights }: Block): number => [...weights].reduce((sum, weight) => sum + copiedBytes(weight), 0);
const copiedBytes = ({ bytes }: Weight): number => Math.ceil(bytes / 4) * 4;

/** Room for everything in a block, the largest first; nothing when there is not enough. */
function roomForAll(source: Block, others: readonly Block[], maxBytes: number): readonly Planned[] {
  const weights = [...source.weights];
  if (weights.some((weight) => weight.pinCount > 0 || weight.move !== undefined || weight.isFreed || copiedBytes(weight) > maxBytes)) return [];
  // What is on its way here, by this pass too, is not among the weights: the block would not be empty.
  if (weights.reduce((sum, { granules }) => sum + granules, 0) < source.ranges.used) return [];
  if (others.reduce((sum, { freeGranules }) => sum + freeGranules, 0) < source.ranges.used) return [];
  const planned: Planned[] = [];
  for (const weight of weights.sort((a, b) => b.granules - a.granules || a.id - b.id)) {
    const found = roomFor(weight, others);
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
