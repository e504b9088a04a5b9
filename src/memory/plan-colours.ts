import { mostLive, type Storages } from './plan-storages.ts';

export const colourCount = 3;
/** The colour of a storage that has a buffer of its own, because its neighbours have every other. */
export const ownColour = colourCount;

/** Ops that are looked at in all, and attempts at most: bounds the improvement, which is the same on every machine. */
const improvementOps = 8_000_000;
const mostAttempts = 12_000;
/** So many attempts begin with a storage of a fullest moment, for which alone the size of its arena can shrink. */
const peakShare = 0.5;
/** A swap of more storages than this is not tried. */
const longestChain = 40;
/** How much worse, as a part of the whole, an attempt may be in the beginning and at the end. */
const [hot, cold] = [0.03, 0.0003];

/**
 * Gives each storage one of three arenas, or a buffer of its own, so that no two that clash share one and the arenas are small. The size of an
 * arena is taken to be the most that is live in it at once, which the offsets nearly always reach.
 *
 * First greedily in the order of the ops; then annealed by swapping two colours in a connected part of the graph, which keeps it legal
 * (a Kempe chain). Three colours are enough for chains, residuals, U-Nets and most branches; an op whose inputs have all three leaves its output
 * with a buffer of its own.
 */
export function coloured(storages: Storages, random: () => number): Uint8Array {
  const colouring = new Colouring(storages);
  for (let storage = 0; storage < storages.count; storage += 1) colouring.settle(storage);
  const attempts = storages.count === 0 ? 0 : Math.min(mostAttempts, Math.ceil(improvementOps / storages.opCount));
  let best = colouring.colours.slice();
  let least = colouring.cost;
  const bound = mostLive(storages);
  for (let attempt = 0; attempt < attempts && least > bound; attempt += 1) {
    const heat = least * hot * (cold / hot) ** (attempt / attempts);
    const before = colouring.cost;
    const storage = random() < peakShare ? colouring.atPeak(random) : Math.floor(random() * storages.count);
    const to = Math.floor(random() * colourCount);
    if (!colouring.swap(storage, to)) continue;
    if (colouring.cost < least) {
      least = colouring.cost;
      best = colouring.colours.slice();
    } else if (colouring.cost - before > -Math.log(1 - random()) * heat) colouring.swapBack();
  }
  return best;
}

/** Colours, and what is live of each during each op. */
class Colouring {
  readonly colours: Uint8Array;
  /** Granules of all arenas and of all buffers that are owned. */
  cost = 0;
  readonly #storages: Storages;
  /** By colour, then by op. */
  readonly #live: readonly Float64Array[];
  readonly #peaks = new Float64Array(colourCount + 1);
  readonly #peaksBefore = new Float64Array(colourCount + 1);
  /** Of each colour, an op during which most of it is live. */
  readonly #peakOps = new Int32Array(colourCount);
  readonly #peakOpsBefore = new Int32Array(colourCount);
  /** Which storages are live during each op: where each op's begin in the list, and the list. */
  readonly #starts: Int32Array;
  readonly #liveDuring: Int32Array;
  readonly #chain: number[] = [];
  readonly #inChain: Uint8Array;
  /** Where those of the chain came from. */
  readonly #from: number[] = [];

  constructor(storages: Storages) {
    this.#storages = storages;
    this.colours = new Uint8Array(storages.count).fill(ownColour + 1);
    this.#inChain = new Uint8Array(storages.count);
    this.#live = Array.from({ length: colourCount }, () => new Float64Array(storages.opCount));
    [this.#starts, this.#liveDuring] = liveDuring(storages);
  }

  /** A storage that is live when one of the arenas is fullest, and lies in it if a few looks find one. */
  atPeak(random: () => number): number {
    const colour = Math.floor(random() * colourCount);
    const op = this.#peakOps[colour]!;
    const start = this.#starts[op]!;
    const count = this.#starts[op + 1]! - start;
    if (count === 0) return Math.floor(random() * this.#storages.count);
    let storage = this.#liveDuring[start + Math.floor(random() * count)]!;
    for (let look = 1; look < 6 && this.colours[storage] !== colour; look += 1) storage = this.#liveDuring[start + Math.floor(random() * count)]!;
    return storage;
  }

  /** Gives a storage the colour that costs least of those its neighbours leave. */
  settle(storage: number): void {
    let best = ownColour;
    let least = Infinity;
    for (let colour = 0; colour < colourCount; colour += 1) {
      if (this.#clashes(storage, colour)) continue;
      const growth = Math.max(0, this.#mostDuring(storage, colour) + this.#storages.size[storage]! - this.#peaks[colour]!);
      if (growth < least) [best, least] = [colour, growth];
    }
    this.#move(storage, best);
    this.#measure(best);
    this.#sum();
  }

  /** Gives a storage another colour, and those it then clashes with its own, and so on; `false` when that is nothing or too much. */
  swap(storage: number, to: number): boolean {
    const from = this.colours[storage]!;
    if (from === to) return false;
    if (from === ownColour && this.#clashes(storage, to)) return this.#takeOver(storage, to);
    this.#gather(storage, to);
    const isWhole = this.#chain.length <= longestChain;
    for (let index = 0; index < this.#chain.length; index += 1) this.#inChain[this.#chain[index]!] = 0;
    if (!isWhole) return false;
    this.#peaksBefore.set(this.#peaks);
    this.#peakOpsBefore.set(this.#peakOps);
    this.#from.length = 0;
    for (let index = 0; index < this.#chain.length; index += 1) {
      const member = this.#chain[index]!;
      this.#from.push(this.colours[member]!);
      this.#move(member, this.colours[member] === from ? to : from);
    }
    this.#measure(from);
    this.#measure(to);
    this.#sum();
    return true;
  }

  swapBack(): void {
    for (let index = 0; index < this.#chain.length; index += 1) this.#move(this.#chain[index]!, this.#from[index]!);
    this.#peaks.set(this.#peaksBefore);
    this.#peakOps.set(this.#peakOpsBefore);
    this.#sum();
  }

  /** A storage gets an arena, and its neighbours there any other that is free for them, or buffers of their own. */
  #takeOver(storage: number, to: number): boolean {
    this.#peaksBefore.set(this.#peaks);
    this.#peakOpsBefore.set(this.#peakOps);
    this.#chain.length = this.#from.length = 0;
    for (const other of this.#storages.clashes[storage]!) if (this.colours[other] === to) this.#chain.push(other);
    this.#chain.push(storage);
    for (const member of this.#chain) this.#from.push(this.colours[member]!);
    for (const member of this.#chain) {
      if (member === storage) continue;
      let other = 0;
      while (other < colourCount && (other === to || this.#clashes(member, other))) other += 1;
      this.#move(member, other);
    }
    this.#move(storage, to);
    for (let colour = 0; colour < colourCount; colour += 1) this.#measure(colour);
    this.#sum();
    return true;
  }

  #gather(storage: number, to: number): void {
    const from = this.colours[storage]!;
    this.#chain.length = 0;
    this.#chain.push(storage);
    this.#inChain[storage] = 1;
    for (let index = 0; index < this.#chain.length && this.#chain.length <= longestChain; index += 1) {
      const member = this.#chain[index]!;
      const wanted = this.colours[member] === from ? to : from;
      const others = this.#storages.clashes[member]!;
      for (let next = 0; next < others.length; next += 1) {
        const other = others[next]!;
        if (this.colours[other] !== wanted || this.#inChain[other] === 1) continue;
        this.#inChain[other] = 1;
        this.#chain.push(other);
      }
    }
  }

  /** Whether any that may not share an arena with this storage has this colour. */
  #clashes(storage: number, colour: number): boolean {
    const others = this.#storages.clashes[storage]!;
    for (let index = 0; index < others.length; index += 1) if (this.colours[others[index]!] === colour) return true;
    return false;
  }

  #mostDuring(storage: number, colour: number): number {
    const live = this.#live[colour]!;
    let most = 0;
    for (let op = this.#storages.first[storage]!; op <= this.#storages.last[storage]!; op += 1) if (live[op]! > most) most = live[op]!;
    return most;
  }

  #move(storage: number, to: number): void {
    const { first, last, size } = this.#storages;
    const from = this.colours[storage]!;
    const own = size[storage]!;
    this.colours[storage] = to;
    if (from === ownColour) this.#peaks[ownColour]! -= own;
    if (to === ownColour) this.#peaks[ownColour]! += own;
    const before = this.#live[from];
    const after = this.#live[to];
    for (let op = first[storage]!; op <= last[storage]!; op += 1) {
      if (before !== undefined) before[op]! -= own;
      if (after !== undefined) after[op]! += own;
    }
  }

  #measure(colour: number): void {
    if (colour === ownColour) return;
    const live = this.#live[colour]!;
    let most = 0;
    let peakOp = 0;
    for (let op = 0; op < live.length; op += 1) {
      if (live[op]! <= most) continue;
      most = live[op]!;
      peakOp = op;
    }
    this.#peaks[colour] = most;
    this.#peakOps[colour] = peakOp;
  }

  #sum(): void {
    this.cost = 0;
    for (let colour = 0; colour <= ownColour; colour += 1) this.cost += this.#peaks[colour]!;
  }
}

function liveDuring({ count, opCount, first, last }: Storages): [starts: Int32Array, storages: Int32Array] {
  const starts = new Int32Array(opCount + 2);
  for (let storage = 0; storage < count; storage += 1) for (let op = first[storage]!; op <= last[storage]!; op += 1) starts[op + 2]! += 1;
  for (let op = 2; op < starts.length; op += 1) starts[op]! += starts[op - 1]!;
  const storages = new Int32Array(starts[opCount + 1]!);
  // Each start is one behind until its op's are written.
  for (let storage = 0; storage < count; storage += 1) {
    for (let op = first[storage]!; op <= last[storage]!; op += 1) {
      storages[starts[op + 1]!] = storage;
      starts[op + 1]! += 1;
    }
  }
  return [starts, storages];
}
