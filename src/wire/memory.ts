import type { Bytes } from '../base/units.ts';
import type { AccountFigures, Refusal } from '../memory/ledger-event.ts';
import type { PoolReport, UsageReport } from '../memory/pool.ts';
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

export interface DeviceMemoryReport extends PoolReport {
  /** Held at most, since the device was made. */
  readonly peak: Bytes;
  /** What was dropped without being destroyed, and labels of the last of it. */
  readonly leakCount: number;
  readonly leaks: readonly string[];
  readonly refusedCount: number;
  /** By usage flags; -1 are textures. */
  readonly usages: readonly UsageReport[];
}

/** What a scheduled device's memory looks like from outside. */
export interface DeviceMemoryView {
  readonly report: DeviceMemoryReport;
  /** The last few thousand allocations as CSV: at (µs), kind, block, usage, bytes, label. */
  readonly trace: string;
}

/** Asked for every device when it opens, by the scheduler itself: its answer says that the device has what it may have to begin with. */
export const openingRequest = 0;
