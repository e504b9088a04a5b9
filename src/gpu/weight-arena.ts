import { assert } from '../base/assert.ts';
import type { Bytes } from '../base/units.ts';
import { type ArenaReport, type BlockId, type CompactionBudget, type Move, WeightArena, type WeightId } from '../memory/arena.ts';
import { granuleBytes, maxGranules } from '../memory/range-allocator.ts';
import { captureErrors } from './capture-errors.ts';
import type { Encodings } from './encodings.ts';
import { createReserved, type RoomAccount } from './reserved-buffers.ts';

export type { WeightId } from '../memory/arena.ts';

/** Blocks are no larger: a second one can be given back sooner. */
const largestBlock: Bytes = 2 ** 28;

/** What one pass of compaction copies unless told otherwise: a few milliseconds of GPU time, and less than one in encoding it. */
const passBudget: CompactionBudget = { maxBytes: 2 ** 23, maxMoves: 32 };

export interface DeviceWeightsOptions {
  /** What the owner of the device encodes. */
  readonly encodings: Encodings;
  /** Asked for room before a block is created. */
  readonly account?: RoomAccount | undefined;
  /** Whether an op waits that is more urgent than tidying up. */
  readonly isUrgentWaiting?: (() => boolean) | undefined;
  /** Writes whole words, at once or before the next submit of the encodings. Default: the queue's `writeBuffer`; an `UploadBelt` is one too. */
  readonly upload?: { write(buffer: GPUBuffer, offset: number, bytes: Uint8Array<ArrayBuffer>): void } | undefined;
  /** Of a shared block. Default: 256 MiB; never above what the device allows. At least 2048. */
  readonly maxBlockBytes?: Bytes | undefined;
}

/** What to bind. Good for encodings that are open or are opened until the version changes. */
export interface WeightRange {
  readonly buffer: GPUBuffer;
  /** A multiple of 256. */
  readonly offset: Bytes;
  /** A multiple of 4: up to three bytes of zero follow what was added. */
  readonly size: Bytes;
  /** Grows with every move, so (id, version) names a bind group. */
  readonly version: number;
}

export type WeightRefusal =
  | { readonly kind: 'refused'; readonly code: 'no-bytes' | 'over-buffer-limit' | 'over-binding-limit'; readonly limitBytes: Bytes }
  /** `fits`: so much at least would have fitted, as far as is known. `isSettling`: more will, once the encodings that are open now are closed. */
  | { readonly kind: 'refused'; readonly code: 'no-room'; readonly fits: Bytes; readonly isSettling: boolean }
  | { readonly kind: 'refused'; readonly code: 'device-lost' | 'closed' };

export type CompactionPass =
  /** The copies are submitted. Memory returns once the encodings that are open now are closed. */
  | { readonly kind: 'moved'; readonly moveCount: number; readonly bytes: Bytes }
  /** There is nothing to gain. */
  | { readonly kind: 'nothing' }
  /** A more urgent op waits, or the pass before is not over. */
  | { readonly kind: 'put-off' }
  /** WebGPU refused the copies, or the device is gone: everything lies where it lay. */
  | { readonly kind: 'abandoned' };

export interface DeviceWeightsReport extends ArenaReport {
  /** Weights that were removed while encodings were open that may name them. */
  readonly removedCount: number;
  /** Moves that were submitted, while encodings are open that may name where the weights lay. */
  readonly settlingCount: number;
}

type NeedsBlock = Extract<ReturnType<WeightArena['allocate']>, { kind: 'needs-block' }>;
type BlockOutcome = { readonly kind: 'made' } | { readonly kind: 'no-room'; readonly fits: Bytes } | { readonly kind: 'device-lost' };

/**
 * Read-only weights of one tenant on one device, many to a buffer. Where they lie is the arena's affair (`memory/arena.ts`); this has the buffers.
 * Bind what `resolve` says as `read-only-storage`, never as `storage`. It is right in an encoding that was open then, however the weights move
 * meanwhile, and in commands that are encoded and submitted without a pause; a bind group that is kept longer is compared by its version first.
 */
export class DeviceWeights {
  readonly #device: GPUDevice;
  readonly #options: DeviceWeightsOptions;
  readonly #arena: WeightArena;
  readonly #buffers = new Map<BlockId, GPUBuffer>();
  readonly #removed = new Set<WeightId>();
  /** Copied, while the arena still keeps both ranges. */
  readonly #moved = new Map<WeightId, Move>();
  #isPassUnderWay = false;
  /** `add` makes blocks, which takes time, so they come one after another. */
  #adding: Promise<unknown> = Promise.resolve();
  #end: 'device-lost' | 'closed' | undefined;

  constructor(device: GPUDevice, options: DeviceWeightsOptions) {
    this.#device = device;
    this.#options = options;
    const maxBufferBytes = Math.min(device.limits.maxBufferSize, maxGranules * granuleBytes);
    this.#arena = new WeightArena({ maxBlockBytes: Math.min(options.maxBlockBytes ?? largestBlock, maxBufferBytes), maxBufferBytes });
    const lose = (): void => this.#finish('device-lost');
    device.lost.then(lose, lose);
  }

  /**
   * Puts a weight on the GPU; `bytes` must not change until this resolves. When room is short blocks are made smaller, then weights are moved
   * together, then it is refused. It never waits for an encoding to be closed, so it may be awaited while one is open.
   */
  add(bytes: Uint8Array<ArrayBuffer>, label: string): Promise<{ readonly kind: 'added'; readonly id: WeightId } | WeightRefusal> {
    const added = this.#adding.then(() => this.#add(bytes, label));
    this.#adding = added.catch(() => undefined);
    return added;
  }

  /** What to bind; `undefined` when the device is gone or this was closed. One that was removed is a bug. */
  resolve(id: WeightId): WeightRange | undefined {
    assert(!this.#removed.has(id), 'a weight that was removed is not used any more');
    const place = this.#arena.resolve(id);
    if (place === undefined) return undefined;
    const move = this.#moved.get(id);
    const { block, offset } = move?.to ?? place;
    return { buffer: this.#buffers.get(block)!, offset, size: wholeWords(place.bytes), version: place.version + (move === undefined ? 0 : 1) };
  }

  /** Its bytes are given out again once the encodings that are open now are closed. Twice is a bug; after a loss it is counted. */
  remove(id: WeightId): void {
    assert(!this.#removed.has(id), 'a weight is removed once');
    if (this.#arena.resolve(id) === undefined) return;
    this.#removed.add(id);
    this.#options.encodings.whenClosed(() => {
      this.#removed.delete(id);
      this.#destroy(this.#arena.free(id));
    });
  }

  /** One pass, in one submit: moves weights so that blocks empty. Resolves when WebGPU has taken the copies; from then on weights resolve to where they lie now. */
  async compact(budget: CompactionBudget = passBudget): Promise<CompactionPass> {
    if (this.#end !== undefined) return { kind: 'abandoned' };
    if (this.#isPassUnderWay || this.#options.isUrgentWaiting?.() === true) return { kind: 'put-off' };
    const moves = this.#arena.compact(budget);
    if (moves.length === 0) return { kind: 'nothing' };
    this.#isPassUnderWay = true;
    const error = await this.#copy(moves);
    if (error !== 'none' || this.#end !== undefined) {
      this.#isPassUnderWay = false;
      this.#destroy(this.#arena.abandoned(moves));
      return { kind: 'abandoned' };
    }
    for (const move of moves) this.#moved.set(move.id, move);
    this.#options.encodings.whenClosed(() => this.#settle(moves));
    return { kind: 'moved', moveCount: moves.length, bytes: moves.reduce((sum, { bytes }) => sum + bytes, 0) };
  }

  /** Gives up empty blocks. */
  trim(): void {
    this.#destroy(this.#arena.trim());
  }

  /** Destroys all blocks, once the encodings that are open now are closed. Weights resolve to nothing from now on. */
  close(): void {
    const { encodings } = this.#options;
    const buffers = [...this.#buffers.values()];
    this.#finish('closed');
    encodings.whenClosed(() => {
      encodings.flush();
      for (const buffer of buffers) buffer.destroy();
    });
  }

  /** What was not removed, to be named as leaks. */
  *labels(): Iterable<string> {
    for (const { id, label } of this.#arena.weights()) if (!this.#removed.has(id)) yield label;
  }

  report(): DeviceWeightsReport {
    return { ...this.#arena.report(), removedCount: this.#removed.size, settlingCount: this.#moved.size };
  }

  async #add(bytes: Uint8Array<ArrayBuffer>, label: string): Promise<{ readonly kind: 'added'; readonly id: WeightId } | WeightRefusal> {
    const { byteLength } = bytes;
    const { maxStorageBufferBindingSize: limitBytes } = this.#device.limits;
    if (wholeWords(byteLength) > limitBytes) return { kind: 'refused', code: 'over-binding-limit', limitBytes };
    let fits = 0;
    for (const step of ['as it is', 'new block', 'compaction', 'trimmed and new block'] as const) {
      if (step === 'compaction') await this.#compactFor(byteLength);
      if (step === 'trimmed and new block') this.trim();
      if (this.#end !== undefined) return { kind: 'refused', code: this.#end };
      let got = this.#arena.allocate(byteLength, label);
      if (got.kind === 'needs-block' && (step === 'new block' || step === 'trimmed and new block')) {
        const outcome = await this.#makeBlock(got);
        if (this.#end !== undefined) return { kind: 'refused', code: this.#end };
        if (outcome.kind === 'device-lost') return { kind: 'refused', code: 'device-lost' };
        if (outcome.kind === 'no-room') fits = outcome.fits;
        else got = this.#arena.allocate(byteLength, label);
      }
      if (got.kind === 'refused') return got;
      if (got.kind === 'needs-block') continue;
      this.#write(got.id, bytes);
      return { kind: 'added', id: got.id };
    }
    const { largestFreeBytes } = this.#arena.report();
    return { kind: 'refused', code: 'no-room', fits: Math.max(fits, largestFreeBytes), isSettling: this.#moved.size + this.#removed.size > 0 };
  }

  /** Passes until there is room, or nothing more to gain at once. */
  async #compactFor(bytes: Bytes): Promise<void> {
    let pass: CompactionPass;
    do pass = await this.compact();
    while (pass.kind === 'moved' && this.#moved.size === 0 && this.#arena.report().largestFreeBytes < bytes);
  }

  /** A block of the size that is asked for, or of a half, a quarter or an eighth of it, or of what is needed now. */
  async #makeBlock({ bytes, leastBytes, use }: NeedsBlock): Promise<BlockOutcome> {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
    const sizes = [1, 2, 4, 8].map((part) => Math.floor(bytes / part / granuleBytes) * granuleBytes).filter((size) => size > leastBytes);
    let fits = 0;
    for (const size of [...sizes, leastBytes]) {
      const made = await createReserved(this.#device, [{ label: `weights (${use})`, size, usage }], this.#options.account);
      if (made.kind === 'created') {
        const [buffer] = made.buffers;
        if (this.#end === undefined) this.#buffers.set(this.#arena.addBlock(size, use), buffer!);
        else buffer!.destroy();
        return { kind: 'made' };
      }
      if (made.code === 'device-lost') return { kind: 'device-lost' };
      fits = made.fits ?? 0;
    }
    return { kind: 'no-room', fits };
  }

  #write(id: WeightId, bytes: Uint8Array<ArrayBuffer>): void {
    const { upload } = this.#options;
    const { queue } = this.#device;
    const { block, offset } = this.#arena.resolve(id)!;
    const buffer = this.#buffers.get(block)!;
    const write = (at: number, part: Uint8Array<ArrayBuffer>): void =>
      upload === undefined ? queue.writeBuffer(buffer, offset + at, part) : upload.write(buffer, offset + at, part);
    const whole = bytes.byteLength - (bytes.byteLength % 4);
    if (whole > 0) write(0, bytes.subarray(0, whole));
    if (whole === bytes.byteLength) return;
    const tail = new Uint8Array(4);
    tail.set(bytes.subarray(whole));
    write(whole, tail);
  }

  #copy(moves: readonly Move[]): ReturnType<typeof captureErrors> {
    this.#options.encodings.flush(); // Weights that were just added are copied as they were written.
    return captureErrors(this.#device, ['out-of-memory', 'validation'], () => {
      const encoder = this.#device.createCommandEncoder({ label: 'compaction' });
      for (const { from, to, bytes } of moves) {
        encoder.copyBufferToBuffer(this.#buffers.get(from.block)!, from.offset, this.#buffers.get(to.block)!, to.offset, bytes);
      }
      this.#device.queue.submit([encoder.finish()]);
    });
  }

  /** Nothing that is still to be submitted names the old places. */
  #settle(moves: readonly Move[]): void {
    this.#isPassUnderWay = false;
    this.#moved.clear();
    this.#destroy(this.#arena.moved(moves));
  }

  #destroy(blocks: readonly BlockId[]): void {
    // What waits to be uploaded there would be refused, and with it all that waits beside it.
    if (blocks.length > 0) this.#options.encodings.flush();
    for (const block of blocks) {
      this.#buffers.get(block)?.destroy();
      this.#buffers.delete(block);
    }
  }

  #finish(end: 'device-lost' | 'closed'): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#arena.lose();
    this.#buffers.clear();
    this.#moved.clear();
  }
}

const wholeWords = (bytes: Bytes): Bytes => Math.ceil(bytes / 4) * 4;
