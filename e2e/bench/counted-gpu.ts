import type { Bytes } from '../../src/base/units.ts';

/** Buffers of all devices of one thread, as the browser saw them made and destroyed. Textures are not counted: nobody measured here makes any. */
export interface BufferCounts {
  readonly created: number;
  /** As given to createBuffer; what the browser makes of it is its own affair. */
  readonly live: Bytes;
  readonly peak: Bytes;
}

/** What a page asks of a worker that imported this first; the answer comes through the port. comlink takes no notice. */
interface Question {
  readonly countsTo: MessagePort;
}

const counts = { created: 0, live: 0, peak: 0 };
const alive = new WeakMap<GPUBuffer, Bytes>();

const { createBuffer } = GPUDevice.prototype;
const { destroy } = GPUBuffer.prototype;

GPUDevice.prototype.createBuffer = function (this: GPUDevice, descriptor) {
  const buffer = createBuffer.call(this, descriptor);
  alive.set(buffer, descriptor.size);
  counts.created += 1;
  counts.live += descriptor.size;
  counts.peak = Math.max(counts.peak, counts.live);
  return buffer;
};
GPUBuffer.prototype.destroy = function (this: GPUBuffer) {
  counts.live -= alive.get(this) ?? 0;
  alive.delete(this);
  return destroy.call(this);
};

addEventListener('message', ({ data }: MessageEvent<Partial<Question> | undefined>) => data?.countsTo?.postMessage(counts));
