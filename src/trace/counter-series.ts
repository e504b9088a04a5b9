import type { Micros } from '../base/units.ts';
import type { CounterName } from './span.ts';

/** One counter over time: a value holds from its instant to the next one's. Sorted by instant; ties in arrival order. */
export class CounterSeries {
  readonly name: CounterName;
  /** '' for the whole GPU. */
  readonly tenant: string;
  readonly #capacity: number;
  #at: Float64Array<ArrayBuffer>;
  #value: Float64Array<ArrayBuffer>;
  #count = 0;

  /** Remembers at most `capacity` samples; when full, the older half is forgotten. */
  constructor(name: CounterName, tenant: string, capacity: number) {
    this.name = name;
    this.tenant = tenant;
    this.#capacity = capacity;
    this.#at = new Float64Array(Math.min(256, capacity));
    this.#value = new Float64Array(Math.min(256, capacity));
  }

  get count(): number {
    return this.#count;
  }

  atOf(index: number): Micros {
    return this.#at[index]!;
  }

  valueOf(index: number): number {
    return this.#value[index]!;
  }

  /** The sample that holds at `at`: the last one not after it, −1 when there is none yet. O(log n). */
  indexAt(at: Micros): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#at[middle]! <= at) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  add(at: Micros, value: number): void {
    if (this.#count === this.#capacity) this.#forget(Math.ceil(this.#capacity / 2));
    if (this.#count === this.#at.length) this.#grow();
    const index = this.indexAt(at) + 1;
    this.#at.copyWithin(index + 1, index, this.#count);
    this.#value.copyWithin(index + 1, index, this.#count);
    this.#at[index] = at;
    this.#value[index] = value;
    this.#count++;
  }

  /** Forgets what no longer matters after `at`; the sample that holds at `at` is kept. */
  forgetUntil(at: Micros): void {
    this.#forget(Math.max(0, this.indexAt(at)));
  }

  #forget(count: number): void {
    this.#at.copyWithin(0, count, this.#count);
    this.#value.copyWithin(0, count, this.#count);
    this.#count -= count;
  }

  #grow(): void {
    const room = Math.min(this.#capacity, this.#at.length * 2);
    const at = new Float64Array(room);
    const value = new Float64Array(room);
    at.set(this.#at);
    value.set(this.#value);
    this.#at = at;
    this.#value = value;
  }
}
