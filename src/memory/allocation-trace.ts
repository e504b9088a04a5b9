import { Fifo } from '../base/fifo.ts';
import type { Bytes, Micros } from '../base/units.ts';
import { blockBytes, classSlack, type Sizing } from './block-bytes.ts';
import { type Block, Pool } from './pool.ts';

/**
 * `create`, `reuse`: a block was given out, made for it or taken from the idle ones. `release`: its owner gave it up, and it was kept. `end`: it was not, or not any longer.
 * `refuse`: it did not fit. `fail`: the GPU had no memory for it.
 */
export type AllocationKind = 'create' | 'reuse' | 'release' | 'end' | 'refuse' | 'fail';

export interface Allocation {
  readonly at: Micros;
  readonly kind: AllocationKind;
  /** Counted up; 0 for what was refused. */
  readonly block: number;
  readonly usage: number;
  /** What was asked for, or for `release`, `end` and `fail` what the block has. */
  readonly bytes: Bytes;
  readonly label: string;
}

/** What a replay would have come to. */
export interface Replayed {
  readonly hits: number;
  readonly misses: number;
  /** Live and idle, at most. */
  readonly peak: Bytes;
}

const columns = 'at,kind,block,usage,bytes,label';

/** The last of what was asked of a device's memory, in order; what came before is counted, not kept. */
export class AllocationTrace {
  readonly #capacity: number;
  readonly #kept = new Fifo<Allocation>();
  #dropped = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get dropped(): number {
    return this.#dropped;
  }

  record(allocation: Allocation): void {
    this.#kept.push(allocation);
    if (this.#kept.size <= this.#capacity) return;
    this.#kept.shift();
    this.#dropped += 1;
  }

  [Symbol.iterator](): Iterator<Allocation> {
    return this.#kept[Symbol.iterator]();
  }

  /** A line for each, comma-separated, with a line of column names; a label is quoted as JSON. */
  toCsv(): string {
    const lines = [columns];
    for (const { at, kind, block, usage, bytes, label } of this) lines.push(`${at},${kind},${block},${usage},${bytes},${JSON.stringify(label)}`);
    return `${lines.join('\n')}\n`;
  }
}

/** Asks a pool of another sizing for the same, and gives up the same: what would it have held? Blocks from before the trace are not known to it. */
export function replay(trace: Iterable<Allocation>, sizing: Sizing): Replayed {
  const pool = new Pool<undefined>();
  const live = new Map<number, Block<undefined>>();
  let peak = 0;
  for (const { kind, block, usage, bytes } of trace) {
    if (kind === 'create' || kind === 'reuse') {
      const size = blockBytes(bytes, sizing);
      live.set(block, pool.acquire(usage, size, sizing === 'classes' ? 1 + classSlack : 1) ?? pool.add(undefined, usage, size));
    } else if (kind !== 'refuse') {
      const known = live.get(block);
      live.delete(block);
      if (known === undefined) continue;
      if (kind === 'release' && pool.isWanted(known)) pool.release(known);
      else {
        pool.discard(known);
        pool.completed(known);
      }
    }
    peak = Math.max(peak, pool.live + pool.idle);
  }
  const { hits, misses } = pool.report;
  return { hits, misses, peak };
}
