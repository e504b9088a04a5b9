import type { Tensor as OrtTensor } from 'onnxruntime-web/webgpu';

import { ReadbackPool, type ReadRange } from '../gpu/readback-pool.ts';
import type { Tensor } from '../wire/tensor.ts';
import { bytesOfType, countOf, viewOf } from './element.ts';

/** Types onnxruntime leaves on the GPU; it brings the others to the CPU inside the run. */
export const gpuTypes: ReadonlySet<string> = new Set(['float32', 'float16', 'int32', 'uint32', 'int64', 'uint8', 'bool']);

interface Copy extends ReadRange { readonly name: string; readonly type: Exclude<Tensor['type'], 'string'>; readonly dims: readonly number[] }

/**
 * Brings the outputs of a run to the CPU with one command buffer and one staging buffer, where onnxruntime would pause once per output while it
 * holds its WASM instance.
 */
export class ReadBack {
  readonly #pool: ReadbackPool;

  constructor(device: GPUDevice) { this.#pool = new ReadbackPool(device); }

  /**
   * Submits the copies, disposes every output, and gives what collects them. Synchronous: onnxruntime may reuse a disposed buffer at once, and only the
   * order of the queue keeps the copy before the next write. The collector rejects when the device is lost.
   */
  submit(outputs: Readonly<Record<string, OrtTensor>>): () => Promise<Record<string, Tensor>> {
    const collected: Record<string, Tensor> = {};
    const copies: Copy[] = [];
    for (const [name, output] of Object.entries(outputs)) {
      if (output.location !== 'gpu-buffer') { collected[name] = fromCpu(output); continue; }
      const type = output.type as Copy['type'];
      // A buffer of onnxruntime is as large as its bucket, always a multiple of 16, so what is rounded to whole words stays inside.
      copies.push({ name, type, dims: [...output.dims], buffer: output.gpuBuffer as GPUBuffer, offset: 0, bytes: bytesOfType(type, countOf(output.dims)) });
    }
    try {
      const read = this.#pool.read(copies);
      return async () => {
        const contents = await read;
        copies.forEach(({ name, type, dims }, index) => (collected[name] = { type, dims, data: viewOf(type, contents[index]!) }));
        return collected;
      };
    } finally {
      for (const output of Object.values(outputs)) output.dispose();
    }
  }

  /** Gives up kept buffers; runs in flight are still collected. */
  close(): void { this.#pool.close(); }
}

/** Empty tensors, strings and types that have no place on the GPU arrive here. */
function fromCpu(output: OrtTensor): Tensor {
  const { type, dims, data } = output as { type: Tensor['type']; dims: readonly number[]; data: Tensor['data'] };
  if (type !== 'float16') return { type, dims, data };
  const halves = data as Uint16Array;
  return { type, dims, data: new Uint16Array(halves.buffer, halves.byteOffset, halves.length) };
}
