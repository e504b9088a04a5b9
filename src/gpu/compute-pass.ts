import { type CostEstimate, estimateOf, indirectKey, workgroupKey } from './cost-table.ts';
import type { CuttingEncoder } from './cutting-encoder.ts';
import { inherit } from './inherit.ts';
import { ScheduledBuffer } from './scheduled-buffer.ts';

interface Binding {
  readonly group: GPUBindGroup | null | undefined;
  readonly offsets: readonly number[];
}

/**
 * A compute pass that may be cut between two dispatches: what the application set is set again on the pass that follows, so
 * every dispatch sees what it would have seen, and every error comes from WebGPU itself.
 */
export class CuttableComputePass {
  readonly #encoder: CuttingEncoder;
  readonly #open: (isContinued: boolean) => GPUComputePassEncoder;
  readonly #bindings: (Binding | undefined)[] = [];
  #immediates: { readonly offset: number; readonly bytes: Uint8Array<ArrayBuffer> }[] = [];
  readonly #groups: string[] = [];
  #pass: GPUComputePassEncoder;
  #pipeline: GPUComputePipeline | undefined;
  #estimates: Map<number, CostEstimate> | undefined;
  #isOpen = true;

  constructor(encoder: CuttingEncoder, open: (isContinued: boolean) => GPUComputePassEncoder) {
    this.#encoder = encoder;
    this.#open = open;
    this.#pass = open(false);
  }

  /** The native pass that takes commands now. */
  get native(): GPUComputePassEncoder {
    return this.#pass;
  }

  get label(): string {
    return this.#pass.label;
  }

  set label(label: string) {
    this.#pass.label = label;
  }

  setPipeline(pipeline: GPUComputePipeline): undefined {
    this.#pass.setPipeline(pipeline);
    this.#pipeline = pipeline;
    this.#estimates = this.#encoder.estimatesOf(pipeline);
  }

  setBindGroup(index: number, group: GPUBindGroup | null | undefined, ...rest: [] | [Iterable<number>] | [Uint32Array, number, number]): undefined {
    // The overload is the platform's; what it accepts, we accept.
    const [offsets, start, length] = rest;
    if (offsets === undefined) this.#pass.setBindGroup(index, group);
    else if (start === undefined) this.#pass.setBindGroup(index, group, offsets);
    else this.#pass.setBindGroup(index, group, offsets as Uint32Array<ArrayBuffer>, start, length!);
    const kept = start === undefined ? [...(offsets ?? [])] : [...(offsets as Uint32Array).subarray(start, start + length!)];
    if (index < 1000) this.#bindings[index] = { group, offsets: kept };
    if (group) this.#encoder.use(group);
  }

  setImmediates(offset: number, data: GPUAllowSharedBufferSource, dataOffset?: number, size?: number): undefined {
    this.#pass.setImmediates(offset, data, dataOffset, size);
    const bytes = bytesOf(data, dataOffset ?? 0, size);
    const end = offset + bytes.length;
    this.#immediates = this.#immediates.filter((old) => old.offset < offset || old.offset + old.bytes.length > end);
    this.#immediates.push({ offset, bytes });
  }

  dispatchWorkgroups(x: number, y = 1, z = 1): undefined {
    this.#before(workgroupKey(x, y, z));
    this.#pass.dispatchWorkgroups(x, y, z);
  }

  dispatchWorkgroupsIndirect(buffer: GPUBuffer, offset: number): undefined {
    this.#before(indirectKey);
    this.#pass.dispatchWorkgroupsIndirect(ScheduledBuffer.native(buffer), offset);
    this.#encoder.use(buffer);
  }

  pushDebugGroup(label: string): undefined {
    this.#pass.pushDebugGroup(label);
    this.#groups.push(label);
  }

  popDebugGroup(): undefined {
    this.#pass.popDebugGroup();
    this.#groups.pop();
  }

  end(): undefined {
    this.#isOpen = false;
    this.#pass.end();
    this.#encoder.ended();
  }

  /** Asks whether the slice is full, and if so goes on in the next one. */
  #before(key: number): void {
    const estimate = this.#estimates && this.#isOpen ? estimateOf(this.#estimates, key) : undefined;
    if (estimate === undefined) return; // No pipeline, or the pass has ended: WebGPU will say so.
    if (this.#encoder.isFullFor(estimate)) this.#cut();
    this.#encoder.count(estimate);
  }

  #cut(): void {
    for (const _ of this.#groups) this.#pass.popDebugGroup();
    this.#pass.end();
    this.#encoder.cut();
    this.#pass = this.#open(true);
    for (const label of this.#groups) this.#pass.pushDebugGroup(label);
    if (this.#pipeline !== undefined) this.#pass.setPipeline(this.#pipeline);
    this.#bindings.forEach((binding, index) => {
      if (binding !== undefined) this.#pass.setBindGroup(index, binding.group, binding.offsets);
    });
    for (const { offset, bytes } of this.#immediates) this.#pass.setImmediates(offset, bytes);
  }
}

/** `dataOffset` and `size` count elements of a typed array, bytes of anything else, as WebGPU has it. */
export function bytesOf(data: GPUAllowSharedBufferSource, dataOffset: number, size: number | undefined): Uint8Array<ArrayBuffer> {
  const isView = ArrayBuffer.isView(data);
  const unit = isView && !(data instanceof DataView) ? (data as Uint8Array).BYTES_PER_ELEMENT : 1;
  const whole = isView ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data);
  const start = dataOffset * unit;
  return whole.slice(start, size === undefined ? undefined : start + size * unit);
}

export const joinComputePass = (native: object): void => inherit(CuttableComputePass, native);
