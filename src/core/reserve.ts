import type { Micros } from '../base/units.ts';

/** Part of the time that overdue work may take from more urgent work. */
const share = 0.05;
/** So much may be saved up. */
const most: Micros = 50_000;

/**
 * A token bucket of time for work that waited longer than its class is patient. Without it nothing urgent is safe under overload: everything
 * ages until all of it is equally late. With it the late work goes on at a twentieth of the speed, and what is urgent loses no more than that.
 */
export class Reserve {
  #saved: Micros = most;
  #at: Micros = 0;

  /** Whether overdue work may go now. One that costs more than was saved goes into debt. */
  mayPay(now: Micros): boolean {
    this.#saved = Math.min(most, this.#saved + (now - this.#at) * share);
    this.#at = now;
    return this.#saved > 0;
  }

  spend(cost: Micros): void {
    this.#saved -= cost;
  }
}
