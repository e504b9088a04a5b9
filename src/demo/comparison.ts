import type { Micros } from '../base/units.ts';
import { LatencyWindow, RateWindow, type Percentiles } from '../trace/latency.ts';

const WINDOW: Micros = 10_000_000;

export type Mode = 'on' | 'off';

/** What was measured under one mode, over its last ten seconds. */
export interface Reading {
  /** Of the interactive model; `undefined` until a run is done. */
  readonly latency: Percentiles | undefined;
  readonly backgroundPerSecond: number;
  readonly framesPerSecond: number;
}

/** One stretch of time under one mode. A run counts where it began: pass the stretch to the `…Done` calls. */
export class Stretch {
  readonly mode: Mode;
  readonly #latency = new LatencyWindow(WINDOW);
  readonly #background: RateWindow;
  readonly #frames: RateWindow;

  constructor(mode: Mode, now: Micros) {
    this.mode = mode;
    this.#background = new RateWindow(WINDOW, now);
    this.#frames = new RateWindow(WINDOW, now);
  }

  interactiveDone(now: Micros, latency: Micros): void { this.#latency.add(now, latency); }
  backgroundDone(now: Micros): void { this.#background.add(now); }
  frameDone(now: Micros): void { this.#frames.add(now); }

  read(now: Micros): Reading {
    return {
      latency: this.#latency.percentiles(now),
      backgroundPerSecond: this.#background.perSecond(now),
      framesPerSecond: this.#frames.perSecond(now),
    };
  }
}

/** The scheduler on beside off: the mode that is on is read live, of the other the last reading is kept. */
export class Comparison {
  #stretch: Stretch;
  readonly #kept = new Map<Mode, Reading>();

  constructor(mode: Mode, now: Micros) {
    this.#stretch = new Stretch(mode, now);
  }

  /** Where what begins now counts. */
  get stretch(): Stretch { return this.#stretch; }

  /** Keeps what was measured, if anything was, and begins anew. */
  switchTo(mode: Mode, now: Micros): void {
    const reading = this.#stretch.read(now);
    if (reading.latency !== undefined) this.#kept.set(this.#stretch.mode, reading);
    this.#stretch = new Stretch(mode, now);
  }

  /** `undefined` for a mode that was never measured. */
  read(mode: Mode, now: Micros): Reading | undefined {
    return mode === this.#stretch.mode ? this.#stretch.read(now) : this.#kept.get(mode);
  }
}

/** The difference in a sentence, once both modes have been measured. */
export function verdict(on: Reading | undefined, off: Reading | undefined): string {
  if (off?.latency === undefined) return 'Switch the scheduler off to see what a page gets without it.';
  if (on?.latency === undefined) return 'Switch it on again to compare.';
  const times = off.latency.p95 / on.latency.p95;
  const said = times >= 1.05 ? `${times.toFixed(1)} times as long` : times <= 0.95 ? `${(1 / times).toFixed(1)} times shorter` : 'the same';
  return `Without the scheduler the interactive model's p95 is ${said}.`;
}
