/** Strings as small integers, so that spans fit in columns. An id is good only in the table that gave it. */
export class NameTable {
  readonly #ids = new Map<string, number>();
  readonly #texts: string[] = [];

  get size(): number {
    return this.#texts.length;
  }

  /** All names; a name's id is its index. */
  get texts(): readonly string[] {
    return this.#texts;
  }

  /** The id of `text`, the same one each time. Ids count up from 0. */
  intern(text: string): number {
    const known = this.#ids.get(text);
    if (known !== undefined) return known;
    const id = this.#texts.length;
    this.#ids.set(text, id);
    this.#texts.push(text);
    return id;
  }

  textOf(id: number): string {
    return this.#texts[id] ?? '';
  }
}
