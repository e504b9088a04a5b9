import type { Micros } from '../base/units.ts';

/** A class that asked for nothing for so long is not waited for any more. */
const alertness: Micros = 1_000_000;
/** The shortest of so many last gaps between arrivals is what the next one is expected after. */
const remembered = 8;
/** How much of that gap is safe to give away: what is in flight by then is done before the next arrival. */
const safePart = 0.5;

/** Watches when one class asks for the GPU, so that the others know when to keep out of its way. */
export class Vigil {
  #activeAt: Micros = -Infinity;
  #arrivedAt: Micros = -Infinity;
  readonly #gaps: Micros[] = [];

  /** Something new was asked for. */
  arrived(now: Micros): void {
    const gap = now - this.#arrivedAt;
    if (gap < alertness) this.#gaps.push(gap);
    else this.#gaps.length = 0; // After a pause nothing is known of the rhythm.
    if (this.#gaps.length > remembered) this.#gaps.shift();
    this.#arrivedAt = this.#activeAt = now;
  }

  /** What was asked for goes on. */
  active(now: Micros): void {
    this.#activeAt = now;
  }

  /** It asked not long ago, so it will again. */
  isAlert(now: Micros): boolean {
    return now - this.#activeAt < alertness;
  }

  /** It may ask at any moment. Not so just after it asked, once it has done so in a rhythm. */
  isExpected(now: Micros): boolean {
    if (!this.isAlert(now)) return false;
    return this.#gaps.length < remembered || now >= this.#arrivedAt + Math.min(...this.#gaps) * safePart;
  }
}
