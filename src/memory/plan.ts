import { assert } from '../base/assert.ts';
import { seededRandom } from '../base/random.ts';
import { colourCount, coloured, ownColour } from './plan-colours.ts';
import type { PlanGraph } from './plan-graph.ts';
import { placed } from './plan-offsets.ts';
import { granulesOf, mostLive, type Storages, storagesOf } from './plan-storages.ts';
import { granuleBytes } from './range-allocator.ts';

/** What the adapter reports; bytes. */
export interface PlanLimits {
  readonly maxBufferBytes: number;
  readonly maxBindingBytes: number;
}

export interface PlanOptions {
  readonly limits: PlanLimits;
  /**
   * `three`: no op's output lies in the buffer of one of its inputs, so inputs are bound read-only. `one`: everything lies in one buffer, for ops
   * that bind all they touch as read-write; smaller, but the GPU waits between any two of them.
   */
  readonly mode: 'one' | 'three';
  /** Of the chance by which a plan is improved: the same seed and graph give the same plan. */
  readonly seed?: number;
}

/** Where a tensor lies; bytes. The offset is a multiple of 256. */
export interface Place {
  /** Its index among the arenas of the plan. */
  readonly arena: number;
  readonly offset: number;
  readonly bytes: number;
}

/** One buffer. `shared` ones come first, at most three. An `exclusive` one holds a tensor at a time, from offset 0. */
export interface PlannedArena {
  readonly bytes: number;
  readonly use: 'shared' | 'exclusive';
}

export interface Plan {
  readonly kind: 'planned';
  /** By tensor; `undefined` for external ones and for those that no op writes. */
  readonly places: readonly (Place | undefined)[];
  readonly arenas: readonly PlannedArena[];
  /** All arenas together. */
  readonly peakBytes: number;
  /** What is live during the fullest op, when what may be written in place is: no plan needs less. */
  readonly lowerBoundBytes: number;
}

/** A tensor that cannot be bound whole, or that no buffer can hold. */
export interface PlanRefusal {
  readonly kind: 'refused';
  readonly code: 'over-binding-limit' | 'over-buffer-limit';
  readonly tensor: number;
  readonly bytes: number;
  readonly limitBytes: number;
}

/**
 * Fixes the offsets of a graph's tensors before it runs. What is safe for two runs of the plan that are submitted one after another is not for
 * two that are encoded at once: those need two sets of buffers.
 *
 * Outputs are written over inputs where the op allows it and the input dies there. In mode `three` a tensor whose neighbours have all three
 * arenas gets an exclusive buffer, as does one that would reach over `maxBufferBytes`; tensors that are never live together take turns in it.
 * A tensor of no bytes takes 256. A graph that contradicts itself (read before written, written twice, bytes that are no whole number) is a bug.
 *
 * O(tensors²) at worst, with bounds on the improvement: tens of milliseconds for 1000 tensors.
 */
export function plan(graph: PlanGraph, { limits, mode, seed = 1 }: PlanOptions): Plan | PlanRefusal {
  assert(limits.maxBufferBytes >= granuleBytes && limits.maxBindingBytes >= granuleBytes, 'limits are at least 256 bytes');
  const refusal = refusalOf(graph, limits);
  if (refusal !== undefined) return refusal;
  const storages = storagesOf(graph);
  const random = seededRandom(seed);
  const colours = mode === 'three' ? coloured(storages, random) : new Uint8Array(storages.count);
  const shelf = new Shelf(storages);
  const alone: number[] = membersOf(colours, ownColour);
  for (let colour = 0; colour < colourCount; colour += 1) {
    const members = membersOf(colours, colour);
    const { offsets, peak } = placed(storages, members, Math.floor(limits.maxBufferBytes / granuleBytes), random);
    if (peak > 0) shelf.add('shared', peak);
    for (const [index, member] of members.entries()) {
      if (offsets[index]! >= 0) shelf.put(member, offsets[index]!);
      else alone.push(member);
    }
  }
  shelf.takeTurns(alone);
  return { kind: 'planned', ...shelf.toBytes(graph), lowerBoundBytes: mostLive(storages) * granuleBytes };
}

function refusalOf({ tensors, ops }: PlanGraph, { maxBufferBytes, maxBindingBytes }: PlanLimits): PlanRefusal | undefined {
  for (const tensor of ops.flatMap(({ outputs }) => outputs)) {
    const { bytes, isExternal = false } = tensors[tensor] ?? { bytes: 0 };
    if (isExternal) continue;
    if (bytes > maxBindingBytes) return { kind: 'refused', code: 'over-binding-limit', tensor, bytes, limitBytes: maxBindingBytes };
    // Whole granules, since the rest of the last one is nobody else's.
    if (granulesOf(bytes) * granuleBytes > maxBufferBytes) return { kind: 'refused', code: 'over-buffer-limit', tensor, bytes, limitBytes: maxBufferBytes };
  }
  return undefined;
}

const membersOf = (colours: Uint8Array, colour: number): number[] => [...colours.keys()].filter((storage) => colours[storage] === colour);

/** The arenas as they fill up; granules. */
class Shelf {
  readonly #storages: Storages;
  readonly #arenas: { use: PlannedArena['use']; size: number }[] = [];
  readonly #arenaOf: Int32Array;
  readonly #offsets: Float64Array;

  constructor(storages: Storages) {
    this.#storages = storages;
    this.#arenaOf = new Int32Array(storages.count);
    this.#offsets = new Float64Array(storages.count);
  }

  add(use: PlannedArena['use'], size: number): void {
    this.#arenas.push({ use, size });
  }

  /** Into the arena that was added last. */
  put(storage: number, offset: number): void {
    this.#arenaOf[storage] = this.#arenas.length - 1;
    this.#offsets[storage] = offset;
  }

  /**
   * Exclusive buffers, the largest storage first, each into a buffer whose others live at other times. An op's inputs and outputs are live at once,
   * so they never share one.
   */
  takeTurns(members: readonly number[]): void {
    const { size, first, last } = this.#storages;
    const firstOwn = this.#arenas.length;
    const turns: number[][] = [];
    for (const member of members.toSorted((a, b) => size[b]! - size[a]! || a - b)) {
      let own = turns.findIndex((others) => others.every((other) => first[other]! > last[member]! || last[other]! < first[member]!));
      if (own < 0) {
        own = turns.push([]) - 1;
        this.add('exclusive', size[member]!);
      }
      turns[own]!.push(member);
      this.#arenaOf[member] = firstOwn + own;
    }
  }

  toBytes({ tensors }: PlanGraph): Pick<Plan, 'places' | 'arenas' | 'peakBytes'> {
    const arenas = this.#arenas.map(({ use, size }) => ({ use, bytes: size * granuleBytes }));
    const places = tensors.map(({ bytes }, tensor): Place | undefined => {
      const storage = this.#storages.ofTensor[tensor]!;
      if (storage < 0) return undefined;
      return { arena: this.#arenaOf[storage]!, offset: this.#offsets[storage]! * granuleBytes, bytes: granulesOf(bytes) * granuleBytes };
    });
    return { places, arenas, peakBytes: arenas.reduce((sum, { bytes }) => sum + bytes, 0) };
  }
}
