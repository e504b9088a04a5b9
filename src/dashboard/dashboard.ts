import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { styleMap } from 'lit/directives/style-map.js';
import type { TraceBatch } from '../trace/batch.ts';
import { chromeTrace } from '../trace/chrome-trace.ts';
import type { Span } from '../trace/span.ts';
import { TraceStore } from '../trace/trace-store.ts';
import { formatCount, formatDuration } from './format.ts';
import { legend } from './panels/legend.ts';
import { spanDetails } from './panels/span-details.ts';
import { spanTable, TABLE_LIMIT } from './panels/span-table.ts';
import { theme } from './theme.ts';
import { listen } from './timeline/gestures.ts';
import type { Pick } from './timeline/pick.ts';
import { Timeline } from './timeline/timeline.ts';

/** Where batches come from: a scheduler, or anything that has its `onTrace`. */
export interface TraceSource {
  onTrace(listener: (batch: TraceBatch) => void): () => void;
}

/** The words around the picture change this often at most; the picture itself follows the frames. */
const WORDS_MILLIS = 500;

interface Hover { readonly span: Span; readonly x: number; readonly y: number }

/**
 * `<switchyard-dashboard>`: what the GPU did, live. Set `source` to a scheduler, or feed batches with `record()`. Fires
 * `span-selected` (a `CustomEvent` whose detail is the span, or null when it was let go). Import
 * `dashboard/define.ts` to register the element.
 */
export class SwitchyardDashboard extends LitElement {
  static override readonly styles = theme;
  static override readonly properties = {
    source: { attribute: false },
    timeOrigin: { type: Number, attribute: 'time-origin' },
  };

  declare source: TraceSource | undefined;
  /** Wall clock of the trace's instant 0 in ms since 1970, for saved traces; where it is not given, as well as batches tell. */
  declare timeOrigin: number | undefined;

  readonly store = new TraceStore();
  #timeline: Timeline | undefined;
  #stop: (() => void) | undefined;
  #listening = new AbortController();
  #hover: Hover | undefined;
  #selected: Span | undefined;
  #isTableOpen = false;
  #wordsAt = -Infinity;

  /** Takes in a batch, as `source` would give it. */
  record(batch: TraceBatch): void {
    const isFirst = this.store.version === 0;
    this.store.append(batch);
    this.#timeline?.arrived();
    const now = performance.now();
    if (isFirst || now - this.#wordsAt > WORDS_MILLIS) {
      this.#wordsAt = now;
      this.requestUpdate();
    }
  }

  /** The trace as a file that Perfetto opens. */
  traceFile(): Blob {
    const offset = this.#timeline?.clockOffset;
    const timeOrigin = this.timeOrigin ?? (offset === undefined ? undefined : performance.timeOrigin + offset / 1000);
    return new Blob([...chromeTrace(this.store, timeOrigin === undefined ? {} : { timeOrigin })], { type: 'application/json' });
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) this.#open();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#close();
  }

  protected override firstUpdated(): void {
    this.#open();
  }

  protected override updated(changed: Map<PropertyKey, unknown>): void {
    if (changed.has('source')) this.#subscribe();
  }

  protected override render(): TemplateResult {
    const { store } = this;
    const isFollowing = this.#timeline?.following ?? true;
    const selected = this.#selected;
    return html`
      <span class="probe"></span>
      <div class="bar" part="bar">
        <button aria-pressed=${isFollowing} @click=${this.#toggle}>${isFollowing ? 'Pause' : 'Follow live'}</button>
        <button @click=${() => this.#timeline?.fit()}>Fit</button>
        <button class="square" aria-label="Zoom in" @click=${() => this.#timeline?.zoom(0.5)}>+</button>
        <button class="square" aria-label="Zoom out" @click=${() => this.#timeline?.zoom(2)}>−</button>
        <button @click=${this.#save}>Save trace</button>
        <span class="status" part="status">${this.#status()}</span>
      </div>
      <div class="stage">
        <canvas part="timeline" tabindex="0" role="application" aria-label=${this.#label()} aria-describedby="chosen"
          aria-keyshortcuts="W S A D F Space ArrowLeft ArrowRight ArrowUp ArrowDown Escape"></canvas>
        ${store.version === 0 ? html`<div class="empty">Nothing has run yet.</div>` : nothing}
        ${this.#hover === undefined ? nothing : this.#tooltip(this.#hover)}
      </div>
      ${legend}
      <div id="chosen" class=${selected ? 'chosen' : ''} aria-live="polite">${selected ? spanDetails(selected) : nothing}</div>
      <details @toggle=${(event: Event) => this.#openTable(event.currentTarget as HTMLDetailsElement)}>
        <summary>Spans in view as a table</summary>
        ${this.#isTableOpen && this.#timeline ? spanTable(this.#spansInView(this.#timeline), selected) : nothing}
      </details>`;
  }

  #tooltip({ span, x, y }: Hover): TemplateResult {
    const { layout, scale } = this.#timeline!;
    const isRight = x > (layout.gutter + scale.widthPx) / 2;
    const side = isRight ? { right: `${layout.gutter + scale.widthPx - x + 12}px` } : { left: `${x + 12}px` };
    return html`<div class="tooltip" part="tooltip" style=${styleMap({ ...side, top: `${y + 14}px` })}>${spanDetails(span)}</div>`;
  }

  #status(): string {
    const { spanCount, droppedCount, forgottenCount } = this.store;
    const view = this.#timeline ? ` · ${formatDuration(this.#timeline.scale.duration)} in view` : '';
    const dropped = droppedCount > 0 ? ` · ${formatCount(droppedCount)} dropped before they arrived` : '';
    const forgotten = forgottenCount > 0 ? ` · ${formatCount(forgottenCount)} older ones forgotten` : '';
    return `${formatCount(spanCount)} spans${view}${forgotten}${dropped}`;
  }

  #label(): string {
    const { tenants } = this.store;
    return tenants.length === 0 ? 'Timeline of the GPU, empty' : `Timeline of the GPU: ${tenants.join(', ')}. The table below has the same spans.`;
  }

  #spansInView({ scale }: Timeline): readonly Span[] {
    return this.store.spansBetween(scale.startAt, scale.endAt, TABLE_LIMIT + 1);
  }

  #toggle(): void {
    if (this.#timeline?.following) this.#timeline.pause();
    else this.#timeline?.follow();
  }

  #save(): void {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(this.traceFile());
    link.download = 'switchyard-trace.json';
    link.click();
    // The download has begun by then; at once would be too early in some browsers.
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  #openTable(details: HTMLDetailsElement): void {
    this.#isTableOpen = details.open;
    this.requestUpdate();
  }

  #changed(timeline: Timeline): void {
    const span = timeline.selected && timeline.spanOf(timeline.selected);
    if (span?.startAt !== this.#selected?.startAt || span?.kind !== this.#selected?.kind || span?.tenant !== this.#selected?.tenant) {
      this.dispatchEvent(new CustomEvent('span-selected', { detail: span ?? null, bubbles: true, composed: true }));
    }
    this.#selected = span;
    this.requestUpdate();
  }

  #hovered(timeline: Timeline, pick: Pick | undefined, x: number, y: number): void {
    const span = pick && timeline.spanOf(pick);
    if (span === undefined && this.#hover === undefined) return;
    this.#hover = span && { span, x, y };
    this.requestUpdate();
  }

  #open(): void {
    const canvas = this.renderRoot.querySelector('canvas')!;
    const probe = this.renderRoot.querySelector<HTMLElement>('.probe')!;
    const timeline = new Timeline({ canvas, probe, store: this.store, onChange: () => this.#changed(timeline) });
    this.#timeline = timeline;
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    listen(timeline, (pick, x, y) => this.#hovered(timeline, pick, x, y), signal);
    for (const query of ['(prefers-color-scheme: dark)', '(forced-colors: active)']) matchMedia(query).addEventListener('change', () => timeline.restyle(), { signal });
    const size = new ResizeObserver(() => timeline.resize(canvas.clientWidth));
    const sight = new IntersectionObserver((entries) => timeline.setVisible(entries.at(-1)!.isIntersecting));
    size.observe(canvas);
    sight.observe(canvas);
    signal.addEventListener('abort', () => {
      size.disconnect();
      sight.disconnect();
      timeline.dispose();
    });
    if (this.store.version > 0) timeline.arrived();
    this.#subscribe();
  }

  #close(): void {
    this.#listening.abort();
    this.#stop?.();
    this.#stop = undefined;
  }

  #subscribe(): void {
    this.#stop?.();
    this.#stop = this.source?.onTrace((batch) => this.record(batch));
  }
}
