import { assert } from '../base/assert.ts';
import type { Micros } from '../base/units.ts';

/** Percentiles of `count` latencies, nearest rank: each is a latency that happened. */
export interface Percentiles {
  readonly p50: Micros;
  readonly p95: Micros;
  readonly p99: Micros;
  readonly count: number;
}

/** The smallest value that at least `fraction` of `sorted` do not exceed (nearest rank). `sorted` is ascending and not empty. */
export function percentileOf(sorted: ArrayLike<number>, fraction: number): number {
  assert(sorted.length > 0, 'a percentile is of something');
  // 0.07 × 100 is a little more than 7 in doubles; the rank is 7.
  return sorted[Math.max(0, Math.ceil(fraction * sorted.length - 1e-9) - 1)]!;
}

/** Latencies of the last `span`, at most `capacity` of them: beyond that the newest. Added in the order of time. */
export class LatencyWindow {
  readonly #span: Micros;
  readonly #at: Float64Array;
  readonly #latency: Float64Array;
  #written = 0;

  constructor(span: Micros, capacity = 2048) {
    this.#span = span;
    this.#at = new Float64Array(capacity);
    this.#latency = new Float64Array(capacity);
  }

  /** A latency that was known at `at`. */
  add(at: Micros, latency: Micros): void {
    const index = this.#written++ % this.#at.length;
    this.#at[index] = at;
    this.#latency[index] = latency;
  }

  /** Of the latencies after `now - span`; `undefined` when there are none. */
  percentiles(now: Micros): Percentiles | undefined {
    const live = this.#latency.filter((_, i) => i < this.#written && this.#at[i]! > now - this.#span).sort();
    if (live.length === 0) return undefined;
    return { p50: percentileOf(live, 0.5), p95: percentileOf(live, 0.95), p99: percentileOf(live, 0.99), count: live.length };
  }
}

/** How often something happens, over the last `span`. */
export class RateWindow {
  readonly #span: Micros;
  readonly #startAt: Micros;
  readonly #at: Float64Array;
  #written = 0;

  /** Counts from `startAt`; remembers at most `capacity` happenings, so rates above `capacity / span` are told too low. */
  constructor(span: Micros, startAt: Micros, capacity = 2048) {
    this.#span = span;
    this.#startAt = startAt;
    this.#at = new Float64Array(capacity);
  }

  add(at: Micros): void {
    this.#at[this.#written++ % this.#at.length] = at;
  }

  /** Happenings after `now - span` by the time that was watched, which is less than `span` at first. 0 when no time has passed. */
  perSecond(now: Micros): number {
    const watched = Math.min(this.#span, now - this.#startAt);
    if (watched <= 0) return 0;
    let count = 0;
    for (let i = 0; i < Math.min(this.#written, this.#at.length); i++) if (this.#at[i]! > now - this.#span) count++;
    return (count * 1e6) / watched;
  }
}
