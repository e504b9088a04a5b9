import type { SpanRow } from '../../trace/span-row.ts';
import type { TimeScale } from './time-scale.ts';

/** Narrower spans are painted as pixels: there may be hundreds of thousands, and a rectangle each would take too long. */
export const WIDE_PX = 4;
/** How strong a pixel is that is touched at all, so that one short span in a long view is still seen. */
const FAINTEST = 0.4;

/**
 * What a row looks like at a scale in device pixels: `coverage` receives, for each pixel, how much of it narrow spans
 * fill (0 for none, else 0.4…1); indexes of wide spans go to `wide`. O(spans in view), with no drawing calls.
 */
export function coverRow(row: SpanRow, scale: TimeScale, coverage: Float32Array, wide: number[]): void {
  coverage.fill(0);
  wide.length = 0;
  const { startAt, endAt } = row;
  for (let i = row.firstEndingAfter(scale.startAt); i < row.last && startAt[i]! < scale.endAt; i++) {
    const fromPx = scale.toPx(startAt[i]!);
    const toPx = scale.toPx(endAt[i]!);
    if (toPx - fromPx >= WIDE_PX) wide.push(i);
    else cover(coverage, fromPx, toPx);
  }
  for (let px = 0; px < coverage.length; px++) {
    const filled = coverage[px]!;
    if (filled > 0) coverage[px] = FAINTEST + (1 - FAINTEST) * Math.min(1, filled);
  }
}

/** Adds an interval to the pixels it touches, each by the part of it that is inside. */
function cover(coverage: Float32Array, fromPx: number, toPx: number): void {
  const first = Math.max(0, Math.floor(fromPx));
  const last = Math.min(coverage.length - 1, Math.floor(toPx));
  for (let px = first; px <= last; px++) {
    const inside = Math.min(toPx, px + 1) - Math.max(fromPx, px);
    // Of a span that only touches the next pixel nothing is there; of an instant, a trace.
    if (inside > 0 || px === first) coverage[px] = coverage[px]! + Math.max(inside, 1e-6);
  }
}
