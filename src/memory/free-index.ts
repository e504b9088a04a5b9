/** The free ranges of a block, as one fit looks for them. A range is told as its slot in the `RangeTable`. */
export interface FreeIndex {
  /** A range became free, or is what was left of one. */
  insert(slot: number): void;
  /** Called while the table still tells the range's offset and size as they were inserted. */
  remove(slot: number): void;
  /** A free range of at least so many granules, of which the first will be used; -1 when there is none. */
  find(granules: number): number;
  /** The size of the largest free range, exactly; 0 when there is none. */
  largest(): number;
}
