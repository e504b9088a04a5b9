import type { Span } from '../../trace/span.ts';
import type { TraceStore } from '../../trace/trace-store.ts';
import { rowTop, type Layout, type TrackBox } from './layout.ts';
import type { Palette, TenantColor } from './palette.ts';
import { coverRow } from './span-pixels.ts';
import type { TimeScale } from './time-scale.ts';

/** Fewest letters of a name that say something. */
const SHORTEST_NAME = 5;
const FONT = '10.5px system-ui, sans-serif';
/** Mean advance of that font: asking the canvas for each name's width would take longer than drawing it. */
const ADVANCE_PX = 6;
/** Opacity of a track's fill: the kinds of one tenant share its colour. */
const strength = { queued: 0.55, op: 0.38, encode: 0.7, slice: 1, gpu: 0.7 } satisfies Record<Span['kind'], number>;

export interface Frame {
  readonly context: CanvasRenderingContext2D;
  readonly store: TraceStore;
  readonly layout: Layout;
  readonly palette: Palette;
  /** Over the area right of the gutter, in CSS pixels. */
  readonly scale: TimeScale;
  readonly devicePixelRatio: number;
}

/** Draws spans. Keeps the pixel buffers between frames; one for each timeline. */
export class SpanPainter {
  readonly #line = document.createElement('canvas');
  #pixels = new ImageData(1, 1);
  #coverage = new Float32Array(1);
  readonly #wide: number[] = [];
  #hatch: CanvasPattern | null = null;
  #hatchInk = '';

  paint(frame: Frame): void {
    const width = Math.max(1, Math.round(frame.scale.widthPx * frame.devicePixelRatio));
    const rowCount = Math.max(1, frame.layout.tenants.reduce((sum, t) => sum + t.tracks.reduce((rows, box) => rows + box.shownRows, 0), 0));
    this.#resize(width, rowCount);
    // First all pixels into one image, then its rows stretched to their places, then rectangles over them.
    const scale = frame.scale.resized(width);
    const words = new Uint32Array(this.#pixels.data.buffer);
    const rectangles: (() => void)[] = [];
    let line = 0;
    for (const tenant of frame.layout.tenants) {
      const color = frame.palette.tenants[tenant.colorIndex % frame.palette.tenants.length]!;
      for (const box of tenant.tracks) {
        for (let index = 0; index < box.shownRows; index++, line++) {
          coverRow(box.track.rows[index]!, scale, this.#coverage, this.#wide);
          fill(words.subarray(line * width, (line + 1) * width), this.#coverage, pixelColor(frame, box, color), strength[box.track.kind]);
          const wide = this.#wide.slice();
          if (wide.length > 0) rectangles.push(() => this.#rectangles(frame, box, index, wide, color));
        }
      }
    }
    this.#line.getContext('2d')!.putImageData(this.#pixels, 0, 0);
    this.#stretch(frame, width);
    for (const draw of rectangles) draw();
  }

  #stretch({ context, layout, scale }: Frame, width: number): void {
    context.imageSmoothingEnabled = false;
    let line = 0;
    for (const { tracks } of layout.tenants) {
      for (const box of tracks) {
        for (let index = 0; index < box.shownRows; index++, line++) {
          context.drawImage(this.#line, 0, line, width, 1, layout.gutter, rowTop(box, index), scale.widthPx, box.rowHeight);
        }
      }
    }
  }

  #rectangles(frame: Frame, box: TrackBox, rowIndex: number, wide: readonly number[], color: TenantColor): void {
    const { context, scale, layout, palette, store } = frame;
    const row = box.track.rows[rowIndex]!;
    const top = rowTop(box, rowIndex);
    const { kind } = box.track;
    context.font = FONT;
    context.textBaseline = 'middle';
    for (const i of wide) {
      const left = Math.max(-2, scale.toPx(row.startAt[i]!));
      const right = Math.min(scale.widthPx + 2, scale.toPx(row.endAt[i]!));
      const x = layout.gutter + left;
      const width = Math.max(1, right - left - 1);
      context.globalAlpha = strength[kind];
      context.fillStyle = kind === 'queued' ? this.#hatched(frame) : color.fill;
      context.fillRect(x, top, width, box.rowHeight);
      context.globalAlpha = 1;
      const predicted = row.predicted[i]!;
      if (kind === 'slice' && predicted > 0) underline(frame, x, top + box.rowHeight - 3, Math.min(width, predicted / scale.microsPerPx), color);
      if (box.rowHeight < 12) continue;
      const name = store.nameAt(row, i);
      const shown = Math.floor((width - 8) / ADVANCE_PX);
      if (shown < Math.min(SHORTEST_NAME, name.length)) continue;
      context.fillStyle = kind === 'slice' ? color.ink : palette.ink;
      // A span that began before the view is named at the edge of the view.
      context.fillText(name.length <= shown ? name : `${name.slice(0, shown - 1)}…`, Math.max(layout.gutter, x) + 4, top + box.rowHeight / 2 + 0.5, width - 6);
    }
  }

  /** Waiting is hatched, so that it does not read as work without its colour. */
  #hatched({ context, palette }: Frame): CanvasPattern | string {
    if (this.#hatch === null || this.#hatchInk !== palette.muted) {
      const tile = document.createElement('canvas');
      tile.width = tile.height = 4;
      const stroke = tile.getContext('2d')!;
      stroke.fillStyle = palette.muted;
      for (let i = 0; i < 4; i++) stroke.fillRect(i, 3 - i, 1, 1.6);
      this.#hatch = context.createPattern(tile, 'repeat');
      this.#hatchInk = palette.muted;
    }
    return this.#hatch ?? palette.muted;
  }

  #resize(width: number, height: number): void {
    if (this.#pixels.width !== width || this.#pixels.height !== height) {
      this.#pixels = new ImageData(width, height);
      this.#coverage = new Float32Array(width);
      this.#line.width = width;
      this.#line.height = height;
    }
  }
}

/** How long the slice was predicted to be: a line at its foot, over the whole width where it took no longer. */
function underline({ context }: Frame, x: number, y: number, width: number, color: TenantColor): void {
  context.globalAlpha = 0.55;
  context.fillStyle = color.ink;
  context.fillRect(x, y, width, 2);
  context.globalAlpha = 1;
}

function pixelColor({ palette }: Frame, box: TrackBox, color: TenantColor): readonly [number, number, number] {
  if (box.track.kind !== 'queued') return color.rgb;
  const [red = 0, green = 0, blue = 0] = (palette.muted.match(/[\d.]+/g) ?? []).map(Number);
  return [red, green, blue];
}

/** One line of the image. The canvas's pixels are red, green, blue, alpha in bytes: a little-endian word from the right. */
function fill(words: Uint32Array, coverage: Float32Array, [red, green, blue]: readonly [number, number, number], opacity: number): void {
  const rgb = (blue << 16) | (green << 8) | red;
  for (let px = 0; px < words.length; px++) {
    const strong = coverage[px]!;
    words[px] = strong === 0 ? 0 : ((Math.round(strong * opacity * 255) << 24) | rgb) >>> 0;
  }
}

