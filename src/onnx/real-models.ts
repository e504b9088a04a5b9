import { PbfReader } from 'pbf';

import { assert } from '../base/assert.ts';
import type { Feeds, Tensor, TensorData, TensorType } from '../wire/tensor.ts';
import { countOf, typeOfCode, viewOf } from './element.ts';

/** One input of a model, and how to fill it where no data set does. */
interface ManifestInput {
  readonly name: string;
  readonly dtype: TensorType;
  readonly shape: readonly number[];
  /** A number fills the tensor; `modN` counts up to N again and again, N = 256 where nothing is said; `arange/n` climbs from 0 to 1; `hash` is noise in [0, 1). */
  readonly gen?: number | string;
}

/** A model as `manifest.json` beside the real models describes it; times were taken on the software adapter. */
export interface RealModel {
  readonly id: string;
  /** `node` is a case of one operator from ONNX's own conformance tests. */
  readonly kind: 'real' | 'tiny' | 'light' | 'node';
  readonly file: string;
  readonly inputs: readonly ManifestInput[];
  readonly outputs: readonly { readonly name: string }[];
  readonly datasets: readonly { readonly inputs: readonly string[]; readonly outputs: readonly string[] }[];
  /** Outputs for the generated inputs. */
  readonly expected?: readonly string[];
  /** Per data set, how many elements of plain WebGPU's outputs are off. */
  readonly expectedMatch: { readonly webgpu: readonly number[] };
  readonly webgpu: {
    readonly ok: boolean;
    readonly error: string | null;
    readonly warmMs: number;
    readonly perRun?: { readonly dispatchWorkgroups: number };
  };
}

/** Feeds of one run; `expected` where the folder says what comes out and plain WebGPU gets there. */
export interface Sample {
  readonly feeds: Feeds;
  readonly expected: Feeds | undefined;
}

/** The folder of real models that some tests use, where it is served. Never part of the project. */
export class ModelFolder {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** None where the folder is absent: `url` is then ''. */
  async models(): Promise<readonly RealModel[]> {
    return this.#url === '' ? [] : JSON.parse(new TextDecoder().decode(await this.read('manifest.json'))) as RealModel[];
  }

  async read(path: string): Promise<Uint8Array<ArrayBuffer>> {
    const response = await fetch(`${this.#url}/${path}`);
    assert(response.ok, `${path} is served`);
    return new Uint8Array(await response.arrayBuffer());
  }

  /** One for each data set, or one with generated feeds. */
  async samples({ inputs, outputs, datasets, expected = [], expectedMatch }: RealModel): Promise<readonly Sample[]> {
    const isRight = (index: number): boolean => expectedMatch.webgpu[index] === 0;
    if (datasets.length === 0) {
      const feeds = Object.fromEntries(inputs.map((input) => [input.name, generate(input)]));
      return [{ feeds, expected: expected.length > 0 && isRight(0) ? await this.#tensors(outputs, expected) : undefined }];
    }
    return Promise.all(datasets.map(async (set, index) => ({
      // Some files leave out leading ones, so the manifest's shapes hold.
      feeds: reshaped(inputs, await this.#tensors(inputs, set.inputs)),
      expected: isRight(index) ? await this.#tensors(outputs, set.outputs) : undefined,
    })));
  }

  async #tensors(names: readonly { readonly name: string }[], files: readonly string[]): Promise<Feeds> {
    const tensors = await Promise.all(files.map(async (file, index): Promise<[string, Tensor]> => [names[index]!.name, readTensor(await this.read(file))]));
    return Object.fromEntries(tensors);
  }
}

const reshaped = (inputs: readonly ManifestInput[], feeds: Feeds): Feeds =>
  Object.fromEntries(inputs.map(({ name, shape }) => [name, { ...feeds[name]!, dims: shape }]));

function generate({ dtype, shape, gen = 'mod256' }: ManifestInput): Tensor {
  assert(dtype !== 'string', 'only numbers are generated');
  const data = viewOf(dtype, new ArrayBuffer(bytesPerElement(dtype) * countOf(shape)));
  for (let index = 0; index < data.length; index += 1) {
    const value = generated(gen, index, data.length);
    data[index] = data instanceof BigInt64Array || data instanceof BigUint64Array ? BigInt(value) : value;
  }
  return { type: dtype, dims: shape, data };
}

const bytesPerElement = (type: Exclude<TensorType, 'string'>): number => viewOf(type, new ArrayBuffer(0)).BYTES_PER_ELEMENT;

function generated(gen: number | string, index: number, count: number): number {
  if (typeof gen === 'number') return gen;
  if (gen === 'arange/n') return index / count;
  if (gen === 'hash') return noise(index);
  assert(gen.startsWith('mod'), `a known way to generate, not ${gen}`);
  return index % Number(gen.slice('mod'.length));
}

/** The finalizer of MurmurHash3, as a fraction of 2³². */
function noise(index: number): number {
  let bits = Math.imul(index + 1, 0x9e37_79b9);
  bits = Math.imul(bits ^ (bits >>> 16), 0x85eb_ca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2_ae35);
  return ((bits ^ (bits >>> 16)) >>> 0) / 2 ** 32;
}

/** A `TensorProto`; field numbers are those of onnx.proto. */
function readTensor(bytes: Uint8Array<ArrayBuffer>): Tensor {
  const dims: number[] = [];
  const values: number[] = [];
  let type: TensorType | undefined;
  let raw: Uint8Array<ArrayBuffer> | undefined;
  new PbfReader(bytes).readFields((field, _, pbf) => {
    if (field === 1) pbf.readPackedVarint(dims, true);
    else if (field === 2) type = typeOfCode(pbf.readVarint());
    else if (field === 4) pbf.readPackedFloat(values);
    else if (field === 5 || field === 7) pbf.readPackedVarint(values, true);
    else if (field === 9) raw = Uint8Array.from(pbf.readBytes());
  }, undefined);
  assert(type !== undefined && type !== 'string', 'a data set holds numbers');
  return { type, dims, data: raw === undefined ? filled(type, values) : viewOf(type, raw.buffer) };
}

function filled(type: Exclude<TensorType, 'string'>, values: readonly number[]): TensorData {
  const data = viewOf(type, new ArrayBuffer(bytesPerElement(type) * values.length));
  values.forEach((value, index) => (data[index] = data instanceof BigInt64Array || data instanceof BigUint64Array ? BigInt(value) : value));
  return data;
}
