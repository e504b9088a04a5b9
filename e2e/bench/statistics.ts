/** What is told of a set of latencies, in milliseconds. Percentiles are nearest-rank: each is a latency that occurred. */
export interface Latency {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly n: number;
}

/** The smallest value that at least `percent` of the values do not exceed. */
export function percentile(values: readonly number[], percent: number): number {
  if (values.length === 0) return NaN;
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)]!;
}

export const latencyOf = (values: readonly number[]): Latency =>
  ({ p50: percentile(values, 50), p95: percentile(values, 95), p99: percentile(values, 99), n: values.length });

/** From when to when something lasted, on one clock. */
export interface Interval {
  readonly startAt: number;
  readonly endAt: number;
}

/**
 * How many runs a window saw, where a run that crosses its edge counts with the part inside. Counting whole
 * completions would be wrong by up to a run per tenant, which is a lot when a run lasts a tenth of the window.
 */
export const runsWithin = (runs: readonly Interval[], window: Interval): number =>
  runs.reduce((sum, run) => {
    const inside = Math.min(run.endAt, window.endAt) - Math.max(run.startAt, window.startAt);
    return sum + Math.max(0, inside) / (run.endAt - run.startAt);
  }, 0);

/** To four digits: more would claim what a benchmark cannot know. */
export const rounded = (value: number): number => Number(value.toPrecision(4));
