import type { Micros } from '../base/units.ts';

/** A duration for people, three figures: `0 µs`, `850 µs`, `2.35 ms`, `23.5 ms`, `1.20 s`. */
export function formatDuration(duration: Micros): string {
  const size = Math.abs(duration);
  if (size < 999.5) return `${Math.round(duration)} µs`;
  if (size < 999_500) return `${threeFigures(duration / 1000)} ms`;
  return `${threeFigures(duration / 1e6)} s`;
}

/** An instant for people, in seconds, to the microsecond when `resolution` asks for it: `12.35 s`. */
export function formatInstant(at: Micros, resolution: Micros = 1): string {
  const decimals = Math.min(6, Math.max(0, 6 - Math.floor(Math.log10(Math.max(1, resolution)))));
  return `${(at / 1e6).toFixed(decimals)} s`;
}

/** How far a measured duration is from its prediction: `+14 %`, `−3 %`. */
export function formatDeviation(predicted: Micros, measured: Micros): string {
  const percent = Math.round(((measured - predicted) / predicted) * 100);
  return `${percent < 0 ? '−' : '+'}${Math.abs(percent)} %`;
}

export const formatCount = (count: number): string => count.toLocaleString('en');

function threeFigures(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size < 9.995 ? 2 : size < 99.95 ? 1 : 0);
}
