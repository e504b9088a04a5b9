import { writeModel, type Initializer, type NodeSource } from '../onnx/model-writer.ts';

/**
 * The demo's models, made when the page opens: their weights are formulas, so nothing is downloaded, and what they draw means
 * something. Pictures are float32[size, size], row by row from the top, 0 black and 1 white.
 *
 * Every filter is separable and written as a matrix product from the left (down the columns) and from the right (along the
 * rows). onnxruntime's convolutions would draw the same, but on a software adapter they take ten times as long, far more than
 * a frame, and the layout they are right in differs by shape.
 */

/** Defaults of `edges`: on the software adapter, two cores, about 5 ms a run. */
export const interactive = { size: 64 } as const;

/** Defaults of `diffusion` in the shape of a transformer on a real GPU: 128 dispatches, on the software adapter of about 1 ms each. */
export const deep: Diffusion = { size: 64, steps: 64, sigma: 4 };

/** Defaults of `diffusion` with few long dispatches: 16, on the software adapter of about 7 ms each. */
export const big: Diffusion = { size: 128, steps: 8, sigma: 8 };

/**
 * Finds edges: `image` gives `edges`, the length of Sobel's gradient: 0 where the picture is flat, 1 on both sides of a sharp
 * upright or level border between black and white. Eight dispatches.
 */
export function edges({ size }: { readonly size: number } = interactive): Uint8Array<ArrayBuffer> {
  const smooth = bandMatrix(size, [0.25, 0.5, 0.25]);
  const slope = bandMatrix(size, [-1, 0, 1]);
  return writeModel({
    name: 'edges',
    inputs: [picture('image', size)],
    outputs: [picture('edges', size)],
    nodes: [
      node('MatMul', 'smooth', 'image', 'smoothDown'),
      node('MatMul', 'smoothDown', 'slopeAcross', 'dx'),
      node('MatMul', 'image', 'smoothAcross', 'smoothed'),
      node('MatMul', 'slope', 'smoothed', 'dy'),
      node('Mul', 'dx', 'dx', 'dx2'),
      node('Mul', 'dy', 'dy', 'dy2'),
      node('Add', 'dx2', 'dy2', 'energy'),
      { operator: 'Sqrt', inputs: ['energy'], outputs: ['edges'] },
    ],
    initializers: [
      matrix('smooth', size, smooth), matrix('smoothAcross', size, transposed(smooth, size)),
      matrix('slope', size, slope), matrix('slopeAcross', size, transposed(slope, size)),
    ],
  });
}

/** `sigma` is the standard deviation of the whole blur in pixels; each of the `steps` adds `sigma² / steps` of variance. */
export interface Diffusion { readonly size: number; readonly steps: number; readonly sigma: number }

/**
 * Lets a picture diffuse as heat does, through walls that let nothing out: `image` gives `diffused`, free of noise and of
 * detail below `sigma`, as bright on the whole as before. Two dispatches a step.
 */
export function diffusion({ size, steps, sigma }: Diffusion): Uint8Array<ArrayBuffer> {
  const name = (step: number): string => (step === 0 ? 'image' : step === steps ? 'diffused' : `u${step}`);
  return writeModel({
    name: 'diffusion',
    inputs: [picture('image', size)],
    outputs: [picture('diffused', size)],
    nodes: Array.from({ length: steps }, (_, step) => [
      node('MatMul', 'blur', name(step), `down${step}`),
      // The blur matrix is symmetric, so it serves rows as it serves columns.
      node('MatMul', `down${step}`, 'blur', name(step + 1)),
    ]).flat(),
    initializers: [matrix('blur', size, bandMatrix(size, gaussian(sigma / Math.sqrt(steps))))],
  });
}

/** The Gaussian at whole pixels, to four standard deviations; sums to 1. */
export function gaussian(sigma: number): number[] {
  const reach = Math.ceil(4 * sigma);
  const weights = Array.from({ length: 2 * reach + 1 }, (_, at) => Math.exp(-((at - reach) ** 2) / (2 * sigma * sigma)));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** The matrix that applies `kernel` (an odd number of weights) down a column, the picture mirrored at its borders. */
function bandMatrix(size: number, kernel: readonly number[]): Float32Array<ArrayBuffer> {
  const reach = (kernel.length - 1) / 2;
  const rows = new Float32Array(size * size);
  for (let row = 0; row < size; row++) {
    kernel.forEach((weight, at) => { rows[row * size + mirrored(row + at - reach, size)]! += weight; });
  }
  return rows;
}

/** -1 → 0, -2 → 1, size → size - 1, and so on however far out. */
function mirrored(index: number, size: number): number {
  const phase = ((index % (2 * size)) + 2 * size) % (2 * size);
  return phase < size ? phase : 2 * size - 1 - phase;
}

const transposed = (values: Float32Array, size: number): Float32Array<ArrayBuffer> =>
  Float32Array.from(values, (_, at) => values[(at % size) * size + Math.floor(at / size)]!);

const picture = (name: string, size: number) => ({ name, type: 'float32', dims: [size, size] } as const);

const matrix = (name: string, size: number, data: Float32Array): Initializer => ({ name, type: 'float32', dims: [size, size], data });

const node = (operator: string, left: string, right: string, output: string): NodeSource =>
  ({ operator, inputs: [left, right], outputs: [output] });
