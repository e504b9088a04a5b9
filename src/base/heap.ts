/**
 * A binary min-heap of (key, item) that is stable: items of equal key leave in the order they came.
 * Without that last line no schedule could be repeated. O(log n) push and pop; `remove` is O(n).
 */
export class Heap<T> {
  #entries: Entry<T>[] = [];
  #arrivals = 0;

  get size(): number {
    return this.#entries.length;
  }

  push(key: number, item: T): void {
    this.#entries.push({ key, arrival: this.#arrivals++, item });
    this.#up(this.#entries.length - 1);
  }

  peek(): T | undefined {
    return this.#entries[0]?.item;
  }

  pop(): T | undefined {
    return this.#take(0);
  }

  /** Takes one item out, wherever it is; `false` when it is not here. */
  remove(item: T): boolean {
    const index = this.#entries.findIndex((entry) => entry.item === item);
    if (index < 0) return false;
    this.#take(index);
    return true;
  }

  /** In no particular order. */
  *[Symbol.iterator](): Iterator<T> {
    for (const entry of this.#entries) yield entry.item;
  }

  #take(index: number): T | undefined {
    const taken = this.#entries[index];
    const last = this.#entries.pop();
    if (taken === undefined || last === undefined) return undefined;
    if (taken !== last) {
      this.#entries[index] = last;
      this.#down(this.#up(index));
    }
    return taken.item;
  }

  #up(start: number): number {
    let index = start;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#before(index, parent)) break;
      this.#swap(index, parent);
      index = parent;
    }
    return index;
  }

  #down(start: number): void {
    let index = start;
    for (;;) {
      const left = index * 2 + 1;
      const right = left + 1;
      let least = index;
      if (left < this.#entries.length && this.#before(left, least)) least = left;
      if (right < this.#entries.length && this.#before(right, least)) least = right;
      if (least === index) return;
      this.#swap(index, least);
      index = least;
    }
  }

  #before(a: number, b: number): boolean {
    const x = this.#entries[a]!;
    const y = this.#entries[b]!;
    return x.key < y.key || (x.key === y.key && x.arrival < y.arrival);
  }

  #swap(a: number, b: number): void {
    const held = this.#entries[a]!;
    this.#entries[a] = this.#entries[b]!;
    this.#entries[b] = held;
  }
}

interface Entry<T> {
  readonly key: number;
  readonly arrival: number;
  readonly item: T;
}
