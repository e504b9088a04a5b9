import { assert } from '../base/assert.ts';
import type { Bytes } from '../base/units.ts';
import type { BindingKind } from '../memory/legality.ts';
import type { Place, Plan } from '../memory/plan.ts';
import type { PlanGraph } from '../memory/plan-graph.ts';
import { createReserved, type Creation, type RoomAccount } from './reserved-buffers.ts';

export interface PlannedRange {
  readonly buffer: GPUBuffer;
  /** A multiple of 256. */
  readonly offset: Bytes;
  /** Of the tensor, in whole words: what to bind. One word for a tensor of no bytes. */
  readonly size: Bytes;
}

/** One entry of the bind group of an op. */
export interface PlannedBinding extends PlannedRange {
  /** Which tensors are there: several where the op writes its output over an input. */
  readonly tensors: readonly number[];
  readonly kind: Exclude<BindingKind, 'uniform'>;
}

/** How a graph was planned, and on whose account. */
export interface PlannedArenasOptions {
  readonly graph: PlanGraph;
  readonly plan: Plan;
  readonly mode: 'one' | 'three';
  readonly label: string;
  readonly account?: RoomAccount | undefined;
}

export type PlannedArenasOutcome = { readonly kind: 'made'; readonly arenas: PlannedArenas } | Extract<Creation, { kind: 'refused' }>;

/**
 * The buffers of a plan. One set serves runs that are submitted one after another; two runs that are encoded at once need a set each.
 */
export class PlannedArenas {
  readonly #options: PlannedArenasOptions;
  readonly #buffers: readonly GPUBuffer[];

  private constructor(options: PlannedArenasOptions, buffers: readonly GPUBuffer[]) {
    this.#options = options;
    this.#buffers = buffers;
  }

  /**
   * All arenas or none; answers when WebGPU is known to have memory for them. They are touched here: browsers make a buffer zero when it is first used,
   * Chromium the whole of it, and the first run should not pay for that.
   */
  static async make(device: GPUDevice, options: PlannedArenasOptions): Promise<PlannedArenasOutcome> {
    const { plan, label, account } = options;
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
    const descriptors = plan.arenas.map(({ bytes, use }, index) => ({ label: `${label}, ${use} arena ${index}`, size: bytes, usage }));
    const made = await createReserved(device, descriptors, account);
    if (made.kind === 'refused') return made;
    const encoder = device.createCommandEncoder({ label: `${label}, first touch` });
    for (const buffer of made.buffers) encoder.clearBuffer(buffer, 0, 4);
    device.queue.submit([encoder.finish()]);
    return { kind: 'made', arenas: new PlannedArenas(options, made.buffers) };
  }

  /** Where a tensor lies; `undefined` for external ones. */
  rangeOf(tensor: number): PlannedRange | undefined {
    const place = this.#options.plan.places[tensor];
    return place && { buffer: this.#buffers[place.arena]!, offset: place.offset, size: this.#sizeOf(tensor) };
  }

  /**
   * What a dispatch of this op binds of the arenas, each range once: outputs and what they are written over as `storage`, inputs as `read-only-storage`,
   * or in mode `one`, where inputs and outputs share a buffer, everything as `storage`. External tensors are the caller's to bind.
   */
  bindingsOf(op: number): readonly PlannedBinding[] {
    const { graph: { ops }, plan: { places }, mode } = this.#options;
    assert(ops[op] !== undefined, 'an op is one of the graph that was planned');
    const { inputs, outputs } = ops[op];
    const bindings: (PlannedBinding & { tensors: number[]; size: Bytes })[] = [];
    for (const tensor of new Set([...outputs, ...inputs])) {
      const range = this.rangeOf(tensor);
      if (range === undefined) continue;
      // What is live at once overlaps only where the op writes one over the other.
      const same = bindings.find((other) => isSamePlace(places[other.tensors[0]!]!, places[tensor]!));
      if (same === undefined) bindings.push({ ...range, tensors: [tensor], kind: outputs.includes(tensor) || mode === 'one' ? 'storage' : 'read-only-storage' });
      else {
        same.tensors.push(tensor);
        same.size = Math.max(same.size, range.size);
      }
    }
    return bindings;
  }

  /** Once everything that names the arenas was submitted, or never will be. */
  destroy(): void {
    for (const buffer of this.#buffers) buffer.destroy();
  }

  #sizeOf(tensor: number): Bytes {
    return Math.max(4, Math.ceil(this.#options.graph.tensors[tensor]!.bytes / 4) * 4);
  }
}

const isSamePlace = (one: Place, other: Place): boolean => one.arena === other.arena && one.offset === other.offset;
