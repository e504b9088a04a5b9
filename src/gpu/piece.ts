import type { Micros } from '../base/units.ts';
import type { CostEstimate } from './cost-table.ts';
import type { TimedPair } from './slice-timer.ts';

/** One native command buffer: what lies between two cuts. Released whole. */
export interface Piece {
  readonly commands: GPUCommandBuffer;
  /** Predicted GPU time. */
  readonly cost: Micros;
  /** One entry per dispatch or render pass, for learning. */
  readonly estimates: readonly CostEstimate[];
  /** Queries around its passes; empty when it is not timed. */
  readonly pairs: readonly TimedPair[];
}

/** What `finish()` of a scheduled encoder made, known by the command buffer that the application holds. */
export interface FinishedCommands {
  readonly pieces: readonly Piece[];
  /** Everything a submit of it will touch. */
  readonly uses: ReadonlySet<object>;
  /** Whether WebGPU accepted all pieces. Only asked of what was cut: an uncut buffer is refused by WebGPU itself. */
  readonly proof: Promise<boolean> | undefined;
  /** A command buffer can be submitted once. */
  isSpent: boolean;
}
