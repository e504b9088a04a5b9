import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-web/webgpu';

import { HostileSwitch } from '../gpu/hostile-switch.ts';
import { threadNow } from '../gpu/port-switch.ts';
import { scheduleDevice } from '../gpu/scheduled-device.ts';
import { describe, type Outcome } from '../wire/failure.ts';
import type { Feeds, Tensor } from '../wire/tensor.ts';
import { requestOnnxDevice } from './device.ts';
import { Lock } from './lock.ts';
import type { ModelFolder, RealModel, Sample } from './real-models.ts';
import { Rival } from './rival.ts';
import { type OnnxRuntime, openOnnx } from './runtime.ts';
import { wasmPaths } from './wasm-paths.ts';

/** What was seen of one model. */
export interface Comparison {
  /** Where the runs in slices differ from stock onnxruntime-web on a plain device, in one bit or more. */
  readonly differences: readonly string[];
  /** Where they are further than 1e-3 + 1e-3·|value| from what the folder says comes out. */
  readonly errors: readonly string[];
  readonly runs: number;
  /** Slices that the scheduler released for the model; what passes straight through is no slice. */
  readonly slices: number;
  /** How often the other tenant came round meanwhile. */
  readonly rivalRounds: number;
  readonly isRivalRight: boolean;
}

/**
 * Runs models on a scheduled device under the worst scheduler, beside a tenant that never pauses, and with stock onnxruntime-web on a plain device.
 * For tests; one thing at a time, as onnxruntime-web has one WASM instance.
 */
export class SlicedModels {
  readonly #folder: ModelFolder;
  readonly #plain: GPUDevice;
  readonly #scheduled: GPUDevice;
  readonly #onnx: OnnxRuntime;
  readonly #switch: HostileSwitch;
  readonly #rival: Rival;
  /** A test that ran out of time goes on, and the next must not meet it inside onnxruntime-web. */
  readonly #lock = new Lock();

  private constructor(folder: ModelFolder, plain: GPUDevice, scheduled: GPUDevice, onnx: OnnxRuntime, hostile: HostileSwitch, rival: Rival) {
    this.#folder = folder;
    this.#plain = plain;
    this.#scheduled = scheduled;
    this.#onnx = onnx;
    this.#switch = hostile;
    this.#rival = rival;
  }

  static async open(folder: ModelFolder): Promise<SlicedModels> {
    const [plain, scheduled, other] = [await requestDevice(), await requestDevice(), await requestDevice()];
    const hostile = new HostileSwitch(nextTask());
    scheduleDevice(scheduled, { tenant: 'model', priority: 'user-visible', switch: hostile, now: threadNow });
    scheduleDevice(other, { tenant: 'rival', priority: 'background', switch: new HostileSwitch(nextTask()), now: threadNow });
    return new SlicedModels(folder, plain, scheduled, await openOnnx(scheduled, { wasmPaths }), hostile, new Rival(other));
  }

  close(): void {
    this.#plain.destroy();
    this.#scheduled.destroy();
    this.#rival.destroy();
  }

  /** Runs every sample once on the plain device and `repeats` times in slices. */
  compare(model: RealModel, repeats: number): Promise<Comparison> {
    return this.#lock.hold(() => this.#compare(model, repeats));
  }

  async #compare(model: RealModel, repeats: number): Promise<Comparison> {
    const bytes = await this.#folder.read(model.file);
    const samples = await this.#folder.samples(model);
    const wanted = await this.#runPlain(bytes, samples.map(({ feeds }) => feeds));
    const slicesBefore = this.#switch.released;
    this.#rival.start();
    let seen, rival;
    try {
      seen = await this.#runSliced(bytes, samples, wanted, repeats);
    } finally {
      rival = await this.#rival.stop();
    }
    const slices = this.#switch.released - slicesBefore;
    return { ...seen, runs: repeats * samples.length, slices, rivalRounds: rival.rounds, isRivalRight: rival.isRight };
  }

  async #runSliced(bytes: Uint8Array, samples: readonly Sample[], wanted: readonly Feeds[], repeats: number): Promise<Pick<Comparison, 'differences' | 'errors'>> {
    const { model } = valueOf(await this.#onnx.load(bytes, { name: 'sliced' }));
    const differences: string[] = [];
    const errors: string[] = [];
    for (let run = 0; run < repeats; run += 1) {
      for (const [index, { feeds, expected }] of samples.entries()) {
        const outputs = valueOf(await this.#onnx.run(model, feeds, { encoded: () => undefined }));
        differences.push(...compareAll(wanted[index]!, outputs, sameBits).map((where) => `run ${run}, sample ${index}: ${where}`));
        if (expected) errors.push(...compareAll(expected, outputs, isNear).map((where) => `run ${run}, sample ${index}: ${where}`));
      }
    }
    await this.#onnx.release(model);
    return { differences, errors };
  }

  async #runPlain(bytes: Uint8Array, samples: readonly Feeds[]): Promise<readonly Feeds[]> {
    const session = await InferenceSession.create(bytes, { executionProviders: [{ name: 'webgpu', device: this.#plain }], logSeverityLevel: 3 });
    const results: Feeds[] = [];
    for (const feeds of samples) {
      const inputs = Object.entries(feeds).map(([name, { type, data, dims }]) => [name, new OrtTensor(type, data as OrtTensor.DataType, dims)]);
      const outputs = await session.run(Object.fromEntries(inputs) as InferenceSession.FeedsType);
      results.push(Object.fromEntries(Object.entries(outputs).map(([name, { type, dims, data }]) => [name, { type, dims, data } as Tensor])));
    }
    await session.release();
    return results;
  }
}

const valueOf = <T>(outcome: Outcome<T>): T => {
  if (!outcome.ok) throw new Error(describe(outcome.failure));
  return outcome.value;
};

const requestDevice = async (): Promise<GPUDevice> => valueOf(await requestOnnxDevice(navigator.gpu));

/** A task of its own for each call; timers would wait 4 ms. */
function nextTask(): (call: () => void) => void {
  const { port1, port2 } = new MessageChannel();
  const waiting: (() => void)[] = [];
  port1.onmessage = () => waiting.shift()!();
  return (call) => {
    waiting.push(call);
    port2.postMessage(undefined);
  };
}

type Compare = (wanted: Tensor, actual: Tensor) => string | undefined;

function compareAll(wanted: Feeds, actual: Feeds, compare: Compare): readonly string[] {
  return Object.entries(wanted).flatMap(([name, tensor]) => {
    const other = actual[name];
    if (other === undefined) return [`${name} is missing`];
    const shapes = [tensor, other].map(({ type, dims, data }) => `${type}[${dims.join()}] of ${data.length}`);
    const where = shapes[0] === shapes[1] ? compare(tensor, other) : `${shapes[1]}, not ${shapes[0]}`;
    return where === undefined ? [] : [`${name} is ${where}`];
  });
}

/** Bits, not numbers: -0 is not 0, and a NaN is itself. */
const sameBits: Compare = ({ data: wanted }, { data: actual }) => {
  const [left, right] = [bytesOf(wanted), bytesOf(actual)];
  const at = left.findIndex((byte, index) => byte !== right[index]);
  return at < 0 ? undefined : `different at byte ${at} of ${left.length}`;
};

const isNear: Compare = ({ data: wanted }, { data: actual }) => {
  for (let index = 0; index < wanted.length; index += 1) {
    const [left, right] = [Number(wanted[index]), Number(actual[index])];
    const same = Object.is(left, right) || Math.abs(left - right) <= 1e-3 + 1e-3 * Math.abs(left);
    if (!same) return `${right} at ${index}, not ${left}`;
  }
  return undefined;
};

const bytesOf = (data: Tensor['data']): Uint8Array =>
  ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new TextEncoder().encode(data.join('\0'));
