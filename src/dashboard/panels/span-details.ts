import { html, nothing, type TemplateResult } from 'lit';
import type { Span, SpanKind } from '../../trace/span.ts';
import { formatDeviation, formatDuration, formatInstant } from '../format.ts';

/** What a span of each kind shows, in words. */
export const kindWords: Record<SpanKind, string> = {
  queued: 'waiting to start', op: 'op, from submitted to done', encode: 'encoding on the CPU',
  slice: 'slice, from released to done', gpu: "the GPU's own time",
};

/** Everything known of one span. The prediction stands beside the measurement where one was made. */
export function spanDetails(span: Span): TemplateResult {
  const measured = span.endAt - span.startAt;
  return html`<dl class="details" part="details">
    <dt>${span.name || 'unnamed'}</dt><dd>${span.tenant} · ${kindWords[span.kind]}</dd>
    <dt>start</dt><dd>${formatInstant(span.startAt)}</dd>
    <dt>duration</dt><dd>${formatDuration(measured)}</dd>
    ${span.predicted > 0
      ? html`<dt>predicted</dt><dd>${formatDuration(span.predicted)} (measured ${formatDeviation(span.predicted, measured)})</dd>`
      : nothing}
    ${span.op === 0 ? nothing : html`<dt>op</dt><dd>${span.op}</dd>`}
  </dl>`;
}
