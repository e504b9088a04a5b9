/** So many ids to a page. */
const pageBits = 10;
const pageSize = 1 << pageBits;

interface Page<T> {
  readonly items: (T | undefined)[];
  size: number;
}

/**
 * A map from whole numbers that were mostly counted up one by one. Neighbours lie together, so a look costs no hashing and mostly no trip to
 * memory, which a `Map` of 100 000 numbers does. Pages of which nothing is left are let go.
 */
export class IdMap<T> {
  readonly #pages = new Map<number, Page<T>>();
  #lastNumber = -1;
  #last: Page<T> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: number): T | undefined {
    return this.#pageOf(id)?.items[id % pageSize];
  }

  set(id: number, item: T): void {
    let page = this.#pageOf(id);
    if (page === undefined) {
      page = { items: new Array<T | undefined>(pageSize).fill(undefined), size: 0 };
      this.#pages.set((this.#lastNumber = Math.floor(id / pageSize)), (this.#last = page));
    }
    const index = id % pageSize;
    if (page.items[index] === undefined) {
      page.size += 1;
      this.#size += 1;
    }
    page.items[index] = item;
  }

  /** `false` when it was not there. */
  delete(id: number): boolean {
    const page = this.#pageOf(id);
    const index = id % pageSize;
    if (page?.items[index] === undefined) return false;
    page.items[index] = undefined;
    page.size -= 1;
    this.#size -= 1;
    if (page.size === 0) {
      this.#pages.delete(Math.floor(id / pageSize));
      this.#lastNumber = -1;
      this.#last = undefined;
    }
    return true;
  }

  /** In order of the pages' making, and of the ids inside a page. */
  *values(): Iterable<T> {
    for (const { items } of this.#pages.values()) for (const item of items) if (item !== undefined) yield item;
  }

  #pageOf(id: number): Page<T> | undefined {
    const number = Math.floor(id / pageSize);
    if (number === this.#lastNumber) return this.#last;
    const page = this.#pages.get(number);
    if (page !== undefined) {
      this.#lastNumber = number;
      this.#last = page;
    }
    return page;
  }
}
