import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { describe as say } from '../wire/failure.ts';
import type { Tensor, TensorType } from '../wire/tensor.ts';
import { countOf } from './element.ts';
import { checkFeeds, fixDimensions, freeDimensions, randomFeeds } from './feeds.ts';
import type { ValueHeader } from './proto.ts';

const types: TensorType[] = [
  'float32', 'float64', 'float16', 'int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64', 'bool', 'string',
];

const input = (name: string, type: TensorType, ...dims: (number | string)[]): ValueHeader => ({ name, type, dims, ranked: true });
const float = (dims: number[]): Tensor => ({ type: 'float32', dims, data: new Float32Array(countOf(dims)) });
const tokens = [input('ids', 'int64', 'batch', 'length'), input('mask', 'int64', 'batch', 'length'), input('past', 'float32', 2, 'batch', '')];

test('a free dimension is asked for once, by its name or by its place', () => {
  expect(freeDimensions(tokens)).toEqual([
    { key: 'batch', places: ['ids[0]', 'mask[0]', 'past[1]'] },
    { key: 'length', places: ['ids[1]', 'mask[1]'] },
    { key: 'past[2]', places: ['past[2]'] },
  ]);
});

test('random feeds have the sizes asked for, and pass the check', () => {
  const dims = { batch: 2, length: 7, 'past[2]': 3 };
  const feeds = randomFeeds(tokens, dims, () => 0.5);
  expect(Object.values(feeds).map((tensor) => tensor.dims)).toEqual([[2, 7], [2, 7], [2, 2, 3]]);
  expect(checkFeeds(tokens.map((info) => fixDimensions(info, dims)), feeds)).toBeUndefined();
});

test('random feeds of every type pass the check, whatever the shape and the chance', () => {
  const shape = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 });
  fc.assert(fc.property(fc.constantFrom(...types), shape, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (type, dims, chance) => {
    const inputs = [input('x', type, ...dims)];
    const feeds = randomFeeds(inputs, {}, () => chance);
    expect(checkFeeds(inputs, feeds)).toBeUndefined();
  }));
});

test('random halves are fractions below one', () => {
  const half = (bits: number) => bits === 0 ? 0 : 2 ** ((bits >> 10) - 15) * (1 + (bits & 0x3ff) / 1024);
  for (let n = 0; n < 1024; n++) {
    const { data } = randomFeeds([input('x', 'float16', 1)], {}, () => n / 1024)['x']!;
    expect(half(Number(data[0]))).toBe(n / 1024);
  }
});

describe('feeds that may not run are refused with the code of what is wrong', () => {
  const inputs = [input('x', 'float32', 'n', 2), input('y', 'float32', 'n')];
  const good = { x: float([3, 2]), y: float([3]) };
  const cases: [string, Record<string, unknown>, string, RegExp][] = [
    ['an unknown name', { ...good, z: float([1]) }, 'wrong-input-name', /no input is named 'z'; the model's inputs are 'x', 'y'/],
    ['a missing input', { x: good.x }, 'wrong-input-name', /input 'y' is missing/],
    ['another type', { ...good, y: { type: 'int32', dims: [3], data: new Int32Array(3) } }, 'wrong-input-type', /'y' is int32, the model expects float32/],
    ['the right type in the wrong array', { ...good, y: { type: 'float32', dims: [3], data: new Float64Array(3) } }, 'wrong-input-type', /float32 in a Float64Array/],
    ['no tensor at all', { ...good, y: null }, 'wrong-input-type', /no tensor but null/],
    ['another rank', { ...good, y: float([3, 1]) }, 'wrong-input-shape', /'y' has shape float32\[3, 1\], the model expects float32\[n\]/],
    ['another size where it is fixed', { ...good, x: float([3, 4]) }, 'wrong-input-shape', /float32\[n, 2\]/],
    ['two sizes for one name', { ...good, y: float([4]) }, 'wrong-input-shape', /n is 3 in another input/],
    ['data that do not fill the shape', { ...good, y: { type: 'float32', dims: [3], data: new Float32Array(2) } }, 'wrong-input-shape', /with 2 elements/],
    ['a negative size', { ...good, y: { type: 'float32', dims: [-3], data: new Float32Array(3) } }, 'wrong-input-shape', /-3/],
    ['a name that every object has', { x: good.x, toString: good.y }, 'wrong-input-name', /'toString'/],
  ];
  test.each(cases)('%s', (_, feeds, code, sentence) => {
    const failure = checkFeeds(inputs, feeds as Record<string, Tensor>);
    expect(failure?.code).toBe(code);
    expect(say(failure!)).toMatch(sentence);
  });
});

test('an input without a declared shape takes any', () => {
  const open: ValueHeader = { name: 'x', type: 'float32', dims: [], ranked: false };
  expect(checkFeeds([open], { x: float([2, 3]) })).toBeUndefined();
  expect(checkFeeds([input('x', 'float32')], { x: float([2, 3]) })?.code).toBe('wrong-input-shape');
});
