import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Outcome } from '../wire/failure.ts';
import type { Feeds, Tensor, TensorType } from '../wire/tensor.ts';
import { requestOnnxDevice } from './device.ts';
import { randomFeeds } from './feeds.ts';
import { writeModel, type NodeSource } from './model-writer.ts';
import type { LoadedModel } from '../wire/messages.ts';
import { openOnnx, type OnnxRuntime } from './runtime.ts';
import { wasmPaths } from './wasm-paths.ts';

const valueOf = <T>(outcome: Outcome<T>): T => {
  if (!outcome.ok) throw new Error(JSON.stringify(outcome.failure));
  return outcome.value;
};

const codeOf = (outcome: Outcome<unknown>): string => (outcome.ok ? 'ok' : outcome.failure.code);

const open = async (): Promise<{ device: GPUDevice; onnx: OnnxRuntime }> => {
  const device = valueOf(await requestOnnxDevice(navigator.gpu));
  return { device, onnx: await openOnnx(device, { wasmPaths }) };
};

let device: GPUDevice;
let onnx: OnnxRuntime;
beforeAll(async () => { ({ device, onnx } = await open()); }, 60_000);
afterAll(() => { device.destroy(); });

const load = async (bytes: Uint8Array): Promise<LoadedModel> => valueOf(await onnx.load(bytes, { name: 'test' }));
const quiet = { encoded: () => undefined };

/** `y = x + x`, over any number of elements. */
const double = writeModel({
  name: 'double',
  inputs: [{ name: 'x', type: 'float32', dims: ['n'] }],
  outputs: [{ name: 'y', type: 'float32', dims: ['n'] }],
  nodes: [{ operator: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
});

const floats = (...values: number[]): Tensor => ({ type: 'float32', dims: [values.length], data: Float32Array.from(values) });

/** Fails inside onnxruntime when `shape` does not hold as many elements as `x`. */
const reshape = writeModel({
  name: 'reshape',
  inputs: [{ name: 'x', type: 'float32', dims: [6] }, { name: 'shape', type: 'int64', dims: [2] }],
  outputs: [{ name: 'y', type: 'float32', dims: ['', ''] }],
  nodes: [
    { operator: 'Reshape', inputs: ['x', 'shape'], outputs: ['shaped'] },
    { operator: 'Add', inputs: ['shaped', 'shaped'], outputs: ['y'] },
  ],
});

const shaped = (first: number, ...dims: number[]): Feeds =>
  ({ x: floats(first, 2, 3, 4, 5, 6), shape: { type: 'int64', dims: [2], data: BigInt64Array.from(dims, BigInt) } });

test('a run says when it is encoded, and then gives its outputs', async () => {
  const { model, inputs, outputs } = await load(double);
  expect({ inputs, outputs }).toEqual({
    inputs: [{ name: 'x', type: 'float32', dims: ['n'] }], outputs: [{ name: 'y', type: 'float32', dims: ['n'] }],
  });
  const order: string[] = [];
  const { y } = valueOf(await onnx.run(model, { x: floats(1, 2, 3) }, { encoded: () => order.push('encoded') }));
  order.push('done');
  expect(y).toEqual(floats(2, 4, 6));
  expect(order).toEqual(['encoded', 'done']);
});

test('runs and loads asked for at once all give their own results', async () => {
  const [{ model: a }, { model: b }] = await Promise.all([load(double), load(double)]);
  const runs = Array.from({ length: 20 }, (_, i) => onnx.run(i % 2 === 0 ? a : b, { x: floats(...new Array<number>(i + 1).fill(i)) }, quiet));
  const late = load(reshape);
  const results = (await Promise.all(runs)).map(valueOf);
  results.forEach(({ y }, i) => expect(y).toEqual(floats(...new Array<number>(i + 1).fill(2 * i))));
  await late;
});

test('a size given when loading is fixed from then on', async () => {
  const { model, inputs } = valueOf(await onnx.load(double, { name: 'fixed', freeDimensions: { n: 2 } }));
  expect(inputs[0]!.dims).toEqual([2]);
  expect(codeOf(await onnx.run(model, { x: floats(1, 2, 3) }, quiet))).toBe('wrong-input-shape');
  expect(valueOf(await onnx.run(model, { x: floats(1, 2) }, quiet))['y']).toEqual(floats(2, 4));
});

describe('tensors of every type come back as they went in', () => {
  const types: TensorType[] = [
    'float32', 'float64', 'float16', 'int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64', 'bool', 'string',
  ];
  test.each(types.flatMap((type) => [[type, 5] as const, [type, 0] as const]))('%s, %i elements', async (type, count) => {
    const info = { type, dims: [count, 1] } as const;
    const { model, inputs } = await load(writeModel({
      name: type, inputs: [{ name: 'x', ...info }], outputs: [{ name: 'y', ...info }],
      nodes: [{ operator: 'Identity', inputs: ['x'], outputs: ['y'] }],
    }));
    let chance = 0;
    const feeds = randomFeeds(inputs, {}, () => (chance += 0.17) % 1);
    expect(valueOf(await onnx.run(model, feeds, quiet))).toEqual({ y: feeds['x'] });
    await onnx.release(model);
  });
});

describe('what cannot be loaded is refused with its code, and the next model loads', () => {
  const chain = (...nodes: Partial<NodeSource>[]) => writeModel({
    name: 'chain', inputs: [{ name: 'x', type: 'float32', dims: ['n'] }], outputs: [{ name: 'y', type: 'float32', dims: ['n'] }],
    nodes: nodes.map((node) => ({ operator: 'Neg', inputs: ['x'], outputs: ['y'], ...node })),
  });
  test.each([
    ['a text', new TextEncoder().encode('hello'), {}, { code: 'not-onnx' }],
    ['a graph whose node reads what nobody makes', chain({ inputs: ['nothing'] }), {}, { code: 'not-onnx' }],
    ['an operator that does not exist', chain({ operator: 'Frobnicate' }), {}, { code: 'unsupported-operator', operator: 'Frobnicate' }],
    ['an operator of a domain that does not exist', chain({ domain: 'com.example' }), {}, { code: 'unsupported-operator', operator: 'com.example.Neg' }],
    ['an opset from the future', writeModel({ name: 'late', inputs: [{ name: 'x', type: 'float32', dims: [1] }], outputs: [{ name: 'y', type: 'float32', dims: [1] }], nodes: [{ operator: 'Neg', inputs: ['x'], outputs: ['y'] }] }, { '': 99 }), {}, { code: 'unsupported-operator', operator: 'Opset 99' }],
    ['a negative size', double, { freeDimensions: { n: -1 } }, { code: 'invalid-argument' }],
    ['a broken size', double, { freeDimensions: { n: 1.5 } }, { code: 'invalid-argument' }],
    ['a layout that does not exist', double, { preferredLayout: 'CHWN' as 'NHWC' }, { code: 'invalid-argument' }],
  ])('%s', async (_, bytes, options, failure) => {
    expect(await onnx.load(bytes, { name: 'refused', ...options })).toMatchObject({ ok: false, failure });
    const { model } = await load(double);
    expect(valueOf(await onnx.run(model, { x: floats(4) }, quiet))['y']).toEqual(floats(8));
    await onnx.release(model);
  });
});

test('feeds that do not fit are refused before anything runs', async () => {
  const { model } = await load(double);
  const encoded = { encoded: () => { throw new Error('encoded'); } };
  expect(codeOf(await onnx.run(model, { z: floats(1) }, encoded))).toBe('wrong-input-name');
  expect(codeOf(await onnx.run(model, {}, encoded))).toBe('wrong-input-name');
  expect(codeOf(await onnx.run(model, { x: { type: 'int32', dims: [1], data: new Int32Array(1) } }, encoded))).toBe('wrong-input-type');
  expect(codeOf(await onnx.run(model, { x: { type: 'float32', dims: [1, 1], data: new Float32Array(1) } }, encoded))).toBe('wrong-input-shape');
});

test('after a failed run the same model runs again, with its new feeds', async () => {
  const { model } = await load(reshape);
  const failed = await onnx.run(model, shaped(1, 2, 2), quiet);
  expect(failed).toMatchObject({ ok: false, failure: { code: 'run-failed' } });
  const { y } = valueOf(await onnx.run(model, shaped(10, 3, 2), quiet));
  expect(y).toEqual({ type: 'float32', dims: [3, 2], data: Float32Array.of(20, 4, 6, 8, 10, 12) });
});

test('a run aborted while it waits never starts, one aborted on the way is dropped, and those around them go on', async () => {
  const { model } = await load(double);
  const abort = new AbortController();
  let encodedCount = 0;
  const counting = { encoded: () => { encodedCount += 1; } };
  const before = onnx.run(model, { x: floats(1) }, counting);
  const waiting = onnx.run(model, { x: floats(2) }, { ...counting, signal: abort.signal });
  const after = onnx.run(model, { x: floats(3) }, counting);
  abort.abort();
  expect(codeOf(await waiting)).toBe('aborted');
  expect(valueOf(await before)['y']).toEqual(floats(2));
  expect(valueOf(await after)['y']).toEqual(floats(6));
  expect(encodedCount).toBe(2);

  const midway = new AbortController();
  const outcome = await onnx.run(model, { x: floats(4) }, { signal: midway.signal, encoded: () => midway.abort() });
  expect(codeOf(outcome)).toBe('aborted');
  expect(codeOf(await onnx.run(model, { x: floats(4) }, { ...quiet, signal: AbortSignal.abort() }))).toBe('aborted');
  expect(valueOf(await onnx.run(model, { x: floats(5) }, quiet))['y']).toEqual(floats(10));
});

test('a released model is closed, after the runs that were asked before', async () => {
  const { model } = await load(double);
  const run = onnx.run(model, { x: floats(1) }, quiet);
  const released = onnx.release(model);
  expect(codeOf(await onnx.run(model, { x: floats(1) }, quiet))).toBe('closed');
  expect(valueOf(await run)['y']).toEqual(floats(2));
  await released;
  await onnx.release(model);
});

test('a GPU error fails the run, and no wrong result comes out of what onnxruntime keeps of it', async () => {
  const refusing = await open();
  const { model } = valueOf(await refusing.onnx.load(double, { name: 'refused' }));
  const x = floats(...new Array<number>(30_000).fill(1));
  const createBuffer = refusing.device.createBuffer;
  // Refused for its usage, so of the size asked for: onnxruntime puts it into its cache as it would one that had no memory.
  refusing.device.createBuffer = (descriptor) => createBuffer.call(refusing.device, (descriptor.usage & GPUBufferUsage.STORAGE) === 0 ? descriptor
    : { ...descriptor, usage: descriptor.usage | GPUBufferUsage.MAP_READ });
  expect(codeOf(await refusing.onnx.run(model, { x }, quiet))).toBe('run-failed');
  Reflect.deleteProperty(refusing.device, 'createBuffer');
  expect(refusing.onnx.broken).toMatch(/GPU refused/);
  const next = await refusing.onnx.run(model, { x }, quiet);
  if (next.ok) expect(next.value['y']!.data[0]).toBe(2);
  else expect(next.failure.code).toBe('run-failed');
  refusing.device.destroy();
  expect(onnx.broken).toBeUndefined();
});

test('running out of GPU memory during a run has its own code', async () => {
  const { model } = await load(double);
  const outcome = await onnx.run(model, { x: floats(1) }, {
    encoded: () => { device.dispatchEvent(new GPUUncapturedErrorEvent('uncapturederror', { error: new GPUOutOfMemoryError('not enough') })); },
  });
  expect(outcome).toMatchObject({ ok: false, failure: { code: 'out-of-memory' } });
  expect(valueOf(await onnx.run(model, { x: floats(2) }, quiet))['y']).toEqual(floats(4));
});

test('when a device is lost its runs end with that code, and another device in the thread goes on', async () => {
  const doomed = await open();
  const { model } = valueOf(await doomed.onnx.load(double, { name: 'doomed' }));
  const runs = [1, 2, 3].map((x) => doomed.onnx.run(model, { x: floats(x) }, quiet));
  doomed.device.destroy();
  for (const run of runs) expect(['ok', 'device-lost']).toContain(codeOf(await run));
  await doomed.device.lost;
  expect(codeOf(await doomed.onnx.run(model, { x: floats(1) }, quiet))).toBe('device-lost');
  expect(codeOf(await doomed.onnx.load(double, { name: 'late' }))).toBe('device-lost');
  await doomed.onnx.release(model);
  const { model: sound } = await load(double);
  expect(valueOf(await onnx.run(sound, { x: floats(6) }, quiet))['y']).toEqual(floats(12));
});
