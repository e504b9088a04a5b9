import type { Micros } from '../../base/units.ts';
import type { Span } from '../../trace/span.ts';
import type { TraceStore } from '../../trace/trace-store.ts';
import { paintAxis, paintCounter, paintGutter, paintTenantName } from './frame-painter.ts';
import { layOut, rowTop, type Layout } from './layout.ts';
import { LiveEdge } from './live-edge.ts';
import { readPalette, type Palette } from './palette.ts';
import { indexOf, pickAt, type Pick } from './pick.ts';
import { SpanPainter, type Frame } from './span-painter.ts';
import { TimeScale } from './time-scale.ts';

const FIRST_VIEW: Micros = 2_000_000;
/** Thirty frames a second glide well enough, and leave the processor to what is watched. */
const FRAME_MILLIS = 32;

export interface TimelineOptions {
  readonly canvas: HTMLCanvasElement;
  /** An element whose computed colours are the theme's. */
  readonly probe: HTMLElement;
  readonly store: TraceStore;
  /** The view moved, following began or ended, or a span was chosen. */
  readonly onChange: () => void;
}

/**
 * The picture of a trace store on a 2D canvas, and the one owner of animation frames: a frame is asked for only while
 * something changed and the canvas can be seen.
 */
export class Timeline {
  readonly store: TraceStore;
  readonly canvas: HTMLCanvasElement;
  readonly #probe: HTMLElement;
  readonly #onChange: () => void;
  readonly #context: CanvasRenderingContext2D;
  readonly #painter = new SpanPainter();
  readonly #live = new LiveEdge();
  readonly #reducedMotion = matchMedia('(prefers-reduced-motion: reduce)');
  #palette: Palette | undefined;
  #layout: Layout;
  #scale: TimeScale;
  #following = true;
  #selected: Pick | undefined;
  #hovered: Pick | undefined;
  #isVisible = true;
  #frame = 0;
  #paintedAt = -Infinity;

  constructor({ canvas, probe, store, onChange }: TimelineOptions) {
    this.canvas = canvas;
    this.store = store;
    this.#probe = probe;
    this.#onChange = onChange;
    this.#context = canvas.getContext('2d')!;
    this.#layout = layOut(store, 640);
    this.#scale = new TimeScale(-FIRST_VIEW, 0, 640);
    // A crash of the browser's GPU process empties 2D canvases too.
    canvas.addEventListener('contextrestored', () => this.redraw());
  }

  get scale(): TimeScale { return this.#scale; }
  get layout(): Layout { return this.#layout; }
  get following(): boolean { return this.#following; }
  get selected(): Pick | undefined { return this.#selected; }
  /** What the page's clock (`performance.now()`, in µs) said at the trace's instant 0, as well as batches tell; `undefined` before the first. */
  get clockOffset(): Micros | undefined { return this.#live.offset; }

  /** The store took in a batch. */
  arrived(): void {
    this.#live.arrived(this.store.latestAt, performance.now() * 1000);
    this.#layout = layOut(this.store, this.#scale.widthPx + this.#layout.gutter);
    this.redraw();
  }

  /** Colours may have changed. */
  restyle(): void {
    this.#palette = undefined;
    this.redraw();
  }

  resize(width: number): void {
    if (width <= 0) return;
    this.#layout = layOut(this.store, width);
    this.#scale = this.#scale.resized(Math.max(1, width - this.#layout.gutter));
    this.redraw();
  }

  setVisible(isVisible: boolean): void {
    this.#isVisible = isVisible;
    if (isVisible) this.redraw();
  }

  follow(): void {
    this.#following = true;
    this.#moved();
  }

  pause(): void {
    this.#following = false;
    this.#moved();
  }

  /** Shows `factor` times as much time. A live view keeps its right edge, another what is at `anchorPx` of the canvas. */
  zoom(factor: number, anchorPx = this.#layout.gutter + this.#scale.widthPx / 2): void {
    this.#scale = this.#scale.zoomed(factor, this.#following ? this.#scale.widthPx : anchorPx - this.#layout.gutter);
    this.#moved();
  }

  /** Moves the view to later times by `px`, and stops following. */
  pan(px: number): void {
    this.#following = false;
    this.#scale = this.#scale.panned(px);
    this.#moved();
  }

  /** Shows the chosen span, or else everything, and stops following. */
  fit(): void {
    this.#following = false;
    const index = this.#selected && indexOf(this.#selected);
    this.#scale = this.#selected && index !== undefined
      ? this.#scale.fitting(this.#selected.startAt, this.#selected.row.endAt[index]!)
      : this.#scale.fitting(this.store.earliestAt, Math.max(this.store.latestAt, this.store.earliestAt + 1));
    this.#moved();
  }

  /** The span at a point of the canvas, in CSS pixels. */
  pickAt(x: number, y: number): Pick | undefined {
    return pickAt(this.#layout, this.#scale, x, y);
  }

  spanOf(pick: Pick): Span | undefined {
    const index = indexOf(pick);
    return index === undefined ? undefined : this.store.spanAt(pick.track, pick.row, index);
  }

  hover(pick: Pick | undefined): void {
    if (pick?.startAt === this.#hovered?.startAt && pick?.row === this.#hovered?.row) return;
    this.#hovered = pick;
    this.redraw();
  }

  /** Chooses a span and brings it into view; `undefined` chooses none. */
  select(pick: Pick | undefined): void {
    this.#selected = pick;
    const endAt = (pick && this.spanOf(pick)?.endAt) ?? 0;
    if (pick && (endAt < this.#scale.startAt || pick.startAt > this.#scale.endAt)) {
      this.#following = false;
      this.#scale = this.#scale.endingAt(pick.startAt + this.#scale.duration / 2);
    }
    this.#moved();
  }

  /** Asks for a frame, unless nobody would see it. */
  redraw(): void {
    if (this.#frame === 0 && this.#isVisible) this.#frame = requestAnimationFrame((now) => this.#onFrame(now));
  }

  dispose(): void {
    cancelAnimationFrame(this.#frame);
    this.#isVisible = false;
  }

  #moved(): void {
    this.redraw();
    this.#onChange();
  }

  #onFrame(now: number): void {
    this.#frame = 0;
    if (now - this.#paintedAt < FRAME_MILLIS - 4) return this.redraw();
    this.#paintedAt = now;
    if (this.#following) {
      const edgeAt = this.#reducedMotion.matches ? this.#live.jump() : this.#live.glide(performance.now() * 1000);
      const isGliding = edgeAt !== this.#scale.endAt;
      this.#scale = this.#scale.endingAt(edgeAt);
      if (isGliding && !this.#reducedMotion.matches) this.redraw();
    }
    this.#paint();
  }

  #paint(): void {
    const { canvas, store } = this;
    const context = this.#context;
    const ratio = devicePixelRatio;
    const layout = this.#layout;
    const width = this.#scale.widthPx + layout.gutter;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(layout.height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(layout.height * ratio);
      canvas.style.height = `${layout.height}px`;
    }
    const palette = (this.#palette ??= readPalette(this.#probe));
    const frame: Frame = { context, store, layout, palette, scale: this.#scale, devicePixelRatio: ratio };
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = palette.back;
    context.fillRect(0, 0, width, layout.height);
    // Before the first batch there is no time to show.
    if (store.version > 0) paintAxis(frame);
    this.#painter.paint(frame);
    this.#outline(frame, this.#hovered, palette.muted);
    this.#outline(frame, this.#selected, palette.ink);
    paintGutter(frame);
    for (const box of layout.counters) paintCounter(frame, box);
    for (const box of layout.tenants) paintTenantName(frame, box);
  }

  #outline({ context, layout, scale }: Frame, pick: Pick | undefined, color: string): void {
    const index = pick && indexOf(pick);
    if (pick === undefined || index === undefined) return;
    const box = layout.tenants.flatMap(({ tracks }) => tracks).find(({ track }) => track === pick.track);
    const rowIndex = pick.track.rows.indexOf(pick.row);
    if (box === undefined || rowIndex < 0 || rowIndex >= box.shownRows) return;
    const left = Math.max(-3, scale.toPx(pick.startAt));
    const right = Math.min(scale.widthPx + 3, scale.toPx(pick.row.endAt[index]!));
    context.strokeStyle = color;
    context.lineWidth = 1.5;
    context.strokeRect(layout.gutter + left - 0.75, rowTop(box, rowIndex) - 0.75, Math.max(2, right - left) + 0.5, box.rowHeight + 1.5);
  }
}
