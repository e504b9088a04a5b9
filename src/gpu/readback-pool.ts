import { assert } from '../base/assert.ts';
import type { Bytes } from '../base/units.ts';
import { blockBytes } from '../memory/block-bytes.ts';

/** What to read: the buffer needs `COPY_SRC`, and has the whole words that the range touches. */
export interface ReadRange {
  readonly buffer: GPUBuffer;
  /** A multiple of 4. */
  readonly offset: Bytes;
  readonly bytes: Bytes;
}

/** Buffers kept for later reads. What is mapped is used by one read alone, so reads that overlap in time need one each. */
const sparesKept = 2;

/** Brings ranges of buffers to the CPU, all of a read in one command buffer and with one mapping. */
export class ReadbackPool {
  readonly #device: GPUDevice;
  readonly #label: string;
  /** The one used last at the end. */
  readonly #spares: GPUBuffer[] = [];
  #isClosed = false;

  constructor(device: GPUDevice, label = 'read back') {
    this.#device = device;
    this.#label = label;
  }

  /**
   * Submits the copies before it returns, so the ranges may be written or destroyed at once. Resolves with the bytes of each range, in an ArrayBuffer
   * of its own; rejects when the device is lost or has no memory. What else is wrong is told where the device tells its errors, as with its own methods.
   * Nobody needs to wait for the promise.
   */
  read(ranges: readonly ReadRange[]): Promise<readonly ArrayBuffer[]> {
    for (const { buffer, offset, bytes } of ranges) {
      assert(offset % 4 === 0 && offset + wholeWords(bytes) <= buffer.size, 'a range to read starts at a word and ends inside its buffer');
    }
    const total = ranges.reduce((sum, { bytes }) => sum + wholeWords(bytes), 0);
    if (total === 0) return Promise.resolve(ranges.map(() => new ArrayBuffer(0)));
    const staging = this.#stagingOf(total);
    this.#copy(ranges, staging);
    const read = this.#collect(ranges, staging, total);
    read.catch(() => undefined);
    return read;
  }

  /** Gives up what is kept; reads under way still resolve. */
  close(): void {
    this.#isClosed = true;
    for (const spare of this.#spares.splice(0)) spare.destroy();
  }

  #copy(ranges: readonly ReadRange[], staging: GPUBuffer): void {
    const encoder = this.#device.createCommandEncoder({ label: this.#label });
    let at = 0;
    for (const { buffer, offset, bytes } of ranges) {
      const size = wholeWords(bytes);
      if (size > 0) encoder.copyBufferToBuffer(buffer, offset, staging, at, size);
      at += size;
    }
    this.#device.queue.submit([encoder.finish()]);
  }

  /** A spare of the same class, so that sizes that differ a little share. */
  #stagingOf(total: Bytes): GPUBuffer {
    const size = blockBytes(total, 'classes');
    const index = this.#spares.findLastIndex((spare) => spare.size === size);
    if (index >= 0) return this.#spares.splice(index, 1)[0]!;
    return this.#device.createBuffer({ label: this.#label, size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  }

  async #collect(ranges: readonly ReadRange[], staging: GPUBuffer, total: Bytes): Promise<readonly ArrayBuffer[]> {
    try {
      await staging.mapAsync(GPUMapMode.READ, 0, total);
      const mapped = staging.getMappedRange(0, total);
      let at = 0;
      const read = ranges.map(({ bytes }) => {
        const start = at;
        at += wholeWords(bytes);
        return mapped.slice(start, start + bytes);
      });
      staging.unmap();
      this.#keep(staging);
      return read;
    } catch (error) {
      staging.destroy();
      throw error;
    }
  }

  #keep(staging: GPUBuffer): void {
    if (this.#isClosed) return staging.destroy();
    this.#spares.push(staging);
    if (this.#spares.length > sparesKept) this.#spares.shift()!.destroy();
  }
}

const wholeWords = (bytes: Bytes): Bytes => Math.ceil(bytes / 4) * 4;
