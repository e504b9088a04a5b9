/** So many classes to each power of two: a class is at most 1/32 wide, so a range of it is at most 3 % too large. */
const mantissaBits = 5;
const mantissa = 1 << mantissaBits;

/** Enough for sizes below 2^30. Sizes below 64 have a class each. */
export const classCount = (30 - mantissaBits + 1) * mantissa;

/** The class of a size from 1 to 2^30 - 1: a small float of 5 mantissa bits, rounded down. Classes are in the order of the sizes. */
export function classOf(size: number): number {
  if (size < mantissa) return size;
  const shift = 31 - Math.clz32(size) - mantissaBits;
  return ((shift + 1) << mantissaBits) | ((size >>> shift) & (mantissa - 1));
}

/** The largest size of a class. */
export function largestOf(sizeClass: number): number {
  if (sizeClass < 2 * mantissa) return sizeClass;
  const shift = (sizeClass >>> mantissaBits) - 1;
  return (((sizeClass & (mantissa - 1)) + mantissa + 1) << shift) - 1;
}

/**
 * Which classes have anything: a bit for each class, and above them a bit for each power of two, so that the next class that has something is
 * found by counting leading zeros twice. From TLSF (Masmano and others, "TLSF: a new dynamic memory allocator for real-time systems", 2004).
 */
export class ClassMap {
  /** Bit 31 is the first of each word, so that the first set bit is the count of leading zeros. */
  readonly #words = new Int32Array(classCount / mantissa);
  #top = 0;

  set(sizeClass: number): void {
    const word = sizeClass >>> mantissaBits;
    this.#words[word] = this.#words[word]! | (0x80000000 >>> (sizeClass & (mantissa - 1)));
    this.#top |= 0x80000000 >>> word;
  }

  unset(sizeClass: number): void {
    const word = sizeClass >>> mantissaBits;
    this.#words[word] = this.#words[word]! & ~(0x80000000 >>> (sizeClass & (mantissa - 1)));
    if (this.#words[word] === 0) this.#top &= ~(0x80000000 >>> word);
  }

  /** The first class above this one that has something; -1 when there is none. */
  nextAbove(sizeClass: number): number {
    const from = sizeClass + 1;
    const word = from >>> mantissaBits;
    const rest = this.#words[word]! & (0xffffffff >>> (from & (mantissa - 1)));
    if (rest !== 0) return (word << mantissaBits) | Math.clz32(rest);
    const above = this.#top & (0x7fffffff >>> word);
    if (above === 0) return -1;
    const next = Math.clz32(above);
    return (next << mantissaBits) | Math.clz32(this.#words[next]!);
  }

  /** The last class that has something; -1 when none has. */
  last(): number {
    if (this.#top === 0) return -1;
    const word = lastBit(this.#top);
    return (word << mantissaBits) | lastBit(this.#words[word]!);
  }
}

/** Counted from bit 31. */
const lastBit = (word: number): number => Math.clz32(word & -word);
