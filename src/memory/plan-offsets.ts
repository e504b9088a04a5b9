import type { Storages } from './plan-storages.ts';

/** Pairs of storages that are looked at in all while an arena is improved, and attempts at most. */
const improvementPairs = 3_000_000;
const mostAttempts = 400;

/** Offsets in granules inside one arena, for some of the storages. */
export interface ArenaOffsets {
  /** Of each member; -1 for one that did not fit below the limit. */
  readonly offsets: Float64Array;
  readonly leftOutCount: number;
  readonly peak: number;
}

/**
 * Places storages in one arena so that those that live at the same time do not overlap, and nothing reaches over `limit`. Large ones first,
 * each into the smallest gap that holds it (greedy by size: Pisarchyk and Lee, "Efficient memory management for deep neural net inference",
 * 2020); the same by length of life and by area; then the best of these orders is improved by moving storages that reach the top to an earlier
 * turn, as TVM's hill climbing does, until the peak is the most that is live at once or the attempts are used up.
 */
export function placed(storages: Storages, members: readonly number[], limit: number, random: () => number): ArenaOffsets {
  const arena = new Arena(storages, members, limit);
  const orders = arena.weights().map((weight) => Int32Array.from(members.keys()).sort((a, b) => weight(b) - weight(a) || a - b));
  let bestOrder = orders[0]!;
  let best = arena.place(bestOrder);
  for (const order of orders.slice(1)) {
    if (best.peak <= arena.mostLive) return best;
    const found = arena.place(order);
    if (isBetter(found, best)) [best, bestOrder] = [found, order];
  }
  const attempts = Math.min(mostAttempts, Math.floor(improvementPairs / (members.length * members.length)));
  for (let attempt = 0; attempt < attempts && best.peak > arena.mostLive; attempt += 1) {
    const order = Int32Array.from(bestOrder);
    const at = arena.turnAtTop(order, best, random);
    const to = Math.floor(random() * at);
    const moved = order[at]!;
    order.copyWithin(to + 1, to, at);
    order[to] = moved;
    const found = arena.place(order);
    if (!isBetter(best, found)) [best, bestOrder] = [found, order];
  }
  return best;
}

const isBetter = (one: ArenaOffsets, other: ArenaOffsets): boolean =>
  one.leftOutCount < other.leftOutCount || (one.leftOutCount === other.leftOutCount && one.peak < other.peak);

class Arena {
  /** The most that is live at once. */
  readonly mostLive: number;
  readonly #size: Float64Array;
  readonly #first: Int32Array;
  readonly #last: Int32Array;
  readonly #limit: number;
  /** Members that have their place, in the order of their offsets. */
  readonly #byOffset: Int32Array;

  constructor(storages: Storages, members: readonly number[], limit: number) {
    this.#size = Float64Array.from(members, (member) => storages.size[member]!);
    this.#first = Int32Array.from(members, (member) => storages.first[member]!);
    this.#last = Int32Array.from(members, (member) => storages.last[member]!);
    this.#limit = limit;
    this.#byOffset = new Int32Array(members.length);
    const live = new Float64Array(storages.opCount + 1);
    for (const index of members.keys()) {
      live[this.#first[index]!]! += this.#size[index]!;
      live[this.#last[index]! + 1]! -= this.#size[index]!;
    }
    let most = 0;
    let now = 0;
    for (const change of live) most = Math.max(most, now += change);
    this.mostLive = most;
  }

  /** By which to order, the largest first. */
  weights(): readonly ((index: number) => number)[] {
    const life = (index: number): number => this.#last[index]! - this.#first[index]! + 1;
    const size = (index: number): number => this.#size[index]!;
    return [size, (index) => size(index) * life(index), life];
  }

  /** The turn of a member that reaches the top, not the first turn. */
  turnAtTop(order: Int32Array, { offsets, peak }: ArenaOffsets, random: () => number): number {
    const top: number[] = [];
    for (const [turn, index] of order.entries()) if (turn > 0 && (offsets[index]! < 0 || offsets[index]! + this.#size[index]! === peak)) top.push(turn);
    return top.length === 0 ? Math.floor(random() * order.length) : top[Math.floor(random() * top.length)]!;
  }

  place(order: Int32Array): ArenaOffsets {
    const offsets = new Float64Array(order.length).fill(-1);
    let count = 0;
    let peak = 0;
    for (const index of order) {
      const offset = this.#gapFor(index, offsets, count);
      if (offset + this.#size[index]! > this.#limit) continue;
      offsets[index] = offset;
      this.#insert(index, offsets, count);
      count += 1;
      peak = Math.max(peak, offset + this.#size[index]!);
    }
    return { offsets, leftOutCount: order.length - count, peak };
  }

  /** The offset of the smallest gap between those that live at the same time; behind them all when there is none. */
  #gapFor(index: number, offsets: Float64Array, count: number): number {
    const [first, last, size, byOffset] = [this.#first, this.#last, this.#size, this.#byOffset];
    const [ownFirst, ownLast, ownSize] = [first[index]!, last[index]!, size[index]!];
    let end = 0;
    let best = -1;
    let least = Infinity;
    for (let turn = 0; turn < count; turn += 1) {
      const other = byOffset[turn]!;
      if (first[other]! > ownLast || last[other]! < ownFirst) continue;
      const offset = offsets[other]!;
      const gap = offset - end;
      if (gap >= ownSize && gap < least) [best, least] = [end, gap];
      const otherEnd = offset + size[other]!;
      if (otherEnd > end) end = otherEnd;
    }
    return best < 0 ? end : best;
  }

  #insert(index: number, offsets: Float64Array, count: number): void {
    const byOffset = this.#byOffset;
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (offsets[byOffset[middle]!]! <= offsets[index]!) low = middle + 1;
      else high = middle;
    }
    byOffset.copyWithin(low + 1, low, count);
    byOffset[low] = index;
  }
}
