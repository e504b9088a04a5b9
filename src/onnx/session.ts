import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-web/webgpu';

import type { Feeds } from '../wire/tensor.ts';
import type { ModelHeader, ValueHeader } from './proto.ts';
import { gpuTypes, ReadBack } from './read-back.ts';

export interface SessionSource {
  readonly bytes: Uint8Array;
  readonly header: ModelHeader;
  /** Sizes of named free dimensions, fixed when the session is created. */
  readonly freeDimensions: Readonly<Record<string, number>>;
  readonly preferredLayout: 'NHWC' | 'NCHW' | undefined;
}

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
  #ort: InferenceSession | undefined;
  #spoilt = false;

  constructor(device: GPUDevice, source: SessionSource, inputs: readonly ValueHeader[]) {
    this.#device = device;
    this.#source = source;
    this.inputs = inputs;
    this.readBack = new ReadBack(device);
  }

  /** Makes the session, unless there is a sound one. */
  async open(): Promise<InferenceSession> {
    if (this.#spoilt) await this.release();
    this.#ort ??= await this.#create();
    return this.#ort;
  }

  /** The outputs, most of them still being computed on the GPU. */
  async run(feeds: Feeds): Promise<Record<string, OrtTensor>> {
    const ort = await this.open();
    const inputs = Object.entries(feeds).map(([name, { type, data, dims }]) => [name, new OrtTensor(type, data as OrtTensor.DataType, dims)]);
    try {
      return await ort.run(Object.fromEntries(inputs) as InferenceSession.FeedsType) as Record<string, OrtTensor>;
    } catch (error) {
      this.#spoilt = true;
      throw error;
    }
  }

  /** Frees what onnxruntime holds; the next run makes it again. */
  async release(): Promise<void> {
    const ort = this.#ort;
    this.#ort = undefined;
    this.#spoilt = false;
    await ort?.release();
  }

  #create(): Promise<InferenceSession> {
    const { bytes, header, freeDimensions, preferredLayout } = this.#source;
    const locations = header.outputs.filter(({ type }) => gpuTypes.has(type)).map(({ name }) => [name, 'gpu-buffer'] as const);
    return InferenceSession.create(bytes, {
      // wgpuOnly: the default keeps an error scope open across the awaits of a run. Errors are heard by `uncapturederror` instead. The first
      // session on a device decides for all.
      executionProviders: [{ name: 'webgpu', device: this.#device, validationMode: 'wgpuOnly', ...(preferredLayout && { preferredLayout }) }],
      ...(locations.length > 0 && { preferredOutputLocation: Object.fromEntries(locations) }),
      freeDimensionOverrides: { ...freeDimensions },
      // Its warnings name nodes that run on the CPU, which is no news to a user of this page.
      logSeverityLevel: 3,
    });
  }
}
