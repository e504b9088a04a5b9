import type { CounterSeries } from '../../trace/counter-series.ts';
import type { SpanKind } from '../../trace/span.ts';
import type { Track, TraceStore } from '../../trace/trace-store.ts';

export const AXIS_HEIGHT = 22;
const COUNTER_HEIGHT = 34;
const GROUP_GAP = 10;
const ROW_GAP = 1;
const TITLE_HEIGHT = 16;

/** How tall a row of each kind is and how many are shown; deeper rows are in the table and the saved trace. */
const shapes: Record<SpanKind, { readonly height: number; readonly shown: number }> = {
  queued: { height: 5, shown: 2 },
  op: { height: 15, shown: 2 },
  encode: { height: 5, shown: 1 },
  slice: { height: 18, shown: 3 },
  gpu: { height: 7, shown: 2 },
};
const order: readonly SpanKind[] = ['queued', 'op', 'encode', 'slice', 'gpu'];

export interface TrackBox {
  readonly track: Track;
  readonly top: number;
  readonly rowHeight: number;
  readonly shownRows: number;
}

export interface TenantBox {
  readonly tenant: string;
  readonly colorIndex: number;
  readonly top: number;
  readonly height: number;
  readonly tracks: readonly TrackBox[];
}

export interface CounterBox {
  readonly series: CounterSeries;
  readonly top: number;
  readonly height: number;
}

/** Where everything lies in the timeline, in CSS pixels. */
export interface Layout {
  /** Width of the column of names at the left; 0 where the page is narrow and names stand above their rows. */
  readonly gutter: number;
  readonly height: number;
  readonly counters: readonly CounterBox[];
  readonly tenants: readonly TenantBox[];
}

/** From top to bottom: the axis, the whole GPU's counters, then each tenant in the order of its first span. */
export function layOut(store: TraceStore, width: number): Layout {
  const gutter = width >= 640 ? 124 : 0;
  const titleHeight = gutter === 0 ? TITLE_HEIGHT : 0;
  let top = AXIS_HEIGHT;
  const counters: CounterBox[] = [];
  for (const name of ['in-flight', 'ready'] as const) {
    const series = store.counter(name, '');
    if (series === undefined) continue;
    counters.push({ series, top: top + titleHeight, height: COUNTER_HEIGHT });
    top += titleHeight + COUNTER_HEIGHT + GROUP_GAP;
  }
  const tenants: TenantBox[] = [];
  for (const [index, tenant] of store.tenants.entries()) {
    const groupTop = top;
    top += titleHeight;
    const tracks: TrackBox[] = [];
    for (const kind of order) {
      const track = store.track(tenant, kind);
      if (track === undefined) continue;
      const { height, shown } = shapes[kind];
      const shownRows = Math.min(shown, track.rows.length);
      tracks.push({ track, top, rowHeight: height, shownRows });
      top += shownRows * (height + ROW_GAP) + 2;
    }
    top = Math.max(top, groupTop + 34);
    tenants.push({ tenant, colorIndex: index, top: groupTop, height: top - groupTop, tracks });
    top += GROUP_GAP;
  }
  return { gutter, height: Math.max(top, AXIS_HEIGHT + 120), counters, tenants };
}

/** Top of row `index` of a box. */
export const rowTop = (box: TrackBox, index: number): number => box.top + index * (box.rowHeight + ROW_GAP);

/** The row under `y`, if there is one. */
export function rowAt(layout: Layout, y: number): { readonly box: TrackBox; readonly index: number } | undefined {
  for (const { tracks } of layout.tenants) {
    for (const box of tracks) {
      const index = Math.floor((y - box.top) / (box.rowHeight + ROW_GAP));
      if (index >= 0 && index < box.shownRows) return { box, index };
    }
  }
  return undefined;
}
