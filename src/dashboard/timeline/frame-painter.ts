import type { Micros } from '../../base/units.ts';
import type { CounterName } from '../../trace/span.ts';
import { formatDuration, formatInstant } from '../format.ts';
import { AXIS_HEIGHT, type CounterBox, type TenantBox } from './layout.ts';
import type { Frame } from './span-painter.ts';

const SMALL = '10.5px system-ui, sans-serif';
const NAME = '600 12px system-ui, sans-serif';

const counterTitles: Record<CounterName, string> = { 'in-flight': 'in flight', ready: 'slices ready', 'buffer-bytes': 'buffers' };

/** What lies under the spans: grid lines and, above them, their instants. */
export function paintAxis({ context, scale, palette, layout }: Frame): void {
  const { at, step } = scale.ticks(90);
  context.font = SMALL;
  context.textBaseline = 'middle';
  context.fillStyle = palette.grid;
  for (const tick of at) context.fillRect(Math.round(layout.gutter + scale.toPx(tick)), AXIS_HEIGHT - 6, 1, layout.height - AXIS_HEIGHT);
  context.fillStyle = palette.muted;
  for (const tick of at) context.fillText(formatInstant(tick, step), Math.round(layout.gutter + scale.toPx(tick)) + 4, AXIS_HEIGHT / 2 - 1);
}

/** A counter as a filled staircase, with the highest value in view as its scale. */
export function paintCounter(frame: Frame, box: CounterBox): void {
  const { context, scale, palette, layout } = frame;
  const { series, top, height } = box;
  const first = Math.max(0, series.indexAt(scale.startAt));
  const last = series.indexAt(scale.endAt);
  let highest = 0;
  for (let i = first; i <= last; i++) highest = Math.max(highest, series.valueOf(i));
  const bottom = top + height;
  context.fillStyle = palette.grid;
  context.fillRect(layout.gutter, bottom, scale.widthPx, 1);
  if (last >= 0 && highest > 0) {
    context.beginPath();
    context.moveTo(layout.gutter + Math.max(0, scale.toPx(series.atOf(first))), bottom);
    forEachStep(frame, box, first, last, (fromPx, toPx, value) => {
      const y = bottom - (value / highest) * (height - 3);
      context.lineTo(layout.gutter + fromPx, y);
      context.lineTo(layout.gutter + toPx, y);
    });
    context.lineTo(layout.gutter + Math.min(scale.widthPx, scale.toPx(frame.store.latestAt)), bottom);
    context.fillStyle = palette.accent;
    context.globalAlpha = 0.28;
    context.fill();
    context.globalAlpha = 1;
  }
  const title = `${counterTitles[series.name]} ≤ ${series.name === 'in-flight' ? formatDuration(highest) : highest}`;
  context.font = SMALL;
  context.fillStyle = palette.muted;
  context.textBaseline = 'middle';
  context.fillText(title, layout.gutter === 0 ? 4 : 10, layout.gutter === 0 ? top - 8 : top + height / 2, layout.gutter || scale.widthPx);
}

/** Steps of a counter in pixels, at most one per half pixel: of those that share one, the highest. */
function forEachStep({ scale, store }: Frame, { series }: CounterBox, first: number, last: number, visit: (fromPx: number, toPx: number, value: number) => void): void {
  const toPx = (at: Micros): number => Math.min(scale.widthPx, Math.max(0, scale.toPx(at)));
  for (let i = first; i <= last;) {
    const fromPx = toPx(series.atOf(i));
    let highest = series.valueOf(i);
    for (i++; i <= last && toPx(series.atOf(i)) - fromPx < 0.5; i++) highest = Math.max(highest, series.valueOf(i));
    visit(fromPx, toPx(i <= last ? series.atOf(i) : store.latestAt), highest);
  }
}

/** A tenant's name in its colour's company, and what its rows are. */
export function paintTenantName({ context, palette, layout, scale }: Frame, box: TenantBox): void {
  const color = palette.tenants[box.colorIndex % palette.tenants.length]!;
  const x = layout.gutter === 0 ? 4 : 10;
  const y = box.top + 8;
  context.fillStyle = color.fill;
  context.fillRect(x, y - 4, 8, 8);
  context.font = NAME;
  context.textBaseline = 'middle';
  context.fillStyle = palette.ink;
  context.fillText(shortened(context, box.tenant, (layout.gutter || scale.widthPx) - 28), x + 13, y);
}

/** As much of a name as fits, an ellipsis for the rest. */
function shortened(context: CanvasRenderingContext2D, text: string, widthPx: number): string {
  const { width } = context.measureText(text);
  return width <= widthPx ? text : `${text.slice(0, Math.max(1, Math.floor((text.length * widthPx) / width) - 1))}…`;
}

/** The column of names lies over what is left of the view. */
export function paintGutter({ context, palette, layout }: Frame): void {
  if (layout.gutter === 0) return;
  context.fillStyle = palette.back;
  context.fillRect(0, 0, layout.gutter, layout.height);
  context.fillStyle = palette.grid;
  context.fillRect(layout.gutter - 1, 0, 1, layout.height);
}
