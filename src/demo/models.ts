import { writeModel, type Initializer, type NodeSource } from '../onnx/model-writer.ts';

/**
 * The demo's models, made when the page opens: their weights are formulas, so nothing is downloaded and what they draw means
 * something. Sizes are square; pictures are row-major, 0 is black and 1 is white.
 */

/** Defaults of `edges`: 4 dispatches, together a few milliseconds on the software adapter with two cores. */
export const interactive = { size: 128 } as const;

/** Defaults of `diffusion` in the shape of a transformer: many short dispatches (128 of about 1.2 ms on the software adapter). */
export const deep = { size: 192, steps: 64, sigma: 8 } as const;

/** Defaults of `diffusion` with few long dispatches (16 of about 7 ms on the software adapter). */
export const big = { size: 384, steps: 8, sigma: 16 } as const;

const sobelX = [-1, 0, 1, -2, 0, 2, -1, 0, 1];
const sobelY = [-1, -2, -1, 0, 0, 0, 1, 2, 1];
const luma = [0.299, 0.587, 0.114];
const binomial = [1, 4, 6, 4, 1];

/**
 * Finds edges: `image` float32[1, 3, size, size] (red, green, blue) gives `edges` float32[1, 1, size, size], the slope of the
 * smoothed brightness: 0 where it is flat, 1 across a sharp border between black and white.
 */
export function edges({ size }: { readonly size: number } = interactive): Uint8Array<ArrayBuffer> {
  return writeModel({
    name: 'edges',
    inputs: [{ name: 'image', type: 'float32', dims: [1, 3, size, size] }],
    outputs: [{ name: 'edges', type: 'float32', dims: [1, 1, size, size] }],
    nodes: [
      // Convolutions pad with black, which would draw a frame around the picture.
      { operator: 'Pad', inputs: ['image', 'margins'], outputs: ['framed'], attributes: { mode: { string: 'edge' } } },
      { operator: 'Conv', inputs: ['framed', 'smooth'], outputs: ['brightness'] },
      { operator: 'Conv', inputs: ['brightness', 'sobel'], outputs: ['slopes'] },
      { operator: 'Mul', inputs: ['slopes', 'slopes'], outputs: ['squares'] },
      { operator: 'Conv', inputs: ['squares', 'sum'], outputs: ['energy'] },
      { operator: 'Sqrt', inputs: ['energy'], outputs: ['edges'] },
    ],
    initializers: [
      { name: 'margins', type: 'int64', dims: [8], data: BigInt64Array.of(0n, 0n, 3n, 3n, 0n, 0n, 3n, 3n) },
      floats('smooth', [1, 3, 5, 5], luma.flatMap((weight) => binomial.flatMap((y) => binomial.map((x) => (weight * x * y) / 256)))),
      // 2.5 = 4 · (6 + 4) / 16: four from Sobel's own weights, the rest what smoothing leaves of a step between pixels two apart.
      floats('sobel', [2, 1, 3, 3], [...sobelX, ...sobelY].map((weight) => weight / 2.5)),
      floats('sum', [1, 2, 1, 1], [1, 1]),
    ],
  });
}

/** `sigma` is the standard deviation of the whole blur in pixels: each step adds `sigma² / steps` of variance. */
export interface Diffusion { readonly size: number; readonly steps: number; readonly sigma: number }

/**
 * Lets a picture diffuse as heat does: `image` float32[size, size] gives `diffused`, the picture after a Gaussian blur of `sigma`, its mean unchanged.
 * Two matrix products a step, `B·u·B`, B the blur along one axis with mirrored borders.
 */
export function diffusion({ size, steps, sigma }: Diffusion): Uint8Array<ArrayBuffer> {
  const dims = [size, size];
  const nodes: NodeSource[] = [];
  for (let step = 0; step < steps; step++) {
    const from = step === 0 ? 'image' : `u${step}`;
    nodes.push(
      { operator: 'MatMul', inputs: ['blur', from], outputs: [`columns${step}`] },
      { operator: 'MatMul', inputs: [`columns${step}`, 'blur'], outputs: [step === steps - 1 ? 'diffused' : `u${step + 1}`] },
    );
  }
  return writeModel({
    name: 'diffusion',
    inputs: [{ name: 'image', type: 'float32', dims }],
    outputs: [{ name: 'diffused', type: 'float32', dims }],
    nodes,
    initializers: [floats('blur', dims, blurMatrix(size, sigma / Math.sqrt(steps)))],
  });
}

/** Row i spreads pixel i over its neighbours; what would leave at a border is mirrored back. Symmetric, rows and columns sum to 1. */
export function blurMatrix(size: number, sigma: number): Float64Array {
  const reach = Math.ceil(4 * sigma);
  const kernel = Array.from({ length: 2 * reach + 1 }, (_, at) => Math.exp(-((at - reach) ** 2) / (2 * sigma * sigma)));
  const sum = kernel.reduce((total, weight) => total + weight, 0);
  const matrix = new Float64Array(size * size);
  for (let row = 0; row < size; row++) {
    kernel.forEach((weight, at) => { matrix[row * size + mirrored(row + at - reach, size)]! += weight / sum; });
  }
  return matrix;
}

/** -1 → 0, -2 → 1, size → size - 1, and so on however far out. */
function mirrored(index: number, size: number): number {
  const phase = ((index % (2 * size)) + 2 * size) % (2 * size);
  return phase < size ? phase : 2 * size - 1 - phase;
}

const floats = (name: string, dims: readonly number[], values: ArrayLike<number>): Initializer =>
  ({ name, type: 'float32', dims, data: Float32Array.from(values) });
