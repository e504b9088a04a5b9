import type { Micros } from '../base/units.ts';

const MiB = 2 ** 20;
const GiB = 2 ** 30;

/** What is known of a machine before anything was allocated. */
export interface MachineLimits {
  /** Of the adapter. */
  readonly maxBufferSize: number;
  /** The machine's memory as the browser tells it, in GiB; `undefined` where it does not. */
  readonly deviceMemory: number | undefined;
}

/**
 * The budget where none is given, in bytes. WebGPU tells nothing of a GPU's memory, and a browser may lose its GPU process without an error when too much
 * is taken, so it errs low: 2 GiB where single buffers may have 1 GiB, else 512 MiB; never more than two of the largest buffers, nor than a quarter of
 * the machine's memory. A limit that is no number above 0 is taken as unknown.
 */
export function defaultBudget({ maxBufferSize, deviceMemory }: MachineLimits): number {
  const tier = maxBufferSize >= GiB ? 2 * GiB : 512 * MiB;
  const byBuffer = maxBufferSize > 0 ? 2 * maxBufferSize : Infinity;
  const byMachine = deviceMemory !== undefined && deviceMemory > 0 ? (deviceMemory * GiB) / 4 : Infinity;
  return Math.floor(Math.min(tier, byBuffer, byMachine));
}

/** What is left of what failed. */
const backOff = 0.8;
/** So long after the last failure nothing is tried. */
const quiet: Micros = 30_000_000;
/** Then the ceiling rises by a 64th of the budget each time this has passed, so from 80 % it is back in a little over two minutes. */
const raiseEvery: Micros = 10_000_000;
const raisesToBudget = 64;

/**
 * How much may be leased in all: the budget, or less where the GPU ran out of memory before (multiplicative decrease, additive increase, as TCP does).
 */
export class Ceiling {
  #budget: number;
  /** `Infinity` when nothing failed lately. */
  #learned = Infinity;
  #raiseAt: Micros = Infinity;

  constructor(budget: number) {
    this.#budget = budget;
  }

  get budget(): number {
    return this.#budget;
  }

  /** What was learned stays. */
  set budget(bytes: number) {
    this.#budget = bytes;
    this.#endAtBudget();
  }

  get bytes(): number {
    return Math.min(this.#budget, this.#learned);
  }

  /** When to call `rise`; `Infinity` when there is nothing to raise. */
  get raiseAt(): Micros {
    return this.#raiseAt;
  }

  /**
   * It failed while so many bytes were charged: the ceiling is 0.8 of that, but never more than before. Nor is it less than what is live, which nobody can
   * give back at once, nor than one raise, so that a page that has nothing can begin. Told twice of one failure, it is lowered once.
   */
  ranOut(charged: number, live: number, now: Micros): void {
    this.#learned = Math.min(this.bytes, Math.max(Math.floor(charged * backOff), live, this.#raise));
    this.#raiseAt = now + quiet;
    this.#endAtBudget();
  }

  /** Time has passed. */
  rise(now: Micros): void {
    if (now < this.#raiseAt) return;
    const raises = Math.floor((now - this.#raiseAt) / raiseEvery) + 1;
    this.#learned += Math.min(raises, raisesToBudget) * this.#raise;
    this.#raiseAt += raises * raiseEvery;
    this.#endAtBudget();
  }

  get #raise(): number {
    return Math.ceil(this.#budget / raisesToBudget);
  }

  #endAtBudget(): void {
    if (this.#learned < this.#budget) return;
    this.#learned = Infinity;
    this.#raiseAt = Infinity;
  }
}
