import { assert } from '../../base/assert.ts';
import type { Micros } from '../../base/units.ts';

/** No shorter stretch is shown: below this a microsecond is wider than a screen. */
const SHORTEST_VIEW: Micros = 20;
/** Nor a longer one: a day of microseconds is still exact in a double. */
const LONGEST_VIEW: Micros = 86_400e6;

/** Which stretch of time is drawn over how many pixels. Immutable: every move gives a new scale. */
export class TimeScale {
  readonly startAt: Micros;
  readonly endAt: Micros;
  readonly widthPx: number;

  constructor(startAt: Micros, endAt: Micros, widthPx: number) {
    assert(endAt > startAt && widthPx > 0, `a time scale has a length and a width, not [${startAt}, ${endAt}] over ${widthPx} px`);
    this.startAt = startAt;
    this.endAt = endAt;
    this.widthPx = widthPx;
  }

  get duration(): Micros { return this.endAt - this.startAt; }
  get microsPerPx(): number { return this.duration / this.widthPx; }

  toPx(at: Micros): number {
    return ((at - this.startAt) * this.widthPx) / this.duration;
  }

  fromPx(px: number): Micros {
    return this.startAt + px * this.microsPerPx;
  }

  /** Shows `factor` times as much time; what is at `anchorPx` stays there, unless a bound of the zoom is met. */
  zoomed(factor: number, anchorPx: number): TimeScale {
    const duration = Math.min(LONGEST_VIEW, Math.max(SHORTEST_VIEW, this.duration * factor));
    const startAt = this.fromPx(anchorPx) - (anchorPx / this.widthPx) * duration;
    return new TimeScale(startAt, startAt + duration, this.widthPx);
  }

  /** Moves the view `px` pixels to the right: later times come in. */
  panned(px: number): TimeScale {
    const by = px * this.microsPerPx;
    return new TimeScale(this.startAt + by, this.endAt + by, this.widthPx);
  }

  /** The same stretch over another width. */
  resized(widthPx: number): TimeScale {
    return new TimeScale(this.startAt, this.endAt, widthPx);
  }

  /** The same length of time, ending at `at`. */
  endingAt(at: Micros): TimeScale {
    return new TimeScale(at - this.duration, at, this.widthPx);
  }

  /** All of `[startAt, endAt]` with a little air. */
  fitting(startAt: Micros, endAt: Micros): TimeScale {
    const duration = Math.max(SHORTEST_VIEW, endAt - startAt);
    return new TimeScale(startAt - duration * 0.02, startAt + duration * 1.02, this.widthPx);
  }

  /** Instants for an axis: 1, 2 or 5 times a power of ten apart, at least `gapPx` pixels. */
  ticks(gapPx: number): { readonly step: Micros; readonly at: readonly Micros[] } {
    const least = Math.max(1, this.microsPerPx * gapPx);
    const power = 10 ** Math.floor(Math.log10(least));
    const step = power * ([1, 2, 5, 10].find((multiple) => multiple * power >= least * (1 - 1e-9)) ?? 10);
    const at: Micros[] = [];
    for (let tick = Math.ceil(this.startAt / step); tick * step <= this.endAt; tick++) at.push(tick * step);
    return { step, at };
  }
}
