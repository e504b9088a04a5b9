import type { Micros } from '../base/units.ts';

/** The world outside the core, as a parameter. */
export interface Clock {
  /** Since the scheduler's start. */
  now(): Micros;
  /** Calls back once, not before `delay` has passed; the returned function calls it off. */
  after(delay: Micros, call: () => void): () => void;
}
