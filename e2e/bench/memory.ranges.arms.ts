import { seededRandom } from '../../src/base/random.ts';
import { type ArenaReport, WeightArena, type WeightId } from '../../src/memory/arena.ts';
import { plan } from '../../src/memory/plan.ts';
import { randomNet } from '../../src/memory/plan-nets.ts';
import { type Fit, granuleBytes, granulesFor, noRange, RangeAllocator, type RangeHandle } from '../../src/memory/range-allocator.ts';
import { percentile } from './statistics.ts';

const KiB = 2 ** 10;
const MiB = 2 ** 20;
const heapBytes = 1024 * MiB;
const heap = heapBytes / granuleBytes;
/** A sixteenth of the heap: a block can be emptied while less than that is missing. */
const blockBytes = 64 * MiB;

type Random = () => number;

const logUniform = (random: Random, least: number, most: number): number => Math.ceil(least * (most / least) ** random());

/** Bytes of a model's tensors, as far as one line can tell: biases and norms, small matrices, large ones. */
export function tensorBytes(random: Random): number {
  const kind = random();
  if (kind < 0.4) return logUniform(random, 256, 16 * KiB);
  return kind < 0.8 ? logUniform(random, 16 * KiB, 2 * MiB) : logUniform(random, 2 * MiB, 32 * MiB);
}

/** A heap kept nearly full: half of the calls allocate, half free any that lives. What is asked for is drawn before. */
class Churn {
  readonly #ranges: RangeAllocator;
  readonly #sizes: Int32Array;
  readonly #picks: Float64Array;
  readonly #live = new Float64Array(2 ** 18);
  #count = 0;

  constructor(fit: Fit, seed: number, calls: number) {
    const random = seededRandom(seed);
    this.#ranges = new RangeAllocator(heap, fit);
    // Small ones only, so that thousands live.
    this.#sizes = Int32Array.from({ length: calls }, () => granulesFor(logUniform(random, 256, MiB)));
    this.#picks = Float64Array.from({ length: calls }, random);
    for (let at = 0; this.#ranges.used < 0.8 * heap; at = (at + 1) % calls) this.#allocate(this.#sizes[at]!);
  }

  run(from: number, until: number): void {
    for (let at = from; at < until; at += 1) {
      const pick = this.#picks[at]!;
      // The same number decides and picks.
      if (pick < 0.5 || this.#count === 0) this.#allocate(this.#sizes[at]!);
      else this.#free(Math.floor((2 * pick - 1) * this.#count));
    }
  }

  #allocate(granules: number): void {
    const handle = this.#ranges.allocate(granules);
    if (handle !== noRange) this.#live[this.#count++] = handle;
    else this.#free(this.#count >>> 1);
  }

  #free(index: number): void {
    this.#ranges.free(this.#live[index]! as RangeHandle);
    this.#count -= 1;
    this.#live[index] = this.#live[this.#count]!;
  }
}

/** µs for a call, the median of batches of 64, warm: when an allocator is collected, V8 throws away what it compiled for it. */
export function callMicros(fit: Fit, seed: number, calls = 2 ** 17): number {
  const churn = new Churn(fit, seed, calls);
  churn.run(0, calls);
  const batch = 64;
  const times = Array.from({ length: calls / batch }, (_, index) => {
    const startAt = performance.now();
    churn.run(index * batch, (index + 1) * batch);
    return (1000 * (performance.now() - startAt)) / batch;
  });
  return percentile(times, 50);
}

/**
 * Bytes that a call leaves on the heap for the collector, the median of batches, so that neither a collection nor what the compiler allocates
 * counts. Needs `--expose-gc`. Warm: the columns have grown and the code is compiled, also after the collection, which throws some away.
 */
export function garbageBytes(fit: Fit, seed: number, calls = 2 ** 17): number {
  const churn = new Churn(fit, seed, calls);
  churn.run(0, calls);
  globalThis.gc?.();
  churn.run(0, calls);
  const batches = 16;
  const batch = calls / batches;
  return percentile(Array.from({ length: batches }, (_, index) => {
    const before = process.memoryUsage().heapUsed;
    churn.run(index * batch, (index + 1) * batch);
    return Math.max(0, process.memoryUsage().heapUsed - before) / batch;
  }), 50);
}

/** What stands behind either: a heap, or blocks of which all together are as large. */
interface Store {
  allocate(bytes: number): number | undefined;
  free(handle: number): void;
}

const heapOf = (fit: Fit): Store => {
  const ranges = new RangeAllocator(heap, fit);
  return {
    allocate: (bytes) => {
      const handle = ranges.allocate(granulesFor(bytes));
      return handle === noRange ? undefined : handle;
    },
    free: (handle) => ranges.free(handle as RangeHandle),
  };
};

/** An arena that may reserve as much as the heap has. */
class BoundedArena implements Store {
  readonly arena = new WeightArena({ maxBlockBytes: blockBytes, maxBufferBytes: heapBytes });
  readonly #compacts: boolean;
  movedBytes = 0;

  constructor(when: 'compacts' | 'never-compacts') {
    this.#compacts = when === 'compacts';
  }

  allocate(bytes: number): number | undefined {
    const found = this.#try(bytes);
    if (found !== undefined || !this.#compacts) return found;
    this.compact();
    return this.#try(bytes);
  }

  free(handle: number): void {
    this.arena.free(handle as WeightId);
  }

  #try(bytes: number): number | undefined {
    let got = this.arena.allocate(bytes, '');
    if (got.kind === 'needs-block') {
      this.arena.trim();
      const room = heapBytes - this.arena.report().reservedBytes;
      if (room < got.leastBytes) return undefined;
      this.arena.addBlock(Math.min(got.bytes, room), got.use);
      got = this.arena.allocate(bytes, '');
    }
    return got.kind === 'placed' ? got.id : undefined;
  }

  /** Until nothing can be moved, if it compacts at all. */
  compact(): void {
    while (this.#compacts) {
      const moves = this.arena.compact({ maxBytes: blockBytes, maxMoves: 1000 });
      if (moves.length === 0) break;
      this.arena.moved(moves);
      this.movedBytes += moves.reduce((sum, { bytes }) => sum + bytes, 0);
    }
    this.arena.trim();
  }
}

/** What lives, told by a store's handles. */
class Population {
  readonly #store: Store;
  readonly #random: Random;
  readonly #live: { readonly handle: number; readonly bytes: number }[] = [];
  bytes = 0;
  allocatedBytes = 0;

  constructor(store: Store, random: Random) {
    this.#store = store;
    this.#random = random;
  }

  get count(): number {
    return this.#live.length;
  }

  add(bytes: number): boolean {
    const handle = this.#store.allocate(bytes);
    if (handle === undefined) return false;
    this.#live.push({ handle, bytes });
    this.bytes += bytes;
    this.allocatedBytes += bytes;
    return true;
  }

  freeAny(): void {
    const index = Math.floor(this.#random() * this.#live.length);
    const { handle, bytes } = this.#live[index]!;
    this.#live[index] = this.#live.at(-1)!;
    this.#live.pop();
    this.#store.free(handle);
    this.bytes -= bytes;
  }
}

/** How much of the heap lives, in the mean over the times when a tensor had no room; a fiftieth of all is freed then. */
function utilisationOf(store: Store, seed: number, failures: number): { readonly utilisation: number; readonly allocatedBytes: number } {
  const random = seededRandom(seed);
  const population = new Population(store, random);
  let sum = 0;
  // The first half settles.
  for (let failed = 0; failed < 2 * failures;) {
    if (population.add(tensorBytes(random))) continue;
    if (failed >= failures) sum += population.bytes / heapBytes;
    failed += 1;
    for (let freed = Math.ceil(population.count / 50); freed > 0; freed -= 1) population.freeAny();
  }
  return { utilisation: sum / failures, allocatedBytes: population.allocatedBytes };
}

/** Of the tensors that come while 85 % of the heap lives, how many have room. */
function successOf(store: Store, seed: number, count: number): number {
  const random = seededRandom(seed);
  const population = new Population(store, random);
  let found = 0;
  for (let tried = 0; tried < 2 * count;) {
    const bytes = tensorBytes(random);
    const isFull = population.bytes + bytes > 0.85 * heapBytes;
    while (population.bytes + bytes > 0.85 * heapBytes) population.freeAny();
    const isPlaced = population.add(bytes);
    if (!isFull && isPlaced) continue;
    tried += 1;
    if (tried > count && isPlaced) found += 1;
  }
  return found / count;
}

export const heapUtilisation = (fit: Fit, seed: number, failures: number): number => utilisationOf(heapOf(fit), seed, failures).utilisation;
export const heapSuccess = (fit: Fit, seed: number, count: number): number => successOf(heapOf(fit), seed, count);

export interface ArenaFigures {
  readonly utilisation: number;
  readonly success: number;
  /** How much of the heap's free bytes lies in a block, outside its largest free range, when half of a full heap was freed and compacted. The rest can be had by the block, or as one range. */
  readonly fragmentation: number;
  /** Part of the blocks that lives then. */
  readonly density: number;
  /** Bytes moved for each byte of heap that was allocated, while it was full. */
  readonly movedPerAllocated: number;
}

export function arenaFigures(when: 'compacts' | 'never-compacts', seed: number, failures: number): ArenaFigures {
  const steady = new BoundedArena(when);
  const { utilisation, allocatedBytes } = utilisationOf(steady, seed, failures);
  const { movedBytes } = steady;
  const halved = halvedArena(when, seed);
  return {
    utilisation,
    success: successOf(new BoundedArena(when), seed, 4 * failures),
    fragmentation: halved.fragmentation * (halved.reservedBytes - halved.chargedBytes) / (heapBytes - halved.chargedBytes),
    density: halved.requestedBytes / halved.reservedBytes,
    movedPerAllocated: movedBytes / allocatedBytes,
  };
}

function halvedArena(when: 'compacts' | 'never-compacts', seed: number): ArenaReport {
  const random = seededRandom(seed);
  const store = new BoundedArena(when);
  const population = new Population(store, random);
  while (population.add(tensorBytes(random)));
  const full = population.bytes;
  while (population.bytes > full / 2) population.freeAny();
  store.arena.trim();
  store.compact();
  return store.arena.report();
}

export interface PlanRun {
  /** The middle of three. */
  readonly ms: number;
  /** The first, of which part is compiling. */
  readonly firstMs: number;
  /** The peak, of what is live at once. */
  readonly ratio: number;
}

/** Plans of a random net of 1000 tensors. */
export function plan1000(mode: 'one' | 'three', seed: number): PlanRun {
  const graph = randomNet(1000, seededRandom(seed));
  const limits = { maxBufferBytes: 2 ** 32 - 4, maxBindingBytes: 2 ** 32 - 4 };
  let ratio = 0;
  const times = Array.from({ length: 3 }, () => {
    const startAt = performance.now();
    const made = plan(graph, { mode, limits });
    const ms = performance.now() - startAt;
    if (made.kind === 'refused') throw new Error(made.code);
    ratio = made.peakBytes / made.lowerBoundBytes;
    return ms;
  });
  return { ms: percentile(times, 50), firstMs: times[0]!, ratio };
}
