import { assert } from '../base/assert.ts';

/** The platform's words (Compute Pressure), least first. */
export const levels = ['nominal', 'fair', 'serious', 'critical'] as const;
export type Level = (typeof levels)[number];

/** From this part of the limit on, in the order of `levels`. */
const risesAt = [0, 0.7, 0.85, 0.95] as const;
/** A level ends only when so much less is in use, so that whoever swings around a threshold makes one change and no more. */
const hysteresis = 0.05;

/** What compute pressure makes of memory pressure at least: a machine that is hot wants less kept, but its memory is not full. */
const atLeast: Readonly<Record<Level, number>> = { nominal: 0, fair: 0, serious: 1, critical: 2 };
/** A page that nobody sees keeps less. */
const hiddenAtLeast = 1;

/** The level of one limit. */
export class Gauge {
  #rank = 0;

  /** 0 for nominal, 3 for critical. */
  get rank(): number {
    return this.#rank;
  }

  /** `limit` may be 0, and then any byte is critical, or `Infinity`. O(1). */
  read(charged: number, limit: number): void {
    const ratio = ratioOf(charged, limit);
    while (this.#rank > 0 && ratio < risesAt[this.#rank]! - hysteresis) this.#rank -= 1;
    for (let rank = risesAt.length - 1; rank > this.#rank; rank -= 1) if (ratio >= risesAt[rank]!) this.#rank = rank;
  }

  /** So many bytes must go before the level falls by one. */
  bytesNeeded(charged: number, limit: number): number {
    if (this.#rank === 0) return 0;
    if (limit === 0) return charged;
    const kept = Math.ceil((risesAt[this.#rank]! - hysteresis) * limit) - 1;
    return Math.min(charged, Math.max(0, charged - Math.max(0, kept)));
  }
}

/** What memory pressure is at least, because of what happens outside. */
export class Surroundings {
  #compute: Level = 'nominal';
  #isHidden = false;

  set compute(level: Level) {
    assert(level in atLeast, `${level} is a level`);
    this.#compute = level;
  }

  set isHidden(isHidden: boolean) {
    this.#isHidden = isHidden;
  }

  get rank(): number {
    return Math.max(atLeast[this.#compute], this.#isHidden ? hiddenAtLeast : 0);
  }
}

/** Over its quota or not, with the same hysteresis. `soft` may be 0 or `Infinity`. */
export function isOverSoft(wasOver: boolean, charged: number, soft: number): boolean {
  return charged > (wasOver ? soft * (1 - hysteresis) : soft);
}

const ratioOf = (charged: number, limit: number): number => (charged === 0 ? 0 : charged / limit);
