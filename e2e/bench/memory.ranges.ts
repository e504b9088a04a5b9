import { fits, type Fit } from '../../src/memory/range-allocator.ts';
import type { Order } from './contract.ts';
import { percentile, rounded } from './statistics.ts';
import { type Round, timedRounds } from './timing-process.ts';

/** One way to place ranges in a heap of 1 GiB. */
export interface FitFigures {
  /** For a call, allocating or freeing, while thousands of ranges live: the median of batches. */
  readonly micros: number;
  /** Of two fits in the same round. */
  readonly timeVsGoodFit: number;
  /** Bytes that a call leaves for the collector. */
  readonly garbageBytesPerCall: number;
  /** Part of the heap that lives when a tensor has no room, in the mean of a steady state. */
  readonly utilisation: number;
  /** Part of the tensors that have room while 85 % of the heap lives. */
  readonly successAt85: number;
}

/** Blocks of 64 MiB, 1 GiB in all. */
export interface BlocksFigures {
  readonly utilisation: number;
  readonly successAt85: number;
  /** Over all blocks, when half of what filled them was freed, and compacted if it is. */
  readonly fragmentation: number;
  /** Part of the blocks that lives then. */
  readonly density: number;
  /** Bytes moved for each that was allocated. */
  readonly movedPerAllocated: number;
}

/** A random net of 1000 tensors. */
export interface PlanFigures {
  readonly ms: number;
  /** Before it is compiled. */
  readonly firstMs: number;
  /** The peak, of what is live at once. */
  readonly overLowerBound: number;
}

/** The middle of the rounds, each with another seed. */
export interface RangeFigures {
  readonly fits: Readonly<Record<Fit, FitFigures>>;
  readonly blocks: BlocksFigures;
  readonly blocksCompacted: BlocksFigures;
  readonly planOne: PlanFigures;
  readonly planThree: PlanFigures;
  /** What the contract of a benchmark looks at. */
  readonly ratios: {
    readonly rangeMicros: number;
    readonly bestFitVsGoodFit: number;
    readonly firstFitVsGoodFit: number;
    readonly nextFitVsGoodFit: number;
    readonly worstFitVsGoodFit: number;
    /** The most of any fit. */
    readonly rangeGarbageBytes: number;
    readonly utilisation: number;
    readonly utilisationCompacted: number;
    readonly fragmentationCompacted: number;
    readonly successAt85: number;
    readonly successAt85Compacted: number;
    readonly plan1000Ms: number;
  };
}

/** What ranges, blocks and plans cost and how well they pack; in a process of its own. */
export async function rangeFigures({ quick, say }: Pick<Order, 'quick' | 'say'>): Promise<RangeFigures> {
  const count = quick ? 3 : 9;
  const rounds = await timedRounds('memory.ranges.rounds.ts', [count, quick ? 100 : 300], (done) => say(`ranges: round ${done} of ${count}`));
  const middle = (value: (round: Round) => number): number => rounded(percentile(rounds.map(value), 50));
  const of = (name: string): number => middle((round) => round[name]!);
  const fitFigures = (fit: Fit): FitFigures => ({
    micros: of(`${fit}.micros`),
    timeVsGoodFit: middle((round) => round[`${fit}.micros`]! / round['good-fit.micros']!),
    garbageBytesPerCall: of(`${fit}.garbage`),
    utilisation: of(`${fit}.utilisation`),
    successAt85: of(`${fit}.success`),
  });
  const blocksFigures = (when: 'compacts' | 'never-compacts'): BlocksFigures => ({
    utilisation: of(`${when}.utilisation`), successAt85: of(`${when}.success`), fragmentation: of(`${when}.fragmentation`),
    density: of(`${when}.density`), movedPerAllocated: of(`${when}.movedPerAllocated`),
  });
  const byFit = Object.fromEntries(fits.map((fit) => [fit, fitFigures(fit)])) as Record<Fit, FitFigures>;
  const [blocks, blocksCompacted] = [blocksFigures('never-compacts'), blocksFigures('compacts')];
  const planFigures = (mode: 'one' | 'three'): PlanFigures =>
    ({ ms: of(`plan-${mode}.ms`), firstMs: of(`plan-${mode}.firstMs`), overLowerBound: of(`plan-${mode}.ratio`) });
  const planThree = planFigures('three');
  return {
    fits: byFit,
    blocks,
    blocksCompacted,
    planOne: planFigures('one'),
    planThree,
    ratios: {
      rangeMicros: byFit['good-fit'].micros,
      bestFitVsGoodFit: byFit['best-fit'].timeVsGoodFit,
      firstFitVsGoodFit: byFit['first-fit'].timeVsGoodFit,
      nextFitVsGoodFit: byFit['next-fit'].timeVsGoodFit,
      worstFitVsGoodFit: byFit['worst-fit'].timeVsGoodFit,
      rangeGarbageBytes: Math.max(...fits.map((fit) => byFit[fit].garbageBytesPerCall)),
      utilisation: blocks.utilisation,
      utilisationCompacted: blocksCompacted.utilisation,
      fragmentationCompacted: blocksCompacted.fragmentation,
      successAt85: blocks.successAt85,
      successAt85Compacted: blocksCompacted.successAt85,
      plan1000Ms: planThree.ms,
    },
  };
}
