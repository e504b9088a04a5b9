import { writeModel } from '../../src/onnx/model-writer.ts';
import type { Sample } from './ground.ts';

const rows = 256;

/** A model that is little but its weights, about so many KiB of them (a whole number), told apart by `mark`. */
export function weighty(kib: number, mark = 1): Sample {
  const weights = Float32Array.from({ length: rows * kib }, (_, index) => ((index * mark) % 17) - 8);
  const bytes = writeModel({
    name: 'weighty',
    inputs: [{ name: 'x', type: 'float32', dims: [1, rows] }], outputs: [{ name: 'y', type: 'float32', dims: [1, kib] }],
    nodes: [{ operator: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
    initializers: [{ name: 'w', type: 'float32', dims: [rows, kib], data: weights }],
  });
  const x = Float32Array.from({ length: rows }, (_, index) => (index % 5) - 2);
  return { bytes, feeds: { x: { type: 'float32', data: x, dims: [1, rows] } }, output: 'y' };
}
