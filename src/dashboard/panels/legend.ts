import { html, type TemplateResult } from 'lit';

const entries = [
  ['queued', 'waiting'], ['op', 'op'], ['encode', 'encoding'], ['slice', 'slice on the GPU'], ['predicted', 'line: predicted'], ['gpu', 'GPU timestamps'],
] as const;

/** What the shapes mean and which keys there are; a tenant's colour stands beside its name in the picture. */
export const legend: TemplateResult = html`<ul class="legend" part="legend">
  ${entries.map(([kind, text]) => html`<li><span class="swatch ${kind}" aria-hidden="true"></span>${text}</li>`)}
  <li class="keys"><span><kbd>W</kbd> <kbd>S</kbd> zoom, <kbd>A</kbd> <kbd>D</kbd> pan, <kbd>F</kbd> fit, arrows choose, <kbd>Space</kbd> follow</span></li>
</ul>`;
