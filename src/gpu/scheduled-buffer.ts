import type { Bytes } from '../base/units.ts';
import type { NativeBlock } from './device-memory.ts';
import type { Gate } from './gate.ts';
import { inherit } from './inherit.ts';

/** What a buffer needs of its device. */
export interface BufferHome {
  readonly gate: Gate;
  /** A native buffer of the same size and usage that is destroyed: the one that was may serve another by now. */
  standIn(buffer: ScheduledBuffer): GPUBuffer;
  /** Takes its turn: the buffers are zero from then on. */
  clear(buffers: Iterable<ScheduledBuffer>): void;
  /** The program is through with the buffer. `isUnmapped`: nothing is mapped, so the native buffer may serve again. */
  retire(buffer: ScheduledBuffer, native: GPUBuffer, isUnmapped: boolean): void;
}

export interface BufferIdentity {
  readonly size: Bytes;
  readonly usage: GPUFlagsConstant;
  readonly label: string;
  /** `undefined`: not counted and never used again (WebGPU refused it). */
  readonly block: NativeBlock | undefined;
  /** Whether what an earlier owner wrote must not be seen. */
  readonly isDirty: boolean;
}

/** A `mapAsync` that waits in the gate. */
interface WaitingMap {
  readonly reject: (reason: DOMException) => void;
  isCancelled: boolean;
}

/**
 * One life of a native buffer, as the program sees it. The native one may have served before and may be larger; mapping and destruction take their
 * turn in the gate while anything waits there. Passes for a `GPUBuffer` wherever a scheduled device is asked.
 */
export class ScheduledBuffer {
  readonly #home: BufferHome;
  readonly #native: GPUBuffer;
  readonly #identity: BufferIdentity;
  /** What the native buffer has. */
  readonly #capacity: Bytes;
  readonly #waitingMaps: WaitingMap[] = [];
  /** `unmap` or `destroy` waits in the gate; for the program the mapping is over. */
  #isUnmapWaiting = false;
  #standIn: GPUBuffer | undefined;
  #label: string;
  #isDestroyed = false;
  #isDirty: boolean;

  constructor(home: BufferHome, native: GPUBuffer, identity: BufferIdentity) {
    this.#home = home;
    this.#native = native;
    this.#identity = identity;
    this.#capacity = native.size;
    this.#label = identity.label;
    this.#isDirty = identity.isDirty;
  }

  /** What WebGPU is handed for it; everything that is not a buffer of ours stays what it is. */
  static native<T>(object: T): T {
    return ScheduledBuffer.is(object) ? (object.native as T) : object;
  }

  static is(object: unknown): object is ScheduledBuffer {
    return typeof object === 'object' && object !== null && #native in object;
  }

  /** What WebGPU is handed. */
  get native(): GPUBuffer {
    return this.#isDestroyed ? this.#destroyed : this.#native;
  }

  get size(): Bytes { return this.#identity.size; }
  get usage(): GPUFlagsConstant { return this.#identity.usage; }
  get block(): NativeBlock | undefined { return this.#identity.block; }
  get label(): string { return this.#label; }
  set label(label: string) {
    this.#label = String(label);
    if (!this.#isDestroyed) this.#native.label = this.#label;
  }

  get isDestroyed(): boolean {
    return this.#isDestroyed;
  }

  /** It may hold what an earlier owner wrote. (No field: programs enumerate those.) */
  get isDirty(): boolean { return this.#isDirty; }
  set isDirty(isDirty: boolean) { this.#isDirty = isDirty; }

  /** As the program sees it: what it called counts, also when the call still waits in the gate. */
  get isAvailable(): boolean {
    return !this.#isDestroyed && this.mapState === 'unmapped';
  }

  get mapState(): GPUBufferMapState {
    if (this.#waitingMaps.length > 0) return 'pending';
    return this.#isUnmapWaiting || this.#isDestroyed ? 'unmapped' : this.#native.mapState;
  }

  /**
   * The size to hand WebGPU for a range that starts at `offset`, so that it answers as a buffer of this size would although the native one may be larger: what reaches
   * beyond the end stays out of bounds, what has no size ends where this ends.
   */
  span(offset: number | undefined, size: number | undefined): number | undefined {
    const { size: whole } = this.#identity;
    if (this.#capacity === whole) return size;
    const start = offset ?? 0;
    const wanted = size ?? Math.max(0, whole - start);
    return start + wanted > whole ? this.#capacity + 8 : wanted;
  }

  /** Told of `bytes` that are about to be written at `offset`. Returns where in the native buffer: what reaches beyond the end of this one stays out of bounds. */
  written(offset: number, bytes: Bytes): number {
    const { size } = this.#identity;
    if (offset === 0 && bytes === size) this.isDirty = false;
    else if (bytes > 0) this.#clean();
    return this.#capacity !== size && offset + bytes > size ? this.#capacity : offset;
  }

  mapAsync(mode: GPUMapModeFlags, offset?: number, size?: number): Promise<undefined> {
    const { gate } = this.#home;
    this.#clean();
    const map = (): Promise<undefined> => this.native.mapAsync(mode, offset, this.span(offset, size));
    if (gate.isIdle) return map();
    return new Promise((resolve, reject) => {
      const waiting: WaitingMap = { reject, isCancelled: false };
      this.#waitingMaps.push(waiting);
      gate.enqueue(() => {
        if (waiting.isCancelled) return;
        this.#waitingMaps.splice(this.#waitingMaps.indexOf(waiting), 1);
        resolve(map());
      }, false);
    });
  }

  getMappedRange(offset?: number, size?: number): ArrayBuffer {
    const mapped = this.#isUnmapWaiting ? this.#destroyed : this.native;
    return mapped.getMappedRange(offset, this.span(offset, size));
  }

  unmap(): undefined {
    this.#cancelWaitingMaps('the buffer was unmapped before its mapping was ready');
    const { gate } = this.#home;
    if (this.#isDestroyed) return;
    if (!gate.hasHazard) return this.#native.unmap();
    this.#isUnmapWaiting = true;
    gate.enqueue(() => {
      this.#isUnmapWaiting = false;
      this.#native.unmap();
    }, false);
  }

  destroy(): undefined {
    if (this.#isDestroyed) return;
    this.#cancelWaitingMaps('the buffer was destroyed before its mapping was ready');
    const isWaiting = this.#isUnmapWaiting || (this.#home.gate.hasHazard && this.#native.mapState !== 'unmapped');
    // Content that is mapped goes now; what waits in the gate still needs the buffer itself.
    if (!isWaiting && this.#native.mapState !== 'unmapped') this.#native.unmap();
    this.#isDestroyed = true;
    this.#home.retire(this, this.#native, !isWaiting);
  }

  get #destroyed(): GPUBuffer {
    return (this.#standIn ??= this.#home.standIn(this));
  }

  /** What an earlier owner left goes before anything of it could be seen. */
  #clean(): void {
    if (!this.isDirty || this.#isDestroyed) return;
    this.isDirty = false;
    this.#home.clear([this]);
  }

  #cancelWaitingMaps(why: string): void {
    for (const waiting of this.#waitingMaps.splice(0)) {
      waiting.isCancelled = true;
      waiting.reject(new DOMException(why, 'AbortError'));
    }
  }
}

/** What a bind group refers to, with buffers of ours replaced by native ones. */
export function nativeEntry(entry: GPUBindGroupEntry): GPUBindGroupEntry {
  const { binding, resource } = entry;
  if (ScheduledBuffer.is(resource)) return { binding, resource: bindingOf(resource, { buffer: resource as unknown as GPUBuffer }) };
  const { buffer } = resource as GPUBufferBinding;
  return ScheduledBuffer.is(buffer) ? { binding, resource: bindingOf(buffer, resource as GPUBufferBinding) } : entry;
}

function bindingOf(buffer: ScheduledBuffer, { offset, size }: GPUBufferBinding): GPUBufferBinding {
  const span = buffer.span(offset, size);
  return { buffer: buffer.native, ...(offset !== undefined && { offset }), ...(span !== undefined && { size: span }) };
}

/** One end of a copy between a buffer and a texture. */
export function nativeCopy(info: GPUTexelCopyBufferInfo): GPUTexelCopyBufferInfo {
  return ScheduledBuffer.is(info?.buffer) ? { ...info, buffer: ScheduledBuffer.native(info.buffer) } : info;
}

export const joinBuffer = (native: object): void => inherit(ScheduledBuffer, native);
