import type { Micros } from '../base/units.ts';
import type { FalseClock } from './clock.ts';

export interface LineOptions<M> {
  readonly clock: FalseClock;
  /** Drawn for each message. */
  readonly delay: () => Micros;
  readonly deliver: (message: M) => void;
  /** How often a message arrives: 1, but for faults. */
  readonly copies: (message: M) => number;
}

/** One way between two threads. As in a `MessagePort` nothing overtakes; unlike there, a message may be lost or come twice. */
export class Line<M> {
  readonly #options: LineOptions<M>;
  #lastAt: Micros = 0;
  #underWay = 0;
  #isCut = false;

  constructor(options: LineOptions<M>) {
    this.#options = options;
  }

  /** Messages that were sent and have not arrived. */
  get underWay(): number {
    return this.#underWay;
  }

  send(message: M): void {
    if (this.#isCut) return;
    const { clock, delay, deliver, copies } = this.#options;
    for (let left = copies(message); left > 0; left -= 1) {
      this.#lastAt = Math.max(this.#lastAt, clock.now + delay());
      this.#underWay += 1;
      clock.at(this.#lastAt, () => {
        this.#underWay -= 1;
        if (!this.#isCut) deliver(message);
      });
    }
  }

  /** What is under way does not arrive any more. */
  cut(): void {
    this.#isCut = true;
  }
}
