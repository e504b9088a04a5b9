import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seededRandom } from '../base/random.ts';
import { type Fit, fits, granuleBytes, granulesFor, maxGranules, noRange, RangeAllocator, type RangeHandle } from './range-allocator.ts';

/** `SWITCHYARD_OPS=1000000 npx vitest run --project node src/memory/range-allocator` tries each fit for so many calls. */
const calls = Number(process.env['SWITCHYARD_OPS'] ?? 60_000);

/** A stretch of the block. */
interface Interval {
  readonly offset: number;
  readonly size: number;
  readonly isFree: boolean;
  /** When it became what it is. */
  readonly since: number;
}

/**
 * What `RangeAllocator` promises, told slowly: a list of intervals in the order of their offsets, looked through from end to end. Good fit is
 * left to choose what it likes, and told where it did.
 */
class IntervalTwin {
  #intervals: Interval[];
  #now = 0;
  #place = 0;

  constructor(granules: number) {
    this.#intervals = [{ offset: 0, size: granules, isFree: true, since: 0 }];
  }

  get intervals(): readonly Interval[] {
    return this.#intervals;
  }

  /** Where a range should be put; `undefined` when nothing fits. */
  choose(fit: Exclude<Fit, 'good-fit'>, granules: number): number | undefined {
    const open = this.#intervals.filter(({ isFree, size }) => isFree && size >= granules);
    const newest = open.toSorted((a, b) => b.since - a.since);
    const place = this.#place;
    return {
      'first-fit': open[0],
      'next-fit': open.find(({ offset }) => offset >= place) ?? open[0],
      'best-fit': newest.toSorted((a, b) => a.size - b.size)[0],
      'worst-fit': newest.toSorted((a, b) => b.size - a.size)[0],
    }[fit]?.offset;
  }

  /** Uses the first granules of the free interval that starts there; `false` when there is none, or it is too small. */
  use(offset: number, granules: number): boolean {
    const index = this.#intervals.findIndex((interval) => interval.offset === offset && interval.isFree && interval.size >= granules);
    const found = this.#intervals[index];
    if (found === undefined) return false;
    this.#now += 1;
    this.#place = offset + granules;
    const rest = { offset: this.#place, size: found.size - granules, isFree: true, since: this.#now };
    this.#intervals.splice(index, 1, { offset, size: granules, isFree: false, since: this.#now }, ...(rest.size > 0 ? [rest] : []));
    return true;
  }

  free(offset: number): void {
    this.#now += 1;
    const joined: Interval[] = [];
    for (const interval of this.#intervals) {
      const isFree = interval.isFree || interval.offset === offset;
      const last = joined.at(-1);
      if (isFree && last?.isFree === true) joined[joined.length - 1] = { ...last, size: last.size + interval.size, since: this.#now };
      else joined.push(interval.offset === offset ? { ...interval, isFree, since: this.#now } : interval);
    }
    this.#intervals = joined;
  }
}

/** One that is given out, and where the twin put it. */
interface Live {
  readonly handle: RangeHandle;
  readonly offset: number;
  readonly size: number;
}

/** An allocator and its twin, compared after every call. */
class Pair {
  readonly ours: RangeAllocator;
  readonly twin: IntervalTwin;
  readonly live: Live[] = [];

  constructor(granules: number, fit: Fit) {
    this.ours = new RangeAllocator(granules, fit);
    this.twin = new IntervalTwin(granules);
  }

  allocate(size: number): boolean {
    const { ours, twin } = this;
    const wanted = ours.fit === 'good-fit' ? undefined : twin.choose(ours.fit, size);
    const largest = largestOf(twin);
    const handle = ours.allocate(size);
    if (handle === noRange) {
      if (ours.fit === 'good-fit' ? largest >= 2 * size : wanted !== undefined) throw new Error(`${ours.fit} gave nothing for ${size} of ${largest}`);
      return false;
    }
    const offset = ours.offsetOf(handle);
    if (ours.fit !== 'good-fit' && offset !== wanted) throw new Error(`${ours.fit} put ${size} at ${offset}, not at ${wanted}`);
    if (!twin.use(offset, size)) throw new Error(`${offset} was not free for ${size}`);
    this.live.push({ handle, offset, size });
    return true;
  }

  free(index: number): void {
    const { handle, offset } = this.live[index]!;
    this.ours.free(handle);
    this.twin.free(offset);
    this.live[index] = this.live.at(-1)!;
    this.live.pop();
  }
}

/** Every figure counted anew. */
function checkReport({ ours, twin, live }: Pair): void {
  const { intervals } = twin;
  const free = intervals.filter(({ isFree }) => isFree);
  const freeGranules = sum(free.map(({ size }) => size));
  const largestFree = largestOf(twin);
  expect(ours.report()).toEqual({
    capacity: ours.granules,
    used: sum(live.map(({ size }) => size)),
    free: freeGranules,
    largestFree,
    usedCount: live.length,
    freeCount: free.length,
    fragmentation: freeGranules === 0 ? 0 : 1 - largestFree / freeGranules,
  });
  expect(sum(intervals.map(({ size }) => size))).toBe(ours.granules);
}

function checkPlaces({ ours, live }: Pair): void {
  for (const { handle, offset, size } of live) expect([ours.offsetOf(handle), ours.sizeOf(handle)]).toEqual([offset, size]);
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const largestOf = ({ intervals }: IntervalTwin): number => Math.max(0, ...intervals.filter(({ isFree }) => isFree).map(({ size }) => size));
const sequence = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);

const size = fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 600 }), fc.constantFrom(31, 32, 33, 63, 64, 65, 127, 128, 129, 1024, 4096));
const call = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('allocate' as const), size }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('free' as const), pick: fc.nat() }) },
);

test.each(fits)('%s: whatever is allocated and freed, ranges never overlap, neighbours are joined and the figures are right', (fit) => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 5000 }), fc.array(call, { maxLength: 120, size: 'max' }), (granules, steps) => {
    const pair = new Pair(granules, fit);
    for (const step of steps) {
      if (step.kind === 'allocate') pair.allocate(step.size);
      else if (pair.live.length > 0) pair.free(step.pick % pair.live.length);
      checkReport(pair);
    }
    checkPlaces(pair);
    while (pair.live.length > 0) pair.free(0);
    expect(pair.ours.allocate(granules), 'all is one again').not.toBe(noRange);
  }), { numRuns: 60 });
});

/** Sizes over several powers of two, most small; some that are the edge of a size class. */
function drawSize(random: () => number, most: number): number {
  const drawn = 2 ** (random() * Math.log2(most));
  return random() < 0.2 ? 2 ** Math.round(Math.log2(drawn)) + Math.floor(random() * 3) - 1 || 1 : Math.ceil(drawn);
}

test.each(fits)('%s: thousands of calls go as in a sorted list of intervals', { timeout: 3_600_000 }, (fit) => {
  const random = seededRandom(20_092_010);
  let made = 0;
  while (made < calls) {
    // Blocks from a handful of granules to some with wide classes and buckets; long phases of growing and of shrinking.
    const granules = Math.ceil(2 ** (4 + random() * 16));
    const pair = new Pair(granules, fit);
    const mostLive = 20 + Math.floor(random() * 200);
    let isGrowing = true;
    for (let step = 0; step < 3000; step += 1) {
      if (random() < 0.003 || pair.live.length > mostLive) isGrowing = !isGrowing && pair.live.length <= mostLive;
      const allocates = pair.live.length === 0 || random() < (isGrowing ? 0.7 : 0.35);
      if (!allocates) pair.free(Math.floor(random() * pair.live.length));
      else if (!pair.allocate(drawSize(random, granules / 8))) isGrowing = false;
      if (step % 50 === 0) checkReport(pair);
    }
    checkPlaces(pair);
    made += 3000;
  }
  expect(made).toBeGreaterThanOrEqual(calls);
});

test.each(fits)('%s: of a checkerboard no two neighbours can be had at once, and all of it when it is free', (fit) => {
  const pair = new Pair(1024, fit);
  for (const _ of sequence(256)) pair.allocate(4);
  const even = pair.live.filter(({ offset }) => offset % 8 === 0);
  for (const live of even) pair.free(pair.live.indexOf(live));
  checkReport(pair);
  expect(pair.ours.report()).toMatchObject({ free: 512, largestFree: 4, freeCount: 128 });
  expect(pair.ours.allocate(8)).toBe(noRange);
  while (pair.live.length > 0) pair.free(0);
  expect(pair.ours.report()).toMatchObject({ free: 1024, largestFree: 1024, freeCount: 1, fragmentation: 0 });
  expect(pair.ours.allocate(1024)).not.toBe(noRange);
});

/** Robson ("An estimate of the store size necessary for dynamic storage allocation", 1971): in the worst case no allocator that moves nothing needs less. */
const robsonBound = (live: number, largest: number): number => live * (1 + Math.log2(largest) / 2);

test.each(fits)('%s: when sizes double and one range in each place stays, the block need not be larger than Robson\'s bound', (fit) => {
  const [live, largest] = [1024, 64];
  const pair = new Pair(robsonBound(live, largest), fit);
  for (let granules = 1; granules <= largest; granules *= 2) {
    // Of each stretch of so many granules all is given back but what lies first.
    const kept = new Set<number>();
    for (const range of pair.live.toSorted((a, b) => a.offset - b.offset)) {
      const stretch = Math.floor(range.offset / granules);
      if (kept.has(stretch)) pair.free(pair.live.indexOf(range));
      else kept.add(stretch);
    }
    while (sum(pair.live.map(({ size: own }) => own)) + granules <= live) expect(pair.allocate(granules), `${granules}`).toBe(true);
  }
  checkReport(pair);
  const reach = Math.max(...pair.live.map(({ offset, size: own }) => offset + own));
  expect(reach, 'it is an adversary').toBeGreaterThan(1.2 * live);
});

test.each(fits)('%s: between the teeth of a comb everything that fits is found', (fit) => {
  const pair = new Pair(64 * 64, fit);
  for (const _ of sequence(64)) {
    pair.allocate(1);
    pair.allocate(63);
  }
  for (const gap of pair.live.filter(({ size: own }) => own === 63)) pair.free(pair.live.indexOf(gap));
  expect(pair.allocate(64)).toBe(false);
  for (const _ of sequence(64)) expect(pair.allocate(63)).toBe(true);
  expect(pair.allocate(1)).toBe(false);
  // Saw teeth: one less, the same, one more, which never fits.
  for (const step of sequence(300)) {
    const gap = pair.live.findIndex(({ size: own }) => own > 60);
    pair.free(gap);
    expect(pair.allocate(62 + step % 3), `${step}`).toBe(step % 3 < 2);
    if (step % 3 === 2) expect(pair.allocate(62)).toBe(true);
  }
  checkReport(pair);
  checkPlaces(pair);
});

test.each(fits)('%s: what is freed can be had again at the same size, at every edge of a size class', (fit) => {
  for (const exponent of sequence(16)) {
    for (const granules of [2 ** exponent - 1, 2 ** exponent, 2 ** exponent + 1, Math.floor(2 ** exponent * 33 / 32)].filter((own) => own > 0)) {
      const pair = new Pair(3 * granules, fit);
      for (const _ of sequence(3)) expect(pair.allocate(granules)).toBe(true);
      pair.free(1);
      expect(pair.allocate(granules + 1)).toBe(false);
      expect(pair.allocate(granules), `${granules}`).toBe(true);
      checkReport(pair);
    }
  }
});

test.each(fits)('%s: two sizes in turn, a cache of ranges that grows one by one and pins that stay leave the rest whole', (fit) => {
  const pair = new Pair(2048, fit);
  for (const step of sequence(500)) {
    pair.allocate(step % 2 === 0 ? 3 : 5);
    if (step % 50 !== 0) pair.free(pair.live.length - 1);
  }
  for (const length of sequence(40)) {
    const cache = pair.live.findIndex(({ size: own }) => own === 16 + length);
    pair.allocate(17 + length);
    if (cache >= 0) pair.free(cache);
  }
  checkReport(pair);
  while (pair.live.length > 0) pair.free(pair.live.length - 1);
  expect(pair.ours.report()).toMatchObject({ freeCount: 1, largestFree: 2048, usedCount: 0 });
});

test('good fit takes a range that is at most a sixteenth too large while there is one', () => {
  const ranges = new RangeAllocator(2 ** 16);
  const sizes = [1000, 1100, 1300, 1600, 2000, 5000];
  const gaps = sizes.map((own) => {
    const gap = ranges.allocate(own) as RangeHandle;
    ranges.allocate(1);
    return gap;
  });
  const offsets = gaps.map((gap) => ranges.offsetOf(gap));
  for (const gap of gaps) ranges.free(gap);
  const taken = [1600, 1000, 1300, 1100].map((own) => offsets.indexOf(ranges.offsetOf(ranges.allocate(own) as RangeHandle)));
  expect(taken).toEqual([3, 0, 2, 1]);
});

test('a size that is no whole number from 1 on is a bug; one above the block is not to be had', () => {
  const ranges = new RangeAllocator(16);
  for (const odd of [0, -1, 1.5, Number.NaN, -Infinity]) expect(() => ranges.allocate(odd)).toThrow('a whole number of granules');
  expect(() => ranges.allocate(Infinity)).not.toThrow();
  for (const large of [17, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 53, Infinity]) expect(ranges.allocate(large)).toBe(noRange);
  for (const odd of [0, -1, 1.5, Number.NaN, maxGranules + 1, 2 ** 32]) expect(() => new RangeAllocator(odd)).toThrow('a block is a whole number');
  expect(ranges.report()).toMatchObject({ used: 0, usedCount: 0, largestFree: 16 });
  expect(ranges.allocate(16)).not.toBe(noRange);
});

test('the largest block there is can be given out whole, and in its last granule', () => {
  for (const fit of fits) {
    const ranges = new RangeAllocator(maxGranules, fit);
    const most = ranges.allocate(maxGranules - 1) as RangeHandle;
    expect(ranges.offsetOf(ranges.allocate(1) as RangeHandle)).toBe(maxGranules - 1);
    ranges.free(most);
    expect(ranges.largestFree).toBe(maxGranules - 1);
  }
});

test.each(fits)('%s: a handle is good once: freed twice, used after, or made up, it is found and nothing changes', (fit) => {
  const ranges = new RangeAllocator(64, fit);
  const old = ranges.allocate(64) as RangeHandle;
  ranges.free(old);
  expect(() => ranges.free(old)).toThrow('a range is in use');
  const first = ranges.allocate(8) as RangeHandle;
  ranges.allocate(8);
  const before = ranges.report();
  for (const bad of [old, -1, 0, 1, first + 0.5, Number.NaN, Infinity, 2 ** 53 - 1, first + 2 ** 26, first + 40] as RangeHandle[]) {
    expect(() => ranges.free(bad)).toThrow('a range is in use');
    expect(() => ranges.offsetOf(bad)).toThrow('a range is in use');
    expect(() => ranges.sizeOf(bad)).toThrow('a range is in use');
  }
  expect(ranges.report()).toEqual(before);
  expect(ranges.offsetOf(first)).toBe(0);
});

test('bytes are rounded up to granules', () => {
  expect([1, 255, 256, 257, 2 ** 32].map(granulesFor)).toEqual([1, 1, 1, 2, 2 ** 32 / granuleBytes]);
});
