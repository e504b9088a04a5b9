import { assert } from '../base/assert.ts';
import type { Bytes } from '../base/units.ts';
import type { Encoding, Encodings } from './encodings.ts';

export interface ParameterRingOptions {
  /** Of the largest parameters that are put. Default: 256; at most the device's `maxUniformBufferBindingSize`. */
  readonly maxBytes?: Bytes | undefined;
  /** Of the first buffer. Default: 256. */
  readonly slotCount?: number | undefined;
}

/** Bind `size` bytes of the buffer from 0 with `hasDynamicOffset`, and give the offset to `setBindGroup`. */
export interface ParameterSlot {
  readonly buffer: GPUBuffer;
  readonly dynamicOffset: Bytes;
  /** The same for every slot of a ring. */
  readonly size: Bytes;
}

/** A buffer of slots that are given out one after another, and what they hold until it is written. */
interface Page {
  readonly buffer: GPUBuffer;
  readonly contents: Uint8Array<ArrayBuffer>;
  readonly slotCount: number;
  used: number;
  /** The last encoding that has slots here. */
  upTo: number;
  /** Slots that are on the queue. */
  written: number;
}

/** A page of more slots is not made: dispatches of one encoding that need more have several. */
const largestSlotCount = 2 ** 14;

/** Pages kept for later: with two, one is written while the other is read by what was encoded before. */
const pagesKept = 2;

/**
 * Small uniforms, a slot to a dispatch, with few buffers, so that few bind groups serve all dispatches. A page begins anew once everything that was
 * encoded with it is submitted. When it is full before that, there is a second one, and from the third on each has twice as many slots. Slots are
 * written together, before the encodings submit. The buffers are UNIFORM only, since nothing may write what a dispatch reads as uniform.
 */
export class ParameterRing {
  readonly #device: GPUDevice;
  readonly #encodings: Encodings;
  readonly #slotBytes: Bytes;
  readonly #maxBytes: Bytes;
  readonly #pages = new Set<Page>();
  readonly #free: Page[] = [];
  #page: Page | undefined;
  /** Of the largest page. */
  #slotCount: number;
  #isClosed = false;

  constructor(device: GPUDevice, encodings: Encodings, { maxBytes = 256, slotCount = 256 }: ParameterRingOptions = {}) {
    const { minUniformBufferOffsetAlignment: alignment, maxUniformBufferBindingSize } = device.limits;
    assert(maxBytes > 0 && maxBytes <= maxUniformBufferBindingSize, 'parameters are bound whole');
    assert(Number.isInteger(slotCount) && slotCount > 0 && slotCount <= largestSlotCount, 'a page has from 1 to 16384 slots');
    this.#device = device;
    this.#encodings = encodings;
    this.#maxBytes = maxBytes;
    this.#slotBytes = Math.ceil(maxBytes / alignment) * alignment;
    this.#slotCount = slotCount;
    encodings.beforeSubmit(() => this.#flush());
  }

  /** Pages that exist. */
  get pageCount(): number {
    return this.#pages.size;
  }

  get bytes(): Bytes {
    return [...this.#pages].reduce((sum, { contents }) => sum + contents.byteLength, 0);
  }

  /** A slot that holds `parameters` for dispatches of this encoding, which must be open; what follows them in the slot is not defined. */
  put(encoding: Encoding, parameters: Uint8Array): ParameterSlot {
    assert(this.#encodings.isOpen(encoding), 'parameters belong to an encoding that is open');
    assert(parameters.byteLength <= this.#maxBytes, 'parameters fit a slot');
    assert(!this.#isClosed, 'a ring that was closed gives no slots');
    const page = this.#pageFor(encoding);
    const dynamicOffset = page.used * this.#slotBytes;
    page.contents.set(parameters, dynamicOffset);
    page.used += 1;
    return { buffer: page.buffer, dynamicOffset, size: this.#slotBytes };
  }

  /** Destroys the buffers, once the encodings that are open now are closed. */
  close(): void {
    this.#flush();
    this.#isClosed = true;
    this.#encodings.whenClosed(() => {
      for (const page of this.#pages) page.buffer.destroy();
      this.#pages.clear();
    });
  }

  /** A page with a free slot. */
  #pageFor({ serial }: Encoding): Page {
    const page = (this.#page ??= this.#make());
    if (page.upTo !== serial && this.#encodings.areClosed(page.upTo)) page.used = page.written = 0;
    page.upTo = Math.max(page.upTo, serial);
    if (page.used < page.slotCount) return page;
    this.#write(page);
    this.#encodings.whenClosed(() => this.#release(page));
    if (this.#free.length === 0 && this.#pages.size >= pagesKept) this.#slotCount = Math.min(largestSlotCount, this.#slotCount * 2);
    const next = (this.#page = this.#free.pop() ?? this.#make());
    next.upTo = serial;
    return next;
  }

  #make(): Page {
    const size = this.#slotCount * this.#slotBytes;
    const buffer = this.#device.createBuffer({ label: 'parameters', size, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
    const page = { buffer, contents: new Uint8Array(size), slotCount: this.#slotCount, used: 0, upTo: 0, written: 0 };
    this.#pages.add(page);
    return page;
  }

  #release(page: Page): void {
    if (this.#isClosed) return;
    if (page.slotCount === this.#slotCount && this.#free.length < pagesKept) {
      page.used = page.written = page.upTo = 0;
      this.#free.push(page);
      return;
    }
    page.buffer.destroy();
    this.#pages.delete(page);
  }

  #flush(): void {
    if (this.#page !== undefined && !this.#isClosed) this.#write(this.#page);
  }

  #write(page: Page): void {
    const { buffer, contents, used, written } = page;
    if (used === written) return;
    this.#device.queue.writeBuffer(buffer, written * this.#slotBytes, contents, written * this.#slotBytes, (used - written) * this.#slotBytes);
    page.written = used;
  }
}
