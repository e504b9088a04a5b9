import { assert } from '../base/assert.ts';
import type { Bytes } from '../base/units.ts';
import type { Encodings } from './encodings.ts';

export interface UploadBeltOptions {
  /** A multiple of 8. Default: 16 MiB. */
  readonly chunkBytes?: Bytes | undefined;
  /** Default: 4. What they cannot hold goes by `writeBuffer`, so staging is bounded however much is written at once. */
  readonly mostChunks?: number | undefined;
  /** Up to so much goes by `writeBuffer`. Default: 4 MiB, what Dawn's own ring takes. */
  readonly smallBytes?: Bytes | undefined;
}

interface Upload {
  readonly buffer: GPUBuffer;
  readonly offset: Bytes;
  readonly from: Bytes;
  readonly bytes: Bytes;
}

/**
 * ```
 *          submit            submit            mapped
 * active ──────────▶ closed ───────▶ mapping ─────────▶ free ──▶ active, or destroyed when there were never so many in use
 * ```
 * Only inside `submit` is a chunk closed: unmapped, its copies not yet on the queue.
 */
interface Chunk {
  readonly buffer: GPUBuffer;
  state: 'active' | 'closed' | 'mapping' | 'free';
  /** What is mapped; a range can be asked for once in each mapping. */
  view: Uint8Array<ArrayBuffer>;
}

/** Free chunks beyond those in use at once during so many submits are destroyed. */
const trimAfter = 16;

/**
 * Writes buffers from the CPU in the order of the calls: small data as the queue does, large data through chunks that stay mapped, which spares the
 * browser a staging buffer for each write. What waits in a chunk is on the queue after `submit`, or once it is full, or when `writeBuffer` follows;
 * the encodings call `submit` before they submit themselves.
 */
export class UploadBelt {
  readonly #device: GPUDevice;
  readonly #chunkBytes: Bytes;
  readonly #mostChunks: number;
  readonly #smallBytes: Bytes;
  readonly #chunks = new Set<Chunk>();
  readonly #free: Chunk[] = [];
  readonly #waiting: Upload[] = [];
  #active: Chunk | undefined;
  #used: Bytes = 0;
  #mostInUse = 0;
  #submits = 0;
  #isClosed = false;

  constructor(device: GPUDevice, encodings: Encodings, options: UploadBeltOptions = {}) {
    const { chunkBytes = 2 ** 24, mostChunks = 4, smallBytes = 2 ** 22 } = options;
    assert(chunkBytes > 0 && chunkBytes % 8 === 0, 'a chunk is mapped whole, so its size is a multiple of 8');
    this.#device = device;
    this.#chunkBytes = chunkBytes;
    this.#mostChunks = mostChunks;
    this.#smallBytes = smallBytes;
    encodings.beforeSubmit(() => this.submit());
    const lose = (): void => this.close();
    device.lost.then(lose, lose);
  }

  /** Chunks that exist, and how many of them are free. */
  get report(): { readonly chunkCount: number; readonly freeCount: number; readonly waitingBytes: Bytes } {
    return { chunkCount: this.#chunks.size, freeCount: this.#free.length, waitingBytes: this.#waiting.reduce((sum, { bytes }) => sum + bytes, 0) };
  }

  /** Writes whole words; the bytes are copied now. The buffer needs `COPY_DST` and is not to be destroyed before `submit`. */
  write(buffer: GPUBuffer, offset: Bytes, bytes: Uint8Array<ArrayBuffer>): void {
    assert(offset % 4 === 0 && bytes.byteLength % 4 === 0, 'buffers are written in words of four bytes');
    const isSmall = bytes.byteLength <= this.#smallBytes;
    for (let done = 0; done < bytes.byteLength;) {
      const chunk = isSmall ? undefined : this.#open();
      if (chunk === undefined) {
        this.submit(); // What was written before stays before.
        this.#device.queue.writeBuffer(buffer, offset + done, bytes.subarray(done));
        return;
      }
      const size = Math.min(this.#chunkBytes - this.#used, bytes.byteLength - done);
      chunk.view.set(bytes.subarray(done, done + size), this.#used);
      this.#waiting.push({ buffer, offset: offset + done, from: this.#used, bytes: size });
      this.#used += size;
      done += size;
      if (this.#used === this.#chunkBytes) this.submit();
    }
  }

  /** What waits is on the queue. */
  submit(): void {
    const chunk = this.#active;
    if (chunk === undefined || this.#waiting.length === 0) return;
    this.#active = undefined;
    this.#pass(chunk, 'active', 'closed');
    chunk.buffer.unmap();
    const encoder = this.#device.createCommandEncoder({ label: 'upload' });
    for (const { buffer, offset, from, bytes } of this.#waiting.splice(0)) encoder.copyBufferToBuffer(chunk.buffer, from, buffer, offset, bytes);
    this.#device.queue.submit([encoder.finish()]);
    this.#map(chunk);
    this.#submits += 1;
    if (this.#submits % trimAfter === 0) this.#trimTo(this.#mostInUse);
  }

  /** Destroys the chunks that are free. */
  trim(): void {
    this.#trimTo(0);
  }

  /** What waits is not written any more. Later writes go by `writeBuffer`. */
  close(): void {
    this.#isClosed = true;
    this.#active = undefined;
    this.#free.length = this.#waiting.length = 0;
    for (const { buffer } of this.#chunks) buffer.destroy();
    this.#chunks.clear();
  }

  /** The chunk that is written to; `undefined` when there can be none now. */
  #open(): Chunk | undefined {
    // A device that was destroyed takes what is mapped away at once, and says so later.
    if (this.#active?.view.byteLength === 0) this.close();
    if (this.#active !== undefined || this.#isClosed) return this.#active;
    const chunk = this.#free.pop() ?? (this.#chunks.size < this.#mostChunks ? this.#make() : undefined);
    if (chunk === undefined || chunk.view.byteLength === 0) return undefined;
    this.#pass(chunk, 'free', 'active');
    this.#used = 0;
    this.#active = chunk;
    this.#mostInUse = Math.max(this.#mostInUse, this.#chunks.size - this.#free.length);
    return chunk;
  }

  #make(): Chunk | undefined {
    try {
      const usage = GPUBufferUsage.MAP_WRITE | GPUBufferUsage.COPY_SRC;
      const buffer = this.#device.createBuffer({ label: 'upload', size: this.#chunkBytes, usage, mappedAtCreation: true });
      const chunk: Chunk = { buffer, state: 'free', view: new Uint8Array(buffer.getMappedRange()) };
      this.#chunks.add(chunk);
      return chunk;
    } catch {
      return undefined; // No memory for it: `writeBuffer` may do with less.
    }
  }

  #map(chunk: Chunk): void {
    this.#pass(chunk, 'closed', 'mapping');
    const mapped = (): void => {
      if (!this.#chunks.has(chunk)) return;
      chunk.view = new Uint8Array(chunk.buffer.getMappedRange());
      this.#pass(chunk, 'mapping', 'free');
      this.#free.push(chunk);
    };
    const failed = (): void => {
      if (this.#chunks.delete(chunk)) chunk.buffer.destroy();
    };
    chunk.buffer.mapAsync(GPUMapMode.WRITE).then(mapped).catch(failed);
  }

  #pass(chunk: Chunk, from: Chunk['state'], to: Chunk['state']): void {
    assert(chunk.state === from, `a chunk gets ${to} that was ${from}, this one is ${chunk.state}`);
    chunk.state = to;
  }

  /** Destroys free chunks beyond so many, and counts anew. */
  #trimTo(count: number): void {
    while (this.#chunks.size > count && this.#free.length > 0) {
      const chunk = this.#free.shift()!;
      this.#chunks.delete(chunk);
      chunk.buffer.destroy();
    }
    this.#mostInUse = this.#chunks.size - this.#free.length;
  }
}
