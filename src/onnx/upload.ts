import { Tensor as OrtTensor } from 'onnxruntime-web/webgpu';

import type { Feeds, Tensor } from '../wire/tensor.ts';

/** Below this onnxruntime's own way is as good. */
const smallest = 1024;

/** Kernels read up to four words at once, so onnxruntime rounds its own buffers up to this. */
const granule = 16;

/** Numbers that are computed with, which always happens on the GPU. Others may be shapes and indices, which onnxruntime wants on the CPU. */
const types: ReadonlySet<string> = new Set(['float32', 'float16']);

export interface Uploaded {
  readonly inputs: Readonly<Record<string, OrtTensor>>;
  /** To be called when the run is submitted. */
  release(): void;
}

/**
 * Brings the feeds of a run to the GPU. onnxruntime would make a staging buffer beside the buffer for each; `writeBuffer` needs none of ours, and the buffers come
 * from the device's pool.
 */
export function upload(device: GPUDevice, feeds: Feeds): Uploaded {
  const buffers: GPUBuffer[] = [];
  const inputs = Object.entries(feeds).map(([name, tensor]) => {
    const bytes = bytesOf(tensor);
    if (bytes === undefined || bytes.length < smallest) return [name, new OrtTensor(tensor.type, tensor.data as OrtTensor.DataType, tensor.dims)] as const;
    const buffer = device.createBuffer({
      label: name, size: bytes.length, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
    buffers.push(buffer);
    device.queue.writeBuffer(buffer, 0, bytes);
    return [name, OrtTensor.fromGpuBuffer(buffer, { dataType: tensor.type as 'float32' | 'float16', dims: tensor.dims })] as const;
  });
  return {
    inputs: Object.fromEntries(inputs),
    release: () => {
      for (const buffer of buffers) buffer.destroy();
    },
  };
}

/** What to write, whole granules of it; `undefined` for what onnxruntime uploads itself. */
function bytesOf({ type, data }: Tensor): Uint8Array<ArrayBuffer> | undefined {
  if (!types.has(type) || !ArrayBuffer.isView(data)) return undefined;
  const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  if (bytes.length % granule === 0) return bytes;
  const padded = new Uint8Array(Math.ceil(bytes.length / granule) * granule);
  padded.set(bytes);
  return padded;
}
