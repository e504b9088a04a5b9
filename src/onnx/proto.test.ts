import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { writeModel, type GraphSource } from './model-writer.ts';
import { readHeader } from './proto.ts';

/** Scale and shift with a branch, so that there is a subgraph, an initializer that is also an input, and every kind of dimension. */
const source: GraphSource = {
  name: 'sample',
  inputs: [
    { name: 'x', type: 'float32', dims: ['batch', 3, ''] },
    { name: 'scale', type: 'float32', dims: [1] },
    { name: 'flag', type: 'bool', dims: [] },
  ],
  outputs: [{ name: 'y', type: 'float32', dims: ['batch', 3, ''] }],
  nodes: [
    { operator: 'Mul', inputs: ['x', 'scale'], outputs: ['scaled'] },
    {
      operator: 'If', inputs: ['flag'], outputs: ['y'],
      attributes: { then_branch: { graph: branch('Relu') }, else_branch: { graph: branch('Neg') } },
    },
    { operator: 'Gelu', domain: 'com.microsoft', inputs: ['scaled'], outputs: ['unused'] },
  ],
  initializers: [
    { name: 'scale', type: 'float32', dims: [1], data: new Float32Array([2]) },
    { name: 'table', type: 'int64', dims: [3, 5], data: new BigInt64Array(15) },
  ],
};

function branch(operator: string): GraphSource {
  return { name: operator, inputs: [], outputs: [{ name: 'out', type: 'float32', dims: [] }], nodes: [{ operator, inputs: ['scaled'], outputs: ['out'] }] };
}

const bytes = writeModel(source, { 'com.microsoft': 1 });

const headerOf = (model: Uint8Array) => {
  const outcome = readHeader(model);
  if (!outcome.ok) throw new Error(outcome.failure.code === 'not-onnx' ? outcome.failure.detail : outcome.failure.code);
  return outcome.value;
};

const sentenceOf = (model: Uint8Array): string => {
  const outcome = readHeader(model);
  if (outcome.ok || outcome.failure.code !== 'not-onnx') throw new Error('expected not-onnx');
  return outcome.failure.detail;
};

test('the header of a written model says what was written', () => {
  expect(headerOf(bytes)).toEqual({
    irVersion: 8,
    producer: 'webgpu-switchyard',
    opsets: [{ domain: '', version: 17 }, { domain: 'com.microsoft', version: 1 }],
    inputs: [
      { name: 'x', type: 'float32', dims: ['batch', 3, ''], ranked: true },
      { name: 'flag', type: 'bool', dims: [], ranked: true },
    ],
    outputs: [{ name: 'y', type: 'float32', dims: ['batch', 3, ''], ranked: true }],
    unusual: [],
    operators: [
      { domain: '', operator: 'Mul', count: 1 },
      { domain: '', operator: 'Relu', count: 1 },
      { domain: '', operator: 'Neg', count: 1 },
      { domain: '', operator: 'If', count: 1 },
      { domain: 'com.microsoft', operator: 'Gelu', count: 1 },
    ],
    localDomains: [],
    initializers: [{ name: 'scale', bytes: 4 }, { name: 'table', bytes: 120 }],
    external: false,
  });
});

test('names and sizes of any kind survive writing and reading', () => {
  const dim = fc.oneof(fc.nat(2 ** 31), fc.string({ unit: 'grapheme' }));
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), fc.array(dim, { maxLength: 6 }), (name, dims) => {
    const written = writeModel({ ...source, inputs: [{ name, type: 'uint8', dims }], initializers: [] });
    expect(headerOf(written).inputs).toEqual([{ name, type: 'uint8', dims, ranked: true }]);
  }), { numRuns: 200 });
});

test('a model cut off anywhere is refused, never half read', () => {
  // The last two fields are opsets, of 19 and 6 bytes: cut before one, the file is a shorter but whole message.
  const whole = new Set([bytes.length - 19, bytes.length - 19 - 6]);
  for (let length = 0; length < bytes.length; length++) {
    if (whole.has(length)) continue;
    expect(readHeader(bytes.subarray(0, length)), `cut to ${length} of ${bytes.length}`).toMatchObject({ ok: false, failure: { code: 'not-onnx' } });
  }
});

test('random bytes and damaged models end in an outcome', () => {
  const damaged = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 12 })
    .map((edits) => { const copy = bytes.slice(); for (const [at, value] of edits) copy[at] = value; return copy; });
  fc.assert(fc.property(fc.oneof(fc.uint8Array({ maxLength: 400 }), damaged), (input) => {
    const outcome = readHeader(input);
    expect(outcome.ok || outcome.failure.code === 'not-onnx').toBe(true);
  }), { numRuns: 3000 });
});

test('lengths that point outside the file are refused', () => {
  const graph = 7 << 3 | 2;
  expect(sentenceOf(Uint8Array.of(graph, 0xff, 0xff, 0xff, 0xff, 0x0f))).toMatch(/cut off or damaged/);
  expect(sentenceOf(Uint8Array.of(graph, ...new Array<number>(9).fill(0xff), 0x01))).toMatch(/cut off or damaged/);
  expect(sentenceOf(Uint8Array.of(graph, ...new Array<number>(20).fill(0xff)))).toMatch(/protobuf/);
});

test('messages nested without end are refused', () => {
  let nested: number[] = [];
  // Graph in attribute in node in graph: fields 6, 5, 1 over and over.
  for (let level = 0; level < 120; level++) nested = [[6, 5, 1][level % 3]! << 3 | 2, ...varint(nested.length), ...nested];
  expect(sentenceOf(Uint8Array.of(7 << 3 | 2, ...varint(nested.length), ...nested))).toMatch(/nest deeper/);
});

function varint(value: number): number[] {
  return value < 128 ? [value] : [value & 127 | 128, ...varint(value >>> 7)];
}

describe('what people drop by mistake is named', () => {
  const ascii = (text: string) => new TextEncoder().encode(text);
  test.each([
    ['an empty file', new Uint8Array(), /empty/],
    ['a zip archive', ascii('PK\u0003\u0004\u0014\u0000\u0000\u0000archive/data.pkl'), /zip/],
    ['a web page', ascii('<!doctype html><title>404</title>'), /web page/],
    ['a Git LFS pointer', ascii('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n'), /LFS/],
    ['JSON', ascii('{"error":"not found"}'), /JSON/],
    ['a GGUF model', ascii('GGUF\u0003\u0000\u0000\u0000'), /GGUF/],
    ['a safetensors file', Uint8Array.of(8, 0, 0, 0, 0, 0, 0, 0, ...ascii('{"a":{}}')), /safetensors/],
    ['a protobuf of another kind', Uint8Array.of(2 << 3, 1, 8 << 3 | 2, 1, 0x41), /protobuf|no graph|damaged/],
  ])('%s', (_, file, sentence) => expect(sentenceOf(file)).toMatch(sentence));
});

const models = join(import.meta.dirname, '../../../shared/models');
const files = existsSync(models) ? readdirSync(models, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.onnx')) : [];
if (files.length === 0) console.warn(`no real models in ${models}: the tests that read their headers are skipped`);

describe.skipIf(files.length === 0)('the headers of real models', () => {
  test('every model is read, and has inputs or constants, outputs and operators', () => {
    for (const file of files) {
      const header = headerOf(readFileSync(join(models, file)));
      expect(header.outputs.length + header.unusual.length, file).toBeGreaterThan(0);
      expect(header.operators.length, file).toBeGreaterThan(0);
    }
  });

  interface Entry { file: string; kind: string; nodes_incl_subgraphs: number; declaredInputs: { name: string; dtype: string; shape: (number | string)[] }[] }
  const manifest = JSON.parse(files.length === 0 ? '[]' : readFileSync(join(models, 'manifest.json'), 'utf8')) as Entry[];
  test.each(manifest.filter(({ file }) => files.includes(file)))('$file has the inputs its manifest gives', ({ file, declaredInputs, nodes_incl_subgraphs }) => {
    const header = headerOf(readFileSync(join(models, file)));
    expect(header.inputs.map(({ name, type, dims }) => ({ name, dtype: type, rank: dims.length })))
      .toEqual(declaredInputs.map(({ name, dtype, shape }) => ({ name, dtype, rank: shape.length })));
    expect(header.operators.reduce((sum, { count }) => sum + count, 0)).toBe(nodes_incl_subgraphs);
  });
});
