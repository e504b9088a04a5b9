import { assert } from '../base/assert.ts';
import { granulesFor } from './range-allocator.ts';
import type { PlanGraph, PlanOp } from './plan-graph.ts';

/**
 * What must be placed: a storage is one tensor, or several that are written over one another. Columns, by the number of the storage.
 * It is live from the op that writes it first until the last op that reads it, both included.
 */
export interface Storages {
  readonly count: number;
  readonly opCount: number;
  /** Granules. */
  readonly size: Float64Array;
  readonly first: Int32Array;
  readonly last: Int32Array;
  /** Of each tensor; -1 for one that is not placed. */
  readonly ofTensor: Int32Array;
  /** Of each storage, those that an op reads while it writes this one, or writes while it reads this one: they may not share a buffer. */
  readonly clashes: readonly (readonly number[])[];
}

/** What has no bytes is given a granule: something can be bound. */
export const granulesOf = (bytes: number): number => Math.max(1, granulesFor(bytes));

/** When each tensor is written and last read, as numbers of ops; -1 for never. */
interface Lives {
  readonly writtenAt: Int32Array;
  readonly readAt: Int32Array;
}

export function storagesOf(graph: PlanGraph): Storages {
  const lives = livesOf(graph);
  const { tensors, ops } = graph;
  const [size, first, last] = [new Float64Array(tensors.length), new Int32Array(tensors.length), new Int32Array(tensors.length)];
  const ofTensor = new Int32Array(tensors.length).fill(-1);
  let count = 0;
  for (const [at, op] of ops.entries()) {
    const taken = new Set<number>();
    for (const output of op.outputs) {
      const { bytes, isExternal = false } = tensors[output]!;
      if (isExternal) continue;
      const granules = granulesOf(bytes);
      const input = overwritable(op, at, output, lives).find((from) =>
        ofTensor[from]! >= 0 && !taken.has(ofTensor[from]!) && granulesOf(tensors[from]!.bytes) >= granules);
      const under = input === undefined ? undefined : ofTensor[input]!;
      const storage = under ?? count++;
      taken.add(storage);
      ofTensor[output] = storage;
      last[storage] = Math.max(at, lives.readAt[output]!);
      if (under !== undefined) continue;
      first[storage] = at;
      size[storage] = granules;
    }
  }
  return { count, opCount: ops.length, size: size.slice(0, count), first: first.slice(0, count), last: last.slice(0, count), ofTensor,
    clashes: clashesOf(ops, ofTensor, count) };
}

/** The most granules that are live during one op: no plan of these storages can have a lower peak. */
export function mostLive({ count, opCount, size, first, last }: Storages): number {
  const change = new Float64Array(opCount + 1);
  for (let storage = 0; storage < count; storage += 1) {
    change[first[storage]!]! += size[storage]!;
    change[last[storage]! + 1]! -= size[storage]!;
  }
  let live = 0;
  let most = 0;
  for (const by of change) {
    live += by;
    most = Math.max(most, live);
  }
  return most;
}

function livesOf({ tensors, ops }: PlanGraph): Lives {
  const writtenAt = new Int32Array(tensors.length).fill(-1);
  const readAt = new Int32Array(tensors.length).fill(-1);
  for (const { bytes } of tensors) assert(Number.isSafeInteger(bytes) && bytes >= 0, 'a tensor has a whole number of bytes');
  for (const [at, { inputs, outputs }] of ops.entries()) {
    for (const input of inputs) {
      assert(tensors[input] !== undefined, 'an op reads tensors of its graph');
      assert(tensors[input].isExternal === true || writtenAt[input]! >= 0, 'a tensor is written before it is read');
      readAt[input] = at;
    }
    for (const output of outputs) {
      assert(tensors[output] !== undefined, 'an op writes tensors of its graph');
      assert(tensors[output].isExternal === true || writtenAt[output]! < 0, 'a tensor is written once');
      assert(!inputs.includes(output) || tensors[output].isExternal === true, 'an op does not read what it writes');
      writtenAt[output] = at;
    }
  }
  return { writtenAt, readAt };
}

/** The inputs that an op may write this output over: read here for the last time, and once. */
function overwritable({ inputs, inPlace = [] }: PlanOp, at: number, output: number, { readAt }: Lives): readonly number[] {
  return inPlace.filter(([to, from]) => to === output && readAt[from] === at && inputs.filter((input) => input === from).length === 1).map(([, from]) => from);
}

function clashesOf(ops: readonly PlanOp[], ofTensor: Int32Array, count: number): readonly (readonly number[])[] {
  const clashes = Array.from({ length: count }, () => new Set<number>());
  for (const { inputs, outputs } of ops) {
    for (const output of outputs) {
      for (const input of inputs) {
        const [written, read] = [ofTensor[output]!, ofTensor[input]!];
        if (written < 0 || read < 0 || written === read) continue;
        clashes[written]!.add(read);
        clashes[read]!.add(written);
      }
    }
  }
  return clashes.map((set) => [...set]);
}
