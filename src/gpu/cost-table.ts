import type { Micros } from '../base/units.ts';

/** Which clock a cost was taken with; the two are never mixed. */
export type CostClock = 'timestamp' | 'wall';

/**
 * Weights of a new sample once the estimate has settled, if it is below or above. What else ran on the GPU meanwhile only makes
 * a slice longer, so the estimate follows the lower samples: it settles where a third of them lies below.
 */
const weightBelow = 1 / 8;
const weightAbove = 1 / 16;
const settledAfter = 16;
/** The first samples carry shader warm-up: the least of them counts. */
const warmUp = 3;

/** What one kind of dispatch costs, learned from the times of the slices it was part of. */
export class CostEstimate {
  #micros = 0;
  #samples = 0;

  /** Never timed: it must be alone in its slice. */
  get isUnknown(): boolean {
    return this.#samples === 0;
  }

  /** Timed often enough to be trusted. */
  get isSettled(): boolean {
    return this.#samples >= settledAfter;
  }

  get micros(): Micros {
    return this.#micros;
  }

  /** A slice that held nothing else took `micros`. */
  observe(micros: Micros): void {
    this.#samples += 1;
    if (this.#samples === 1) this.#micros = micros;
    else if (this.#samples <= warmUp) this.#micros = Math.min(this.#micros, micros);
    else this.#follow(micros);
  }

  /** A slice of several took `ratio` of what was predicted for all of them together. */
  scale(ratio: number): void {
    if (this.isUnknown) return;
    this.#samples += 1;
    this.#follow(this.#micros * ratio);
  }

  #follow(sample: Micros): void {
    const difference = clamp(sample, this.#micros) - this.#micros;
    this.#micros += difference * (difference < 0 ? weightBelow : weightAbove);
  }
}

/** One outlier (a thread that was not running, a clock that jumped) moves an estimate by an eighth of itself at most. */
const clamp = (sample: Micros, around: Micros): Micros => Math.min(Math.max(sample, around / 4), around * 3 + 1);

/** Costs per (pipeline, workgroup count). Grows with the number of different dispatches a program has, which is finite. */
export class CostTable {
  readonly #byPipeline = new Map<string, Map<number, CostEstimate>>();

  /** Estimates of one pipeline; the key must be the same for pipelines that run the same code. */
  of(pipeline: string): Map<number, CostEstimate> {
    let estimates = this.#byPipeline.get(pipeline);
    if (estimates === undefined) this.#byPipeline.set(pipeline, (estimates = new Map()));
    return estimates;
  }
}

/** Workgroup counts are at most 65 535 each, so three of them fit into the 53 exact bits of a number. */
export const workgroupKey = (x: number, y: number, z: number): number => x + y * 0x1_0000 + z * 0x1_0000_0000;

/** Key of a dispatch whose workgroup count is only known to the GPU. */
export const indirectKey = -1;

export function estimateOf(estimates: Map<number, CostEstimate>, key: number): CostEstimate {
  let estimate = estimates.get(key);
  if (estimate === undefined) estimates.set(key, (estimate = new CostEstimate()));
  return estimate;
}

/**
 * Divides what a slice took among the dispatches it held: those never timed share what the others leave, the others keep
 * their proportions.
 */
export function learn(estimates: readonly CostEstimate[], took: Micros): void {
  let predicted = 0;
  let unknown = 0;
  for (const estimate of estimates) {
    predicted += estimate.micros;
    if (estimate.isUnknown) unknown += 1;
  }
  if (estimates.length === 1) estimates[0]!.observe(took);
  else if (unknown > 0) {
    const share = Math.max(0, took - predicted) / unknown;
    for (const estimate of estimates) if (estimate.isUnknown) estimate.observe(share);
  } else if (predicted > 0) {
    for (const estimate of new Set(estimates)) estimate.scale(took / predicted);
  }
}
