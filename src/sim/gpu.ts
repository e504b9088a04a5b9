import type { Micros } from '../base/units.ts';
import type { GateId, OpId } from '../core/op.ts';
import type { FalseClock } from './clock.ts';

/** One slice on the GPU. */
export interface GpuRun {
  readonly gate: GateId;
  readonly op: OpId;
  readonly predicted: Micros;
  readonly submittedAt: Micros;
  readonly startAt: Micros;
  readonly endAt: Micros;
}

/**
 * The one GPU behind all gates. As the GPU process of a browser does it, what was submitted runs one after another in the order it came,
 * whosever it is, and nothing can be taken back: what a device had submitted when it was lost still takes its time.
 */
export class FalseGpu {
  readonly #clock: FalseClock;
  readonly #runs: GpuRun[];
  #busyUntil: Micros = 0;

  constructor(clock: FalseClock, runs: GpuRun[]) {
    this.#clock = clock;
    this.#runs = runs;
  }

  /** When all that was submitted is done. */
  get busyUntil(): Micros {
    return Math.max(this.#busyUntil, this.#clock.now);
  }

  /** `cost`: what it really takes. Returns when it will be done. */
  submit(gate: GateId, op: OpId, predicted: Micros, cost: Micros): Micros {
    const startAt = this.busyUntil;
    this.#busyUntil = startAt + cost;
    this.#runs.push({ gate, op, predicted, submittedAt: this.#clock.now, startAt, endAt: this.#busyUntil });
    return this.#busyUntil;
  }
}
