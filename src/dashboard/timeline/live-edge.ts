import type { Micros } from '../../base/units.ts';

/** Batches come ten times a second and take a moment; this far behind, what is drawn has nearly always arrived. */
const LAG: Micros = 150_000;

/**
 * Where the right edge of a live view is. Batches arrive in jumps; the edge glides behind them with the page's clock,
 * never past what has arrived, never back.
 */
export class LiveEdge {
  /** Page clock minus trace clock, as the fastest batch so far showed it. */
  #offset = Infinity;
  #latestAt: Micros = 0;
  #edgeAt: Micros = 0;

  /** A batch whose newest instant is `latestAt` arrived when the page's clock said `now`. */
  arrived(latestAt: Micros, now: Micros): void {
    this.#latestAt = Math.max(this.#latestAt, latestAt);
    this.#offset = Math.min(this.#offset, now - latestAt);
  }

  /** The edge at `now` on the page's clock. */
  glide(now: Micros): Micros {
    this.#edgeAt = Math.max(this.#edgeAt, Math.min(this.#latestAt, now - this.#offset - LAG));
    return this.#edgeAt;
  }

  /** The newest instant that arrived, at once: for people who asked for less motion. */
  jump(): Micros {
    return (this.#edgeAt = this.#latestAt);
  }

  /** What the page's clock said at the trace's instant 0; `undefined` before the first batch. */
  get offset(): Micros | undefined {
    return this.#offset === Infinity ? undefined : this.#offset;
  }
}
