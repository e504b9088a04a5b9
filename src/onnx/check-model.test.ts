import { expect, test } from 'vitest';

import { checkModel, checkSizes } from './check-model.ts';
import { writeModel } from './model-writer.ts';
import { readHeader, type ModelHeader } from './proto.ts';

const bytes = writeModel({
  name: 'negate',
  inputs: [{ name: 'x', type: 'float32', dims: ['n'] }], outputs: [{ name: 'y', type: 'float32', dims: ['n'] }],
  nodes: [{ operator: 'Neg', inputs: ['x'], outputs: ['y'] }],
  initializers: [{ name: 'small', type: 'float32', dims: [4], data: new Float32Array(4) }, { name: 'large', type: 'float16', dims: [100], data: new Uint16Array(100) }],
});

const check = (changes: Partial<ModelHeader>, maxBufferSize = 2 ** 28) => {
  const read = readHeader(bytes);
  if (!read.ok) throw new Error('unreadable');
  return checkModel(bytes, { ...read.value, ...changes }, { maxBufferSize });
};

test('a model that fits the device may be tried', () => {
  expect(check({})).toBeUndefined();
  expect(check({}, 200)).toBeUndefined();
});

test('weights larger than the largest buffer are refused by name', () => {
  expect(check({}, 199)).toEqual({ code: 'model-too-large', bytes: 200, limit: 199, detail: "the weights 'large' do not fit" });
});

test('weights in other files and inputs that are no tensors are refused with what to do', () => {
  expect(check({ external: true })).toMatchObject({ code: 'invalid-argument', detail: expect.stringMatching(/one file/) });
  expect(check({ unusual: ["input 'x' is a sequence"] })).toMatchObject({ code: 'invalid-argument', detail: expect.stringMatching(/'x' is a sequence/) });
});

test('operators of domains that nobody registers are refused, unless the file defines them', () => {
  const operators = [{ domain: 'com.example', operator: 'Glow', count: 1 }];
  expect(check({ operators })).toMatchObject({ code: 'unsupported-operator', operator: 'com.example.Glow' });
  expect(check({ operators, localDomains: ['com.example'] })).toBeUndefined();
});

test('only whole, non-negative sizes that fit are given to onnxruntime', () => {
  for (const size of [0, 1, 1024]) expect(checkSizes({ n: size })).toBeUndefined();
  for (const size of [-1, 1.5, Number.NaN, Infinity, 2 ** 40, '3' as unknown as number]) expect(checkSizes({ n: size })?.code, String(size)).toBe('invalid-argument');
});
