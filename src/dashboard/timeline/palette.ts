/** Colours of the timeline as the host's style sheet resolves them: `#rrggbb`-like strings for the canvas, and as numbers for pixels. */
export interface Palette {
  readonly back: string;
  readonly raised: string;
  readonly ink: string;
  readonly muted: string;
  readonly grid: string;
  readonly accent: string;
  /** One for each tenant in turn; eight that people with any colour vision can tell apart. */
  readonly tenants: readonly TenantColor[];
}

export interface TenantColor {
  readonly fill: string;
  readonly rgb: readonly [number, number, number];
  /** Readable on `fill`. */
  readonly ink: string;
}

/** Okabe and Ito's colours, two of them darker so that none fades on white; what `theme.ts` names `--sy-tenant-1` and so on. */
export const TENANT_COLOR_COUNT = 8;

/**
 * Reads the palette through `probe`, an element inside the shadow root: only a computed colour has `light-dark()`,
 * variables and forced system colours resolved.
 */
export function readPalette(probe: HTMLElement): Palette {
  const color = (name: string): string => {
    probe.style.color = `var(--sy-${name})`;
    return getComputedStyle(probe).color;
  };
  return {
    back: color('back'),
    raised: color('raised'),
    ink: color('ink'),
    muted: color('muted'),
    grid: color('grid'),
    accent: color('accent'),
    tenants: Array.from({ length: TENANT_COLOR_COUNT }, (_, i) => tenantColor(color(`tenant-${i + 1}`))),
  };
}

function tenantColor(fill: string): TenantColor {
  const [red = 0, green = 0, blue = 0] = (fill.match(/[\d.]+/g) ?? []).map(Number);
  // Relative luminance by the eye's weights, without gamma: enough to choose between black and white.
  const isLight = 0.3 * red + 0.59 * green + 0.11 * blue > 140;
  return { fill, rgb: [red, green, blue], ink: isLight ? '#000' : '#fff' };
}
