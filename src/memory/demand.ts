import type { Bytes } from '../base/units.ts';

/** What was not asked for while so many others were is forgotten. */
const memory = 4_096;

/** Forgotten sizes are looked for when so many are known. */
const most = 4_096;

/**
 * Which sizes come again. Half of what a program makes it makes once (staging for weights, the first run of a model), and keeping that would hold memory for nobody; so a
 * size is kept from its second time on (the admission of 2Q, with sizes in place of pages).
 */
export class Demand {
  /** When a size was asked for last, and whether that was the first time. */
  readonly #sizes = new Map<number, Map<Bytes, { at: number; isFirst: boolean }>>();
  #count = 0;
  #known = 0;

  /** One was made, because none was idle. */
  made(usage: number, bytes: Bytes): void {
    this.#count += 1;
    let sizes = this.#sizes.get(usage);
    if (sizes === undefined) this.#sizes.set(usage, (sizes = new Map()));
    const seen = sizes.get(bytes);
    if (seen === undefined) {
      sizes.set(bytes, { at: this.#count, isFirst: true });
      this.#known += 1;
      if (this.#known > most) this.#forget();
      return;
    }
    seen.isFirst = this.#count - seen.at > memory;
    seen.at = this.#count;
  }

  /** Whether it is worth keeping one for the next who asks. */
  isWanted(usage: number, bytes: Bytes): boolean {
    return this.#sizes.get(usage)?.get(bytes)?.isFirst === false;
  }

  #forget(): void {
    for (const sizes of this.#sizes.values()) {
      for (const [bytes, { at }] of sizes) {
        if (this.#count - at <= memory) continue;
        sizes.delete(bytes);
        this.#known -= 1;
      }
    }
  }
}
