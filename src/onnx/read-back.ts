import type { Tensor as OrtTensor } from 'onnxruntime-web/webgpu';

import type { Tensor } from '../wire/tensor.ts';
import { bytesOfType, countOf, viewOf } from './element.ts';

/** Types onnxruntime leaves on the GPU; it brings the others to the CPU inside the run. */
export const gpuTypes: ReadonlySet<string> = new Set(['float32', 'float16', 'int32', 'uint32', 'int64', 'uint8', 'bool']);

interface Place { readonly name: string; readonly type: Exclude<Tensor['type'], 'string'>; readonly dims: readonly number[]; readonly offset: number; readonly bytes: number }

/**
 * Brings the outputs of a run to the CPU with one command buffer and one staging buffer, where onnxruntime would pause once per output while it
 * holds its WASM instance.
 */
export class ReadBack {
  readonly #device: GPUDevice;
  /** The staging buffer of an earlier run, kept because outputs mostly keep their sizes. */
  #spare: GPUBuffer | undefined;
  #open = true;

  constructor(device: GPUDevice) { this.#device = device; }

  /**
   * Submits the copies, disposes every output, and gives what collects them. Synchronous: onnxruntime may reuse a disposed buffer at once, and only the
   * order of the queue keeps the copy before the next write. The collector rejects when the device is lost.
   */
  submit(outputs: Readonly<Record<string, OrtTensor>>): () => Promise<Record<string, Tensor>> {
    const collected: Record<string, Tensor> = {};
    const places: Place[] = [];
    const copies: { buffer: GPUBuffer; place: Place }[] = [];
    let total = 0;
    for (const [name, output] of Object.entries(outputs)) {
      if (output.location !== 'gpu-buffer') { collected[name] = fromCpu(output); continue; }
      const type = output.type as Place['type'];
      const place = { name, type, dims: [...output.dims], offset: total, bytes: bytesOfType(type, countOf(output.dims)) };
      places.push(place);
      copies.push({ buffer: output.gpuBuffer as GPUBuffer, place });
      total += aligned(place.bytes);
    }
    try {
      const staging = copies.length === 0 ? undefined : this.#submit(copies, total);
      return () => this.#collect(collected, places, staging);
    } finally {
      for (const output of Object.values(outputs)) output.dispose();
    }
  }

  /** Gives up the kept buffer; runs in flight are still collected. */
  close(): void {
    this.#open = false;
    this.#spare?.destroy();
    this.#spare = undefined;
  }

  #submit(copies: readonly { buffer: GPUBuffer; place: Place }[], total: number): GPUBuffer {
    const staging = this.#stagingOf(total);
    const encoder = this.#device.createCommandEncoder({ label: 'read back' });
    // A buffer of onnxruntime is as large as its bucket, always a multiple of 16, so the rounded copy stays inside.
    for (const { buffer, place } of copies) encoder.copyBufferToBuffer(buffer, 0, staging, place.offset, aligned(place.bytes));
    this.#device.queue.submit([encoder.finish()]);
    return staging;
  }

  #stagingOf(bytes: number): GPUBuffer {
    const spare = this.#spare;
    this.#spare = undefined;
    if (spare?.size === bytes) return spare;
    spare?.destroy();
    return this.#device.createBuffer({ label: 'read back', size: bytes, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  }

  async #collect(collected: Record<string, Tensor>, places: readonly Place[], staging: GPUBuffer | undefined): Promise<Record<string, Tensor>> {
    if (staging === undefined) return collected;
    try {
      await staging.mapAsync(GPUMapMode.READ);
      const mapped = staging.getMappedRange();
      for (const { name, type, dims, offset, bytes } of places) {
        collected[name] = { type, dims, data: viewOf(type, mapped.slice(offset, offset + bytes)) };
      }
      staging.unmap();
    } catch (error) {
      staging.destroy();
      throw error;
    }
    this.#spare?.destroy();
    this.#spare = staging;
    if (!this.#open) this.close();
    return collected;
  }
}

/** Copies between buffers move whole words. */
const aligned = (bytes: number): number => Math.ceil(bytes / 4) * 4;

/** Empty tensors, strings and types that have no place on the GPU arrive here. */
function fromCpu(output: OrtTensor): Tensor {
  const { type, dims, data } = output as { type: Tensor['type']; dims: readonly number[]; data: Tensor['data'] };
  if (type !== 'float16') return { type, dims, data };
  const halves = data as Uint16Array;
  return { type, dims, data: new Uint16Array(halves.buffer, halves.byteOffset, halves.length) };
}
