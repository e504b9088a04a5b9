import { expect, test } from 'vitest';
import type { Feeds, Tensor } from '../../src/client/index.ts';
import { sameOutputs } from './outputs.ts';

const outputs = (...values: number[]): Map<string, Feeds> => {
  const tensor: Tensor = { type: 'float32', dims: [values.length], data: new Float32Array(values) };
  return new Map([['interactive/0', { y: tensor }]]);
};

test('outputs are compared bit for bit', () => {
  expect(sameOutputs(outputs(1, NaN, -0), outputs(1, NaN, -0))).toBe(true);
  expect(sameOutputs(outputs(0), outputs(-0))).toBe(false);
  expect(sameOutputs(outputs(1), outputs(1 + 2 ** -23))).toBe(false);
});

test('a run of part of the feed sets is compared with that part, and no run at all proves nothing', () => {
  expect(sameOutputs(new Map([...outputs(1), ['0/0', {}]]), outputs(1))).toBe(true);
  expect(sameOutputs(outputs(1), new Map())).toBe(false);
  expect(sameOutputs(outputs(1), new Map([['interactive/0', {}]]))).toBe(false);
});
