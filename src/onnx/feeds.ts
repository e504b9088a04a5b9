import { assert } from '../base/assert.ts';
import type { Failure } from '../wire/failure.ts';
import type { Feeds, Tensor, TensorData, TensorInfo, TensorType } from '../wire/tensor.ts';
import { countOf, fits, shapeText } from './element.ts';
import type { ValueHeader } from './proto.ts';

/** A size the model leaves open. Dimensions of one name are one size, wherever they stand. */
export interface FreeDimension {
  /** The name in the model; `input[axis]` for a dimension without one. */
  readonly key: string;
  /** Where it stands, for people: `input[axis]`, once per place. */
  readonly places: readonly string[];
}

const keyOf = (input: string, axis: number, dim: string): string => (dim === '' ? `${input}[${axis}]` : dim);

/** The sizes to ask for before these inputs can be fed, in the order they first occur. */
export function freeDimensions(inputs: readonly TensorInfo[]): FreeDimension[] {
  const places = new Map<string, string[]>();
  for (const { name, dims } of inputs) {
    dims.forEach((dim, axis) => {
      if (typeof dim === 'number') return;
      const key = keyOf(name, axis, dim);
      places.set(key, [...(places.get(key) ?? []), `${name}[${axis}]`]);
    });
  }
  return [...places].map(([key, at]) => ({ key, places: at }));
}

/** The same input or output with the sizes in `sizes` filled in; what `sizes` does not name stays free. */
export function fixDimensions<Info extends TensorInfo>(info: Info, sizes: Readonly<Record<string, number>>): Info {
  return { ...info, dims: info.dims.map((dim, axis) => (typeof dim === 'number' ? dim : sizes[keyOf(info.name, axis, dim)] ?? dim)) };
}

/**
 * Feeds that any model accepts by type and shape: fractions in [0, 1) for floats, bytes of all values for `int8` (non-negative) and `uint8`, and 0 or 1 for
 * the other integers, since a larger id or mask may point outside a table.
 *
 * `dims` must hold a size for every key of `freeDimensions(inputs)`; `random` gives numbers in [0, 1).
 */
export function randomFeeds(inputs: readonly TensorInfo[], dims: Readonly<Record<string, number>>, random: () => number): Feeds {
  const feeds: Record<string, Tensor> = {};
  for (const input of inputs) {
    const { name, type, dims: fixed } = fixDimensions(input, dims);
    const shape = fixed.map((dim, axis) => {
      assert(typeof dim === 'number', `a size is given for dimension ${axis} of '${name}'`);
      return dim;
    });
    feeds[name] = { type, dims: shape, data: randomData(type, countOf(shape), random) };
  }
  return feeds;
}

function randomData(type: TensorType, count: number, random: () => number): TensorData {
  const below = (limit: number) => (): number => Math.floor(random() * limit);
  switch (type) {
    case 'float32': return new Float32Array(count).map(random);
    case 'float64': return new Float64Array(count).map(random);
    case 'float16': return new Uint16Array(count).map(() => halfOfThousandths(below(1024)()));
    case 'uint8': return new Uint8Array(count).map(below(256));
    case 'int8': return new Int8Array(count).map(below(128));
    case 'bool': return new Uint8Array(count).map(below(2));
    case 'int16': return new Int16Array(count).map(below(2));
    case 'uint16': return new Uint16Array(count).map(below(2));
    case 'int32': return new Int32Array(count).map(below(2));
    case 'uint32': return new Uint32Array(count).map(below(2));
    case 'int64': return new BigInt64Array(count).map(() => BigInt(below(2)()));
    case 'uint64': return new BigUint64Array(count).map(() => BigInt(below(2)()));
    case 'string': return Array.from({ length: count }, () => ['to', 'be', 'or', 'not'][below(4)()]!);
  }
}

/** The bits of n/1024 as a half; exact, for n in 0…1023 has at most ten significant bits. */
function halfOfThousandths(n: number): number {
  if (n === 0) return 0;
  const exponent = 31 - Math.clz32(n);
  return ((exponent - 10 + 15) << 10) | ((n << (10 - exponent)) & 0x3ff);
}

/**
 * Whether a run may be made of these feeds: names, types, shapes, data lengths, and one size per free dimension over all
 * inputs. `undefined` when it may; onnxruntime is then never the first to notice.
 */
export function checkFeeds(inputs: readonly ValueHeader[], feeds: Feeds): Failure | undefined {
  const expected = inputs.map(({ name }) => name);
  const unknown = Object.keys(feeds).find((name) => !expected.includes(name));
  if (unknown !== undefined) return { code: 'wrong-input-name', input: unknown, expected };
  const sizes = new Map<string, number>();
  for (const input of inputs) {
    if (!Object.hasOwn(feeds, input.name)) return { code: 'wrong-input-name', input: input.name, expected };
    const failure = checkType(input, feeds[input.name]) ?? checkShape(input, feeds[input.name]!, sizes);
    if (failure !== undefined) return failure;
  }
  return undefined;
}

/** The feeds come from plain JavaScript at times, so a tensor may be anything. */
function checkType({ name, type }: ValueHeader, tensor: Tensor | null | undefined): Failure | undefined {
  if (typeof tensor !== 'object' || tensor === null) return { code: 'wrong-input-type', input: name, expected: type, actual: `no tensor but ${String(tensor)}` };
  if (tensor.type !== type) return { code: 'wrong-input-type', input: name, expected: type, actual: String(tensor.type) };
  if (fits(type, tensor.data)) return undefined;
  const container = Object.prototype.toString.call(tensor.data).slice('[object '.length, -1);
  return { code: 'wrong-input-type', input: name, expected: type, actual: `${type} in a ${container}` };
}

function checkShape(input: ValueHeader, { dims, data }: Tensor, sizes: Map<string, number>): Failure | undefined {
  const wrong = (actual: string): Failure =>
    ({ code: 'wrong-input-shape', input: input.name, expected: input.ranked ? shapeText(input.type, input.dims) : `${input.type} of any shape`, actual });
  if (!Array.isArray(dims) || !dims.every((dim) => Number.isSafeInteger(dim) && dim >= 0)) return wrong(String(dims));
  const actual = shapeText(input.type, dims);
  if (countOf(dims) !== data.length) return wrong(`${actual} with ${data.length} elements`);
  if (!input.ranked) return undefined;
  if (dims.length !== input.dims.length) return wrong(actual);
  for (const [axis, dim] of input.dims.entries()) {
    const size = dims[axis]!;
    if (typeof dim === 'number') {
      if (size !== dim) return wrong(actual);
    } else if (dim !== '') {
      const agreed = sizes.get(dim) ?? size;
      if (size !== agreed) return wrong(`${actual}, but ${dim} is ${agreed} in another input`);
      sizes.set(dim, size);
    }
  }
  return undefined;
}
