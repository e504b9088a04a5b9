import { InferenceSession, type Tensor as OrtTensor } from 'onnxruntime-web/webgpu';

import type { Bytes } from '../base/units.ts';
import type { Feeds } from '../wire/tensor.ts';
import type { ModelHeader, ValueHeader } from './proto.ts';
import { gpuTypes, ReadBack } from './read-back.ts';
import { upload } from './upload.ts';

export interface SessionSource {
  readonly bytes: Uint8Array;
  readonly header: ModelHeader;
  /** Sizes of named free dimensions, fixed when the session is created. */
  readonly freeDimensions: Readonly<Record<string, number>>;
  readonly preferredLayout: 'NHWC' | 'NCHW' | undefined;
}

/** Does `work` and tells, also when it fails, which buffers it has made that are still there. */
export type RecordBuffers = <T>(work: () => Promise<T>, tell: (made: readonly GPUBuffer[]) => void) => Promise<T>;

/**
 * A model as onnxruntime holds it, made again when a failed run has spoilt it: after a failure onnxruntime goes on with the feeds of the failed run,
 * which are freed by then (`inputOutputBound` in wasm-core-impl.ts is only cleared by success): the thread freezes for good.
 *
 * Every method that is a promise must be called while holding the instance's lock.
 */
export class Session {
  readonly inputs: readonly ValueHeader[];
  readonly readBack: ReadBack;
  readonly #device: GPUDevice;
  readonly #source: SessionSource;
  readonly #record: RecordBuffers | undefined;
  #ort: InferenceSession | undefined;
  #spoilt = false;
  /** What was made while the session was, and is still there. */
  #weights: readonly GPUBuffer[] = [];
  /** The most that a run needed besides the weights; `undefined` before the first. */
  runBytes: Bytes | undefined;

  /** `record`, of a scheduled device's buffers: tells what a piece of work has made and not destroyed. */
  constructor(device: GPUDevice, source: SessionSource, inputs: readonly ValueHeader[], record?: RecordBuffers) {
    this.#device = device;
    this.#record = record;
    this.#source = source;
    this.inputs = inputs;
    this.readBack = new ReadBack(device);
  }

  /** Whether its weights are on the GPU. */
  get isOpen(): boolean {
    return this.#ort !== undefined && !this.#spoilt;
  }

  /** What must fit while it is made: the weights, and the staging of the largest. */
  get weightBytes(): Bytes {
    let sum = 0;
    let largest = 0;
    for (const { bytes } of this.#source.header.initializers) {
      sum += aligned(bytes);
      largest = Math.max(largest, aligned(bytes));
    }
    return sum + largest;
  }

  /** Some size of its inputs may change from run to run, and with it those of everything in between. */
  get isDynamic(): boolean {
    return this.inputs.some(({ dims }) => dims.some((size) => typeof size !== 'number'));
  }

  /** Makes the session, unless there is a sound one. */
  async open(): Promise<InferenceSession> {
    if (this.#spoilt) await this.release();
    this.#ort ??= this.#record === undefined ? await this.#create() : await this.#record(() => this.#create(), (made) => (this.#weights = made));
    return this.#ort;
  }

  /** The outputs, most of them still being computed on the GPU. */
  async run(feeds: Feeds): Promise<Record<string, OrtTensor>> {
    const ort = await this.open();
    const { inputs, release } = upload(this.#device, feeds);
    try {
      return await ort.run(inputs) as Record<string, OrtTensor>;
    } catch (error) {
      this.#spoilt = true;
      throw error;
    } finally {
      release();
    }
  }

  /**
   * Frees what onnxruntime holds; the next run makes it again. onnxruntime itself keeps the weights of a released session until the last session on the device is
   * released (1.30, in every cache mode), and never uses them again; so they are destroyed here.
   */
  async release(): Promise<void> {
    const ort = this.#ort;
    this.#ort = undefined;
    this.#spoilt = false;
    try {
      await ort?.release();
    } finally {
      for (const buffer of this.#weights) if ((buffer.usage & GPUBufferUsage.STORAGE) !== 0) buffer.destroy();
      this.#weights = [];
    }
  }

  #create(): Promise<InferenceSession> {
    const { bytes, header, freeDimensions, preferredLayout } = this.#source;
    const locations = header.outputs.filter(({ type }) => gpuTypes.has(type)).map(({ name }) => [name, 'gpu-buffer'] as const);
    return InferenceSession.create(bytes, {
      // wgpuOnly: the default keeps an error scope open across the awaits of a run. Errors are heard by `uncapturederror` instead. The first
      // session on a device decides for all.
      // lazyRelease: what a run does not need any more is destroyed at once, and pooled by the scheduled device.
      executionProviders: [{
        name: 'webgpu', device: this.#device, validationMode: 'wgpuOnly', storageBufferCacheMode: 'lazyRelease', ...(preferredLayout && { preferredLayout }),
      }],
      ...(locations.length > 0 && { preferredOutputLocation: Object.fromEntries(locations) }),
      freeDimensionOverrides: { ...freeDimensions },
      // Its warnings name nodes that run on the CPU, which is no news to a user of this page.
      logSeverityLevel: 3,
    });
  }
}

/** As onnxruntime rounds its buffers. */
const aligned = (bytes: Bytes): Bytes => Math.ceil(bytes / 16) * 16;

/** The same for the same model with the same settings, whose sessions compute the same. */
export async function identityOf({ bytes, freeDimensions, preferredLayout }: SessionSource): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
  const sizes = Object.entries(freeDimensions).sort(([one], [other]) => (one < other ? -1 : 1));
  return `${digest.join(' ')} ${JSON.stringify(sizes)} ${preferredLayout ?? ''}`;
}
