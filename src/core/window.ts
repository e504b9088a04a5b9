import type { Micros } from '../base/units.ts';

/** Guess before the first measurement: a message each way and Chromium's notice that work is done. */
const firstRoundTrip: Micros = 500;
const longestRoundTrip: Micros = 20_000;

/**
 * What was released over all gates of one adapter, in predicted GPU time, and how long the way to a gate and back takes. A bound made
 * of the two keeps the GPU from idling while it waits for the next release, and no more is given out, because submitted work cannot
 * be taken back. After XSched's progressive launching (OSDI'25) and Orion's duration cap (EuroSys'24), in time instead of counts.
 */
export class Window {
  #inFlight: Micros = 0;
  #flights = 0;
  #roundTrip: Micros = firstRoundTrip;

  /** Predicted GPU time that was released and is not known to be done. */
  get inFlight(): Micros {
    return this.#inFlight;
  }

  get isEmpty(): boolean {
    return this.#flights === 0;
  }

  /** How much longer than its GPU time it takes from a release until the scheduler hears that it is done. */
  get roundTrip(): Micros {
    return this.#roundTrip;
  }

  /** The bound that keeps the GPU full with slices of `quantum`. */
  bound(quantum: Micros): Micros {
    return this.#roundTrip + quantum;
  }

  launch(cost: Micros): void {
    this.#inFlight += cost;
    this.#flights += 1;
  }

  land(cost: Micros): void {
    this.#flights -= 1;
    this.#inFlight = this.#flights === 0 ? 0 : Math.max(0, this.#inFlight - cost);
  }

  /** Learns from a slice that had the GPU to itself. What took longer than `longestRoundTrip` was the slice, not the trip. */
  observe(elapsed: Micros, cost: Micros): void {
    const overhead = elapsed - cost;
    if (overhead < 0 || overhead > longestRoundTrip) return;
    this.#roundTrip = Math.round(this.#roundTrip + (overhead - this.#roundTrip) / 16);
  }
}
