import { assert } from '../base/assert.ts';
import { Heap } from '../base/heap.ts';
import type { Micros } from '../base/units.ts';

interface Appointment {
  readonly at: Micros;
  readonly call: () => void;
}

/** Time in a false world: it stands still while something happens, and then is that of what happens next. */
export class FalseClock {
  #now: Micros = 0;
  readonly #appointments = new Heap<Appointment>();

  get now(): Micros {
    return this.#now;
  }

  /** When the next thing happens; `Infinity` when nothing will. */
  get nextAt(): Micros {
    return this.#appointments.peek()?.at ?? Infinity;
  }

  /** What is asked for at one instant happens in the order it was asked for. */
  at(at: Micros, call: () => void): void {
    assert(at >= this.#now, 'what is over does not happen again');
    this.#appointments.push(at, { at, call });
  }

  after(delay: Micros, call: () => void): void {
    this.at(this.#now + delay, call);
  }

  /** Lets the next thing happen; `false` when there is none. */
  step(): boolean {
    const next = this.#appointments.pop();
    if (next === undefined) return false;
    this.#now = next.at;
    next.call();
    return true;
  }
}
