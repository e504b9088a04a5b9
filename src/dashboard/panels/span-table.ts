import { html, type TemplateResult } from 'lit';
import type { Span } from '../../trace/span.ts';
import { formatCount, formatDuration, formatInstant } from '../format.ts';

/** Rows in the table at most; it says so when there are more. */
export const TABLE_LIMIT = 200;

/** The spans in view as text: what the canvas shows, for readers who do not see it. `spans` may hold one more than the limit. */
export function spanTable(spans: readonly Span[], selected: Span | undefined): TemplateResult {
  const shown = spans.slice(0, TABLE_LIMIT);
  const note = spans.length > TABLE_LIMIT ? `The first ${formatCount(TABLE_LIMIT)} spans in view; zoom in for the others.` : `${formatCount(shown.length)} spans in view.`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Spans in view">
    <table part="table">
      <caption>${note}</caption>
      <thead><tr>
        <th scope="col">tenant</th><th scope="col">kind</th><th scope="col">name</th>
        <th scope="col" class="number">start</th><th scope="col" class="number">duration</th><th scope="col" class="number">predicted</th>
      </tr></thead>
      <tbody>${shown.map((span) => html`<tr aria-selected=${isSame(span, selected) ? 'true' : 'false'}>
        <td>${span.tenant}</td><td>${span.kind}</td><td>${span.name}</td>
        <td class="number">${formatInstant(span.startAt)}</td>
        <td class="number">${formatDuration(span.endAt - span.startAt)}</td>
        <td class="number">${span.predicted > 0 ? formatDuration(span.predicted) : '–'}</td>
      </tr>`)}</tbody>
    </table>
  </div>`;
}

const isSame = (a: Span, b: Span | undefined): boolean =>
  b !== undefined && a.startAt === b.startAt && a.endAt === b.endAt && a.kind === b.kind && a.tenant === b.tenant && a.name === b.name;
