import type { GateControl, GateLink, Switch } from './link.ts';
import type { Priority } from '../wire/messages.ts';

/**
 * The worst scheduler a gate can meet, for tests: every dispatch is a slice, nothing ever has credit, and each slice is released
 * in a task of its own. What behaves the same under it as on a plain device behaves the same under any scheduler.
 */
export class HostileSwitch implements Switch {
  /** How many slices were released so far, over all gates. */
  released = 0;
  readonly #later: (call: () => void) => void;

  /** `later` runs a call in a later task. */
  constructor(later: (call: () => void) => void = (call) => void setTimeout(call)) {
    this.#later = later;
  }

  open(_tenant: string, _priority: Priority, control: GateControl): GateLink {
    let announced = 0;
    let released = 0;
    let isOpen = true;
    const releaseOne = (): void => {
      if (!isOpen || released >= announced) return;
      released += 1;
      this.released += 1;
      control.release(released, 1);
      this.#later(releaseOne);
    };
    control.credit(0, Infinity, 1);
    return {
      ready: (_op, _priority, costs) => {
        const wasIdle = released >= announced;
        announced += costs.length;
        if (wasIdle) this.#later(releaseOne);
      },
      recalled: () => undefined,
      released: (upTo) => void (released = Math.max(released, upTo)),
      done: () => undefined,
      timed: () => undefined,
      closed: () => void (isOpen = false),
    };
  }
}
