import type { Micros } from '../base/units.ts';

/** Spans a new row has room for; it doubles as needed. */
const ROOM = 32;

/** What a row keeps of a span besides its instants. */
export interface SpanPayload {
  readonly name: number;
  readonly op: number;
  readonly predicted: Micros;
}

/**
 * Spans that never overlap, sorted by start, hence by end as well: both can be searched by halving. Live spans are at
 * `first <= index < last` of the columns; indexes move when spans are inserted or forgotten, so they are not kept.
 */
export class SpanRow {
  first = 0;
  last = 0;
  startAt = new Float64Array(ROOM);
  endAt = new Float64Array(ROOM);
  name = new Uint32Array(ROOM);
  op = new Float64Array(ROOM);
  predicted = new Float64Array(ROOM);

  get count(): number {
    return this.last - this.first;
  }

  /** The first span that ends after `at`, or `last`: where drawing from `at` begins. O(log n). */
  firstEndingAfter(at: Micros): number {
    let low = this.first;
    let high = this.last;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.endAt[middle]! > at) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /**
   * Puts a span where it belongs, if it overlaps nothing here; false otherwise. Cheap near the newest end, where nearly
   * every span arrives. Spans that touch do not overlap; an instant needs a place of its own.
   */
  insert(startAt: Micros, endAt: Micros, payload: SpanPayload): boolean {
    let index = this.last;
    if (index > this.first && this.startAt[index - 1]! >= startAt) index = this.#firstStartingFrom(startAt);
    if (index > this.first && this.endAt[index - 1]! > startAt) return false;
    if (index < this.last && (this.startAt[index]! < endAt || this.startAt[index]! === startAt)) return false;
    if (this.last === this.startAt.length) index -= this.#makeRoom();
    for (const column of this.#columns()) column.copyWithin(index + 1, index, this.last);
    this.startAt[index] = startAt;
    this.endAt[index] = endAt;
    this.name[index] = payload.name;
    this.op[index] = payload.op;
    this.predicted[index] = payload.predicted;
    this.last++;
    return true;
  }

  /** Forgets the spans that ended at `at` or before. */
  forgetUntil(at: Micros): void {
    this.first = this.firstEndingAfter(at);
  }

  #firstStartingFrom(at: Micros): number {
    let low = this.first;
    let high = this.last;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.startAt[middle]! >= at) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #columns(): readonly (Float64Array | Uint32Array)[] {
    return [this.startAt, this.endAt, this.name, this.op, this.predicted];
  }

  /** Reclaims the forgotten front, or doubles when less than half is forgotten. Answers how far every span moved to the left. */
  #makeRoom(): number {
    const { first, last, count } = this;
    if (first * 2 < this.startAt.length) {
      const grow = (column: Float64Array): Float64Array<ArrayBuffer> => {
        const grown = new Float64Array(column.length * 2);
        grown.set(column.subarray(first, last));
        return grown;
      };
      const names = new Uint32Array(this.name.length * 2);
      names.set(this.name.subarray(first, last));
      this.startAt = grow(this.startAt);
      this.endAt = grow(this.endAt);
      this.op = grow(this.op);
      this.predicted = grow(this.predicted);
      this.name = names;
    } else {
      for (const column of this.#columns()) column.copyWithin(0, first, last);
    }
    this.first = 0;
    this.last = count;
    return first;
  }
}
