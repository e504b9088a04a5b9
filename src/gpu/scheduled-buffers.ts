import type { Bytes } from '../base/units.ts';
import { blockBytes, classSlack, type Sizing } from '../memory/block-bytes.ts';
import type { DeviceMemory, NativeBlock } from './device-memory.ts';
import type { ErrorScopes } from './error-scopes.ts';
import type { Gate } from './gate.ts';
import { type BufferHome, type BufferIdentity, ScheduledBuffer } from './scheduled-buffer.ts';

/** The device's own methods, taken before they were wrapped. */
export interface BufferDevice {
  readonly device: GPUDevice;
  createBuffer(descriptor: GPUBufferDescriptor): GPUBuffer;
  createCommandEncoder(): GPUCommandEncoder;
  pushErrorScope(filter: GPUErrorFilter): undefined;
  popErrorScope(): Promise<GPUError | null>;
  submit(commands: GPUCommandBuffer[]): undefined;
}

/** Whether a buffer that served before must be zero again, as WebGPU promises of a new one. */
export type Zeroing = 'zeroed' | 'as-is';

/** Makes the buffers of one scheduled device, from what is pooled where that can be. */
export class ScheduledBuffers implements BufferHome {
  readonly gate: Gate;
  readonly #native: BufferDevice;
  readonly #scopes: ErrorScopes;
  readonly #memory: DeviceMemory;
  #tomb: GPUBuffer | undefined;
  #made: ScheduledBuffer[] | undefined;
  /** Of buffers that are created from now on. */
  sizing: Sizing = 'exact';
  zeroing: Zeroing;
  /** Of staging buffers that are destroyed from now on: `dropped` while something is loaded whose like does not come again. */
  staging: 'kept' | 'dropped' = 'kept';

  constructor(native: BufferDevice, gate: Gate, scopes: ErrorScopes, memory: DeviceMemory, zeroing: Zeroing) {
    this.#native = native;
    this.gate = gate;
    this.#scopes = scopes;
    this.#memory = memory;
    this.zeroing = zeroing;
  }

  create(descriptor: GPUBufferDescriptor): GPUBuffer {
    const { size, usage, mappedAtCreation = false } = descriptor;
    if (this.#memory.isLost || !isOrdinary(size, usage, mappedAtCreation, this.#native.device.limits)) {
      const native = this.#native.createBuffer(descriptor);
      return this.#wrap(native, { size: native.size, usage: native.usage, label: native.label, block: undefined, isDirty: false });
    }
    const label = String(descriptor.label ?? '');
    const bytes = isPoolable(size, usage) ? blockBytes(size, this.sizing) : size;
    // What the CPU writes waits mapped for its next life; nothing else can be mapped when it is created.
    const isStaging = (usage & GPUBufferUsage.MAP_WRITE) !== 0;
    const block = mappedAtCreation && !isStaging ? undefined : this.#memory.reuse(usage, bytes, this.sizing === 'classes' ? 1 + classSlack : 1, label);
    if (block === undefined) return this.#make({ size, usage, label, mappedAtCreation }, bytes);
    const native = block.holds as GPUBuffer;
    if (native.label !== label) native.label = label;
    if (isStaging && !mappedAtCreation) native.unmap();
    return this.#wrap(native, { size, usage, label, block, isDirty: !isStaging && this.zeroing === 'zeroed' });
  }

  /** Does `work` and tells, also when it fails, which buffers it has made that are not destroyed. For one piece of work at a time. */
  readonly record = async <T>(work: () => Promise<T>, tell: (made: readonly GPUBuffer[]) => void): Promise<T> => {
    const made: ScheduledBuffer[] = [];
    this.#made = made;
    try {
      return await work();
    } finally {
      this.#made = undefined;
      tell(made.filter((buffer) => !buffer.isDestroyed) as unknown[] as GPUBuffer[]);
    }
  };

  standIn({ size, usage, label }: { readonly size: Bytes; readonly usage: GPUFlagsConstant; readonly label: string }): GPUBuffer {
    this.#native.pushErrorScope('out-of-memory');
    const made = this.#native.createBuffer({ label, size, usage });
    void this.#native.popErrorScope().catch(() => null);
    made.destroy();
    return made;
  }

  clear(buffers: Iterable<ScheduledBuffer>): void {
    const encoder = this.#native.createCommandEncoder();
    for (const buffer of buffers) encoder.clearBuffer(buffer.native);
    const commands = encoder.finish();
    this.gate.inTurn(() => this.#native.submit([commands]));
  }

  /** Commands that WebGPU refuses to submit, and all that is submitted with them. */
  refusing(): GPUCommandBuffer {
    const encoder = this.#native.createCommandEncoder();
    encoder.clearBuffer(this.#destroyed);
    return encoder.finish();
  }

  retire(buffer: ScheduledBuffer, native: GPUBuffer, isUnmapped: boolean): void {
    const { block } = buffer;
    if (block === undefined) this.gate.inTurn(() => native.destroy());
    else if (!isUnmapped || this.#memory.isLost || !isPoolable(block.bytes, block.usage)) this.#memory.giveUp(buffer, block, 'over');
    else if ((block.usage & GPUBufferUsage.MAP_WRITE) === 0) this.#memory.giveUp(buffer, block, 'idle');
    else if (this.staging === 'dropped') this.#memory.giveUp(buffer, block, 'over');
    else this.#prepare(buffer, native, block);
  }

  /** Whether WebGPU holds the buffer to be invalid, as it does when it had no memory for it. */
  async isInvalid(buffer: GPUBuffer): Promise<boolean> {
    const error = await this.#scopes.capture(() => {
      const encoder = this.#native.createCommandEncoder();
      if ((buffer.usage & GPUBufferUsage.COPY_DST) !== 0) encoder.clearBuffer(buffer, 0, 0);
      else if ((buffer.usage & GPUBufferUsage.COPY_SRC) !== 0) encoder.copyBufferToBuffer(buffer, 0, this.#destroyed, 0, 0);
      encoder.finish();
    });
    return error !== null;
  }

  get #destroyed(): GPUBuffer {
    return (this.#tomb ??= this.standIn({ size: 4, usage: GPUBufferUsage.COPY_DST, label: 'destroyed' }));
  }

  #wrap(native: GPUBuffer, identity: BufferIdentity): GPUBuffer {
    const buffer = new ScheduledBuffer(this, native, identity);
    if (identity.block !== undefined) this.#memory.own(buffer, identity.block);
    this.#made?.push(buffer);
    return buffer as unknown as GPUBuffer;
  }

  #make({ size, usage, label, mappedAtCreation }: Required<GPUBufferDescriptor>, bytes: Bytes): GPUBuffer {
    const block = this.#memory.make(usage, bytes, label, () => this.#native.createBuffer({ label, size: bytes, usage, mappedAtCreation }));
    if (block !== undefined) return this.#wrap(block.holds as GPUBuffer, { size, usage, label, block, isDirty: false });
    const error = outOfMemory(bytes, label, this.#memory.fits);
    if (mappedAtCreation) throw new RangeError(error.message);
    refuse(error, this.#memory, this.#scopes);
    return this.#wrap(this.#invalid(size), { size, usage, label, block: undefined, isDirty: false });
  }

  /** Maps a staging buffer, and makes it zero, for whoever creates the next one. */
  #prepare(buffer: ScheduledBuffer, native: GPUBuffer, block: NativeBlock): void {
    this.#memory.giveUp(buffer, block, 'parked');
    if (block.state !== 'parked') return;
    // The program knows nothing of this, and is told nothing of what goes wrong with it.
    const map = (): Promise<undefined> => {
      let mapping: Promise<undefined>;
      void this.#scopes.capture(() => (mapping = native.mapAsync(GPUMapMode.WRITE)));
      return mapping!;
    };
    const mapped = new Promise<undefined>((resolve) => this.gate.inTurn(() => resolve(map()))).then(() => {
      if (this.zeroing === 'as-is') return undefined;
      // A range can be asked for once in each mapping, so the next owner needs another one.
      new Uint8Array(native.getMappedRange()).fill(0);
      native.unmap();
      return map();
    });
    // It rejects when the device is gone, or there was no memory for it.
    mapped.then(() => this.#memory.ready(block), () => this.#memory.discard(block));
  }

  /** A buffer that WebGPU holds to be invalid; that it says so is nobody's news. */
  #invalid(size: Bytes): GPUBuffer {
    let made: GPUBuffer;
    void this.#scopes.capture(() => (made = this.#native.createBuffer({ size, usage: 0 })));
    return made!;
  }
}

export const outOfMemory = (bytes: Bytes, label: string, fits: Bytes): GPUOutOfMemoryError =>
  new GPUOutOfMemoryError(`the tenant's share of GPU memory is used up: ${bytes} bytes${label ? ` for '${label}'` : ''} do not fit, ${fits} would`);

/** Tells of it where WebGPU would. */
export function refuse(error: GPUOutOfMemoryError, memory: DeviceMemory, scopes: ErrorScopes): void {
  memory.closeScope();
  scopes.expect(scopes.place('out-of-memory'))(Promise.resolve(error));
}

/** Whether WebGPU has nothing against it, so that an error can only be one of memory. */
function isOrdinary(size: unknown, usage: unknown, mapped: unknown, { maxBufferSize }: GPUSupportedLimits): boolean {
  if (!Number.isInteger(size) || !Number.isInteger(usage) || typeof mapped !== 'boolean') return false;
  const bytes = size as number;
  const flags = usage as number;
  const { MAP_READ, MAP_WRITE, COPY_SRC, COPY_DST, QUERY_RESOLVE } = GPUBufferUsage;
  if (bytes < 0 || bytes > maxBufferSize || flags <= 0 || flags >= QUERY_RESOLVE * 2) return false;
  if ((flags & MAP_READ) !== 0 && (flags & ~(MAP_READ | COPY_DST)) !== 0) return false;
  if ((flags & MAP_WRITE) !== 0 && (flags & ~(MAP_WRITE | COPY_SRC)) !== 0) return false;
  return !mapped || bytes % 4 === 0;
}

/** Whether it can be made zero again, by a command or by hand. */
function isPoolable(bytes: Bytes, usage: GPUFlagsConstant): boolean {
  return bytes > 0 && bytes % 4 === 0 && (usage & (GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_WRITE)) !== 0;
}
