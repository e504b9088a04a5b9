import type { Level, Priority } from './priority.ts';
import type { Feeds, TensorInfo } from '../wire/tensor.ts';
import type { Outputs } from './pending-run.ts';

export interface RunOptions {
  /** Default: the model's. */
  readonly priority?: Priority | Level | undefined;
  /** Milliseconds from now after which the result is of no use: the run rejects with `deadline-passed`. Default: none. */
  readonly deadline?: number | undefined;
  /** Rejects with `aborted`, the signal's reason as the cause. What the GPU was already given it finishes. */
  readonly signal?: AbortSignal | undefined;
  /** Buffers of the feeds that are moved to the lane instead of copied. A run that moved them cannot be tried again after a crash. */
  readonly transfer?: readonly Transferable[] | undefined;
}

/** A loaded model. Runs may overlap as they like: they are encoded one at a time, by priority. */
export interface Model {
  readonly tenant: string;
  readonly name: string;
  /** As the model declares them: a string is the name of a free dimension. */
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /**
   * Runs the model on `feeds`, one tensor per input. Every promise settles; it rejects with `SwitchyardError`. After a crash or a lost
   * device the run is tried once more, and then reads the arrays of `feeds` again: leave them unchanged until it settles.
   */
  run(feeds: Feeds, options?: RunOptions): Promise<Outputs>;
  /** Frees the model. Runs in flight reject with `closed`. The tenant's lane ends with its last model. */
  close(): Promise<void>;
}
