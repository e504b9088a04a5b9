import type { Micros } from '../base/units.ts';
import type { OpId, Priority } from '../wire/messages.ts';
import type { ErrorPlace } from './error-scopes.ts';
import type { Piece } from './piece.ts';

/** One `queue.submit`. */
export interface Submission {
  readonly commands: readonly GPUCommandBuffer[];
  readonly pieces: readonly Piece[];
  /** It may be released piece by piece once this holds; `undefined`: only whole. */
  readonly proof: Promise<boolean> | true | undefined;
  /** It must go in this task, because something it uses expires. */
  readonly cannotWait: boolean;
  /** It uses what is mapped or destroyed: WebGPU will refuse it, if that is still so when its turn comes. */
  readonly isHazard: boolean;
}

interface Turn {
  readonly place: ErrorPlace;
  readonly answer: (error: Promise<GPUError | null>) => void;
  readonly isHazard: boolean;
}

export interface CallTurn extends Turn {
  readonly kind: 'call';
  readonly call: () => void;
}

export interface SubmitTurn extends Turn {
  readonly kind: 'submit';
  readonly submission: Submission;
  readonly op: OpId;
  readonly priority: Priority;
  /** `true`: may be released piece by piece. A promise: not known yet. `undefined`: only whole. */
  proof: Submission['proof'];
  /** How many slices the scheduler was told of; 0 while that waits for the proof. */
  slices: number;
  next: number;
  /** How many submits there were, with this one. */
  readonly number: number;
}

/** Predicted GPU time of pieces, whole. */
export function costOf(pieces: readonly Piece[]): Micros {
  let cost = 0;
  for (const piece of pieces) cost += piece.cost;
  return Math.round(cost);
}
