import type { Bytes } from '../base/units.ts';

/** How the size of a block follows from the size asked for. */
export type Sizing = 'exact' | 'classes';

/** A block of a class is larger than what was asked for by this part of it, at most. */
export const classSlack = 1 / 8;

/** Below this every multiple of 16 is a class. */
const smallest: Bytes = 128;

/**
 * The size of a block for `bytes`, a whole number of 4 bytes or more.
 *
 * `exact`: as asked, for shapes that never change. `classes`: the next of eight steps between two powers of two, so that requests
 * which differ a little share blocks (as OffsetAllocator's bins: small floats with three bits of mantissa).
 */
export function blockBytes(bytes: Bytes, sizing: Sizing): Bytes {
  if (sizing === 'exact') return bytes;
  const step = bytes <= smallest ? 16 : 2 ** Math.floor(Math.log2(bytes)) * classSlack;
  return Math.ceil(bytes / step) * step;
}
