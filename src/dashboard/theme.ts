import { css } from 'lit';

/**
 * The dashboard's look. A host may set any `--sy-…` variable; `light-dark()` follows the host's `color-scheme`, which is
 * the reader's wish unless the page says otherwise. Tenants: Okabe and Ito's palette, darkened where it faded on white.
 */
export const theme = css`
  :host {
    color-scheme: light dark;
    --sy-back: light-dark(#ffffff, #14171a);
    --sy-raised: light-dark(#f5f6f7, #1d2125);
    --sy-ink: light-dark(#1b1f23, #e4e7ea);
    --sy-muted: light-dark(#626b74, #949da6);
    --sy-grid: light-dark(#e6e8eb, #2b3036);
    --sy-accent: light-dark(#0b62a8, #5cb0ee);
    --sy-tenant-1: light-dark(#0072b2, #3d9be0);
    --sy-tenant-2: light-dark(#e08a00, #e69f00);
    --sy-tenant-3: light-dark(#009e73, #16b88b);
    --sy-tenant-4: light-dark(#c05a9b, #d88cba);
    --sy-tenant-5: light-dark(#d55e00, #f0762a);
    --sy-tenant-6: light-dark(#3fa5dd, #7cc7f0);
    --sy-tenant-7: light-dark(#a39a00, #e6da4a);
    --sy-tenant-8: light-dark(#6b7078, #a4abb3);
    display: block;
    container-type: inline-size;
    color: var(--sy-ink);
    font: 13px/1.4 system-ui, sans-serif;
    font-variant-numeric: tabular-nums;
  }
  @media (forced-colors: active) {
    :host {
      --sy-back: Canvas; --sy-raised: Canvas; --sy-ink: CanvasText; --sy-muted: CanvasText; --sy-grid: GrayText; --sy-accent: LinkText;
      --sy-tenant-1: LinkText; --sy-tenant-2: Highlight; --sy-tenant-3: CanvasText; --sy-tenant-4: VisitedText;
      --sy-tenant-5: LinkText; --sy-tenant-6: Highlight; --sy-tenant-7: CanvasText; --sy-tenant-8: VisitedText;
    }
  }
  .probe { position: absolute; visibility: hidden; forced-color-adjust: none; }
  .bar { display: flex; flex-wrap: wrap; align-items: center; gap: 6px; padding: 8px 0; }
  .status { margin-inline-start: auto; color: var(--sy-muted); }
  button {
    font: inherit; color: inherit; background: var(--sy-raised); border: 1px solid var(--sy-grid); border-radius: 5px;
    padding: 4px 10px; min-height: 30px; cursor: pointer;
  }
  button:hover { border-color: var(--sy-muted); }
  button[aria-pressed='true'] { border-color: var(--sy-accent); color: var(--sy-accent); }
  button:focus-visible, canvas:focus-visible, summary:focus-visible { outline: 2px solid var(--sy-accent); outline-offset: 1px; }
  .square { min-width: 30px; padding: 4px 0; text-align: center; }
  .stage { position: relative; border-block: 1px solid var(--sy-grid); min-height: 150px; }
  canvas { display: block; width: 100%; touch-action: pan-y; cursor: crosshair; }
  .empty { position: absolute; inset: 40px 0 auto; text-align: center; color: var(--sy-muted); }
  .tooltip {
    position: absolute; z-index: 1; pointer-events: none; max-width: min(320px, 80%); padding: 6px 9px;
    background: var(--sy-raised); border: 1px solid var(--sy-grid); border-radius: 5px; box-shadow: 0 2px 10px #0003; font-size: 12px;
  }
  .legend { display: flex; flex-wrap: wrap; gap: 4px 14px; margin: 0; padding: 8px 0; color: var(--sy-muted); list-style: none; font-size: 12px; }
  .legend li { display: flex; align-items: center; gap: 5px; }
  .swatch { width: 18px; background: var(--sy-tenant-1); forced-color-adjust: none; }
  .swatch.queued { height: 5px; background: repeating-linear-gradient(135deg, var(--sy-muted) 0 1px, transparent 1px 3px); }
  .swatch.op { height: 12px; opacity: 0.38; }
  .swatch.encode { height: 5px; opacity: 0.7; }
  .swatch.slice { height: 14px; }
  .swatch.gpu { height: 7px; opacity: 0.7; }
  .swatch.predicted { height: 14px; box-shadow: inset 0 -3px 0 -1px #fff9; }
  .keys { margin-inline-start: auto; }
  kbd { font: inherit; padding: 0 3px; border: 1px solid var(--sy-grid); border-radius: 3px; }
  .details { display: grid; grid-template-columns: max-content 1fr; gap: 1px 14px; margin: 0; }
  .details dt { color: var(--sy-muted); }
  .details dt:first-child { color: var(--sy-ink); font-weight: 600; }
  .details dd { margin: 0; overflow-wrap: anywhere; }
  .chosen { padding: 8px 0; border-block-end: 1px solid var(--sy-grid); }
  summary { padding: 6px 0; color: var(--sy-muted); cursor: pointer; }
  .scroll { max-height: 320px; overflow: auto; }
  table { width: 100%; border-collapse: collapse; font-size: 12px; }
  caption { padding: 4px 0; text-align: start; color: var(--sy-muted); }
  th, td { padding: 2px 12px 2px 0; text-align: start; white-space: nowrap; }
  th { position: sticky; top: 0; background: var(--sy-back); font-weight: 600; }
  .number { text-align: end; }
  tbody tr { border-block-start: 1px solid var(--sy-grid); }
  tbody tr[aria-selected='true'] { background: var(--sy-raised); font-weight: 600; }
  @container (max-width: 520px) {
    .legend .keys { display: none; }
    .status { flex-basis: 100%; margin: 0; }
    button { min-height: 36px; }
    .square { min-width: 36px; }
  }
`;
