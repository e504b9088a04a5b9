import type { Micros } from '../../base/units.ts';
import type { SpanRow } from '../../trace/span-row.ts';
import type { Track } from '../../trace/trace-store.ts';
import { rowAt, type Layout } from './layout.ts';
import type { TimeScale } from './time-scale.ts';

/** How near the pointer must be to a span that is thinner than a finger. */
const SLOP_PX = 3;

/** A span that a person points at or has chosen, by what does not move when spans are inserted or forgotten. */
export interface Pick {
  readonly track: Track;
  readonly row: SpanRow;
  readonly startAt: Micros;
}

/** The pick's index in its row now; `undefined` once it is forgotten. */
export function indexOf({ row, startAt }: Pick): number | undefined {
  // Of instants and of spans that touch, several end at or just after `startAt`; one of them starts there.
  for (let i = row.firstEndingAfter(startAt - 1); i < row.last && row.startAt[i]! <= startAt; i++) if (row.startAt[i] === startAt) return i;
  return undefined;
}

/** The span at a point of the timeline, or the nearest one of that row within a few pixels. */
export function pickAt(layout: Layout, scale: TimeScale, x: number, y: number): Pick | undefined {
  const hit = rowAt(layout, y);
  if (hit === undefined || x < layout.gutter) return undefined;
  const at = scale.fromPx(x - layout.gutter);
  const row = hit.box.track.rows[hit.index]!;
  const slop = SLOP_PX * scale.microsPerPx;
  let nearest: number | undefined;
  let nearestGap = Infinity;
  for (let i = row.firstEndingAfter(at - slop - 1); i < row.last && row.startAt[i]! <= at + slop; i++) {
    const gap = Math.max(row.startAt[i]! - at, at - row.endAt[i]!, 0);
    if (gap > nearestGap) break;
    [nearest, nearestGap] = [i, gap];
    if (gap === 0) break;
  }
  return nearest === undefined || nearestGap > slop ? undefined : pickOf(hit.box.track, row, nearest);
}

/** The span `steps` to the right (or left, when negative) of a pick; the last one at the ends. */
export function neighbour(pick: Pick, steps: number): Pick {
  const index = indexOf(pick) ?? pick.row.first;
  return pickOf(pick.track, pick.row, Math.min(pick.row.last - 1, Math.max(pick.row.first, index + steps)));
}

/** The span nearest in time in the row above (−1) or below (1); where there is no row, the pick itself. With no pick, the first span in view. */
export function rowNeighbour(layout: Layout, pick: Pick | undefined, steps: -1 | 1, viewAt: Micros): Pick | undefined {
  const rows = layout.tenants.flatMap(({ tracks }) => tracks.flatMap(({ track, shownRows }) => track.rows.slice(0, shownRows).map((row) => ({ track, row }))));
  const from = pick === undefined ? (steps === 1 ? -1 : rows.length) : rows.findIndex(({ row }) => row === pick.row);
  for (let i = from + steps; i >= 0 && i < rows.length; i += steps) {
    const { track, row } = rows[i]!;
    if (row.count > 0) return pickOf(track, row, Math.min(row.last - 1, row.firstEndingAfter(pick?.startAt ?? viewAt)));
  }
  return pick;
}

const pickOf = (track: Track, row: SpanRow, index: number): Pick => ({ track, row, startAt: row.startAt[index]! });
