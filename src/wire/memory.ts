import type { Bytes } from '../base/units.ts';
import type { AccountFigures, Refusal } from '../memory/ledger-event.ts';
import type { Level } from '../memory/pressure.ts';
import type { MemoryReport } from '../memory/ledger.ts';

export type { AccountFigures, MemoryReport, Refusal };
export type PressureLevel = Level;

/** How short memory is, in the words of the Compute Pressure API. */
export interface Pressure {
  readonly level: PressureLevel;
  /** So much must go before the level falls by one; 0 when memory is not the cause. */
  readonly bytesNeeded: Bytes;
}

/** Asked for every device when it opens, by the scheduler itself: its answer says that the device has what it may have to begin with. */
export const openingRequest = 0;
