import * as tf from '@tensorflow/tfjs-core';
import { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { env, InferenceSession, Tensor } from 'onnxruntime-web/webgpu';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { diffusion } from '../demo/models.ts';
import { HostileSwitch } from '../gpu/hostile-switch.ts';
import { threadNow } from '../gpu/port-switch.ts';
import { scheduleDevice } from '../gpu/scheduled-device.ts';
import { onnxDeviceDescriptor } from '../onnx/device.ts';
import { wasmPaths } from '../onnx/wasm-paths.ts';
import { scheduleGpu } from './schedule-gpu.ts';

env.wasm.wasmPaths = wasmPaths;
env.wasm.numThreads = 1;

/** Both libraries run this often, one beside the other. */
const rounds = 3;

const size = 64;
const model = diffusion({ size, steps: 8, sigma: 4 });
const image = (round: number): Float32Array => new Float32Array(size * size).map((_, at) => Math.fround(Math.sin(at * 0.37 + round)));

async function requestDevice(): Promise<GPUDevice> {
  const adapter = await navigator.gpu.requestAdapter();
  return adapter!.requestDevice(onnxDeviceDescriptor(adapter!));
}

type Bits = readonly string[];

const bitsOf = (values: Float32Array): string => [...new Uint32Array(values.buffer, values.byteOffset, values.length)].map((bits) => bits.toString(16)).join(' ');

/** Stock onnxruntime-web, as an application uses it: with an error scope around each run, and outputs brought to the CPU in it. */
async function runOnnx(provider: InferenceSession.ExecutionProviderConfig): Promise<Bits> {
  const session = await InferenceSession.create(model, { executionProviders: [provider], logSeverityLevel: 3 });
  const results: string[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const { diffused } = await session.run({ image: new Tensor('float32', image(round), [size, size]) });
    results.push(bitsOf(diffused!.data as Float32Array));
  }
  await session.release();
  return results;
}

/** A small network in TensorFlow.js, read in the middle as well, so that it goes back and forth between CPU and GPU. */
async function runTensorFlow(backend: string): Promise<Bits> {
  await tf.setBackend(backend);
  const results: string[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const picture = tf.tensor4d(image(round), [1, size, size, 1]);
    const filters = tf.tensor4d(image(round + 10).slice(0, 3 * 3 * 8), [3, 3, 1, 8]);
    const middle = tf.tidy(() => tf.maxPool(tf.relu(tf.conv2d(picture, filters, 1, 'same')), 2, 2, 'valid'));
    results.push(bitsOf(await middle.data() as Float32Array));
    const end = tf.tidy(() => {
      const rows = tf.reshape(middle, [size * 4, size / 2]);
      const squares = tf.matMul(rows, rows, true, false);
      return tf.softmax(tf.sub(tf.cumsum(squares, 1), tf.mean(tf.transpose(squares), 1, true)));
    });
    results.push(bitsOf(await end.data() as Float32Array));
    tf.dispose([picture, filters, middle, end]);
  }
  return results;
}

/** Kernels belong to a name, and the library's own name requests its own device. */
function registerBackend(name: string, device: GPUDevice): void {
  tf.copyRegisteredKernels('webgpu', name);
  tf.registerBackend(name, () => new WebGPUBackend(device, device.adapterInfo));
}

let expected: readonly [Bits, Bits];

beforeAll(async () => {
  registerBackend('plain', await requestDevice());
  expected = [await runTensorFlow('plain'), await runOnnx({ name: 'webgpu', device: await requestDevice() })];
});

afterAll(() => {
  for (const name of tf.engine().backendNames()) tf.removeBackend(name);
});

test('what the libraries compute is more than zeros', () => {
  for (const results of expected) {
    for (const bits of results) expect(new Set(bits.split(' ')).size).toBeGreaterThan(10);
  }
});

test('TensorFlow.js and onnxruntime-web at once, cut at every dispatch, give what they give on plain devices', async () => {
  const hostile = new HostileSwitch();
  const scheduled = async (tenant: string): Promise<GPUDevice> => {
    const device = await requestDevice();
    scheduleDevice(device, { tenant, priority: 'user-visible', switch: hostile, now: threadNow });
    return device;
  };
  registerBackend('hostile', await scheduled('tensorflow'));
  const device = await scheduled('onnx');
  const seen = await Promise.all([runTensorFlow('hostile'), runOnnx({ name: 'webgpu', device })]);
  expect(seen).toEqual(expected);
  // Sixteen products in the one, more than four kernels in the other.
  expect(hostile.released).toBeGreaterThan(rounds * (16 + 4));
});

test('TensorFlow.js and onnxruntime-web at once, on devices they request themselves under scheduleGpu, give what they give on plain devices', async () => {
  const background = scheduleGpu({ tenant: 'tensorflow', priority: 'background' });
  await tf.setBackend('webgpu');
  background.restore();
  const urgent = scheduleGpu({ tenant: 'onnx', priority: 'user-blocking' });
  const seen = await Promise.all([runTensorFlow('webgpu'), runOnnx('webgpu')]);
  urgent.restore();
  expect(seen).toEqual(expected);
  for (const device of [(tf.backend() as WebGPUBackend).device, await env.webgpu.device]) {
    expect(Object.hasOwn(device, 'createCommandEncoder')).toBe(true); // A plain device has it from its prototype.
  }
});
