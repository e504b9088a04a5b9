import { afterAll, beforeAll, expect, test } from 'vitest';

import { requestOnnxDevice } from '../onnx/device.ts';
import { openOnnx, type OnnxRuntime } from '../onnx/runtime.ts';
import { wasmPaths } from '../onnx/wasm-paths.ts';
import { big, deep, diffusion, edges, type Diffusion } from './models.ts';

let device: GPUDevice;
let onnx: OnnxRuntime;
let dispatchCount = 0;
const dispatchWorkgroups = GPUComputePassEncoder.prototype.dispatchWorkgroups;

beforeAll(async () => {
  const requested = await requestOnnxDevice(navigator.gpu);
  if (!requested.ok) throw new Error(requested.failure.code);
  device = requested.value;
  onnx = await openOnnx(device, { wasmPaths });
  GPUComputePassEncoder.prototype.dispatchWorkgroups = function (this: GPUComputePassEncoder, ...counts: [number, number?, number?]) {
    dispatchCount += 1;
    return dispatchWorkgroups.apply(this, counts);
  };
}, 60_000);

afterAll(() => {
  GPUComputePassEncoder.prototype.dispatchWorkgroups = dispatchWorkgroups;
  device.destroy();
});

type Picture = Float32Array;

/** A bright disc on a dark ground, with a grain that a blur removes. */
const disc = (size: number): Picture =>
  Float32Array.from({ length: size * size }, (_, at) => {
    const [x, y] = [at % size, Math.floor(at / size)];
    return (Math.hypot(x - size / 2, y - size / 3) < size / 4 ? 0.8 : 0.1) + ((x + y) % 2) * 0.1;
  });

async function run(bytes: Uint8Array, image: Picture, size: number): Promise<Picture> {
  const loaded = await onnx.load(bytes, { name: 'demo' });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.failure));
  const { model, outputs } = loaded.value;
  dispatchCount = 0;
  const outcome = await onnx.run(model, { image: { type: 'float32', dims: [size, size], data: image } }, { encoded: () => undefined });
  if (!outcome.ok) throw new Error(JSON.stringify(outcome.failure));
  await onnx.release(model);
  const output = outcome.value[outputs[0]!.name]!;
  expect(output.dims).toEqual([size, size]);
  return output.data as Picture;
}

/** Beyond its border a picture goes on as its mirror image. */
function pixel(picture: ArrayLike<number>, size: number, x: number, y: number): number {
  const inside = (at: number): number => (at < 0 ? inside(-1 - at) : at >= size ? inside(2 * size - 1 - at) : at);
  return picture[inside(y) * size + inside(x)]!;
}

const worst = (a: ArrayLike<number>, b: ArrayLike<number>): number => Array.from(a, (value, at) => Math.abs(value - b[at]!)).reduce((m, d) => Math.max(m, d), 0);

test('edges are the length of the Sobel gradient, in eight dispatches', async () => {
  const size = 48;
  const image = disc(size);
  const expected = Array.from({ length: size * size }, (_, at) => {
    const [x, y] = [at % size, Math.floor(at / size)];
    const p = (dx: number, dy: number) => pixel(image, size, x + dx, y + dy);
    const dx = [-1, 0, 1].reduce((sum, dy) => sum + (2 - Math.abs(dy)) / 4 * (p(1, dy) - p(-1, dy)), 0);
    const dy = [-1, 0, 1].reduce((sum, side) => sum + (2 - Math.abs(side)) / 4 * (p(side, 1) - p(side, -1)), 0);
    return Math.hypot(dx, dy);
  });
  expect(worst(await run(edges({ size }), image, size), expected)).toBeLessThan(1e-5);
  expect(dispatchCount).toBe(8);
}, 60_000);

test('a flat picture has no edges, and a sharp border is bright on both sides of it', async () => {
  const size = 16;
  const image = Float32Array.from({ length: size * size }, (_, at) => (at % size < 8 ? 0 : 1));
  const found = await run(edges({ size }), image, size);
  expect(Array.from(found.subarray(0, size), (value) => Math.round(value * 1000) / 1000)).toEqual([0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0]);
}, 60_000);

/** One pass per axis and step, straight from the definition, in doubles. */
function diffused(image: Picture, { size, steps, sigma }: Diffusion): ArrayLike<number> {
  const spread = sigma * sigma / steps;
  const reach = Math.ceil(4 * Math.sqrt(spread));
  const weights = Array.from({ length: 2 * reach + 1 }, (_, at) => Math.exp(-((at - reach) ** 2) / 2 / spread));
  const sum = weights.reduce((a, b) => a + b);
  const blur = (picture: ArrayLike<number>, across: number) => Array.from({ length: size * size }, (_, at) =>
    weights.reduce((value, weight, k) =>
      value + weight / sum * pixel(picture, size, at % size + (k - reach) * across, Math.floor(at / size) + (k - reach) * (1 - across)), 0));
  let picture: ArrayLike<number> = image;
  for (let step = 0; step < steps; step++) picture = blur(blur(picture, 0), 1);
  return picture;
}

const mean = (picture: ArrayLike<number>): number => Array.from(picture).reduce((a, b) => a + b, 0) / picture.length;

test.each([
  ['deep: 128 dispatches', deep, 128],
  ['big: 16 dispatches', big, 16],
])('diffusion is a Gaussian blur that keeps the mean (%s)', async (_, shape, dispatches) => {
  const image = disc(shape.size);
  const output = await run(diffusion(shape), image, shape.size);
  expect(dispatchCount).toBe(dispatches);
  expect(worst(output, diffused(image, shape))).toBeLessThan(1e-4);
  expect(mean(output)).toBeCloseTo(mean(image), 4);
}, 60_000);
