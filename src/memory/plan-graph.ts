/** A tensor of a known graph. */
export interface PlanTensor {
  /** A whole number from 0 on. Nothing can be bound that has no bytes, so 0 is placed as if it were a few. */
  readonly bytes: number;
  /** Weights, inputs and outputs that live in buffers of their own: not placed. */
  readonly isExternal?: boolean;
}

/** What one dispatch, or a few in a row, read and write. Tensors are told as their number in the graph. */
export interface PlanOp {
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /**
   * This output may be written over that input, by an op that then binds the range once, as read-write. It is done where the input is read for the
   * last time, is named once and is at least as large.
   */
  readonly inPlace?: readonly (readonly [output: number, input: number])[];
}

/** Ops in the order in which they run. A tensor that is not external is written by one op, before any reads it. */
export interface PlanGraph {
  readonly tensors: readonly PlanTensor[];
  readonly ops: readonly PlanOp[];
}
