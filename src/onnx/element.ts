import type { TensorData, TensorType } from '../wire/tensor.ts';

/** Element types by their number in onnx.proto (`TensorProto.DataType`). What is missing here cannot be fed or read: complex, bfloat16, float8. */
const typeByCode: ReadonlyMap<number, TensorType> = new Map([
  [1, 'float32'], [2, 'uint8'], [3, 'int8'], [4, 'uint16'], [5, 'int16'], [6, 'int32'], [7, 'int64'], [8, 'string'],
  [9, 'bool'], [10, 'float16'], [11, 'float64'], [12, 'uint32'], [13, 'uint64'],
]);

const codeByType: ReadonlyMap<TensorType, number> = new Map([...typeByCode].map(([code, type]) => [type, code]));

/** Bits of one element for every code, so that weights of types nobody feeds (bfloat16, int4) are still measured. */
const bitsByCode: ReadonlyMap<number, number> = new Map([
  [1, 32], [2, 8], [3, 8], [4, 16], [5, 16], [6, 32], [7, 64], [8, 0], [9, 8], [10, 16], [11, 64], [12, 32], [13, 64],
  [14, 64], [15, 128], [16, 16], [17, 8], [18, 8], [19, 8], [20, 8], [21, 4], [22, 4], [23, 4],
]);

export const typeOfCode = (code: number): TensorType | undefined => typeByCode.get(code);

export const codeOfType = (type: TensorType): number => codeByType.get(type)!;

/** Bytes that `count` elements fill on a device; 0 for strings, which never get there, and for unknown codes. */
export const bytesOfCode = (code: number, count: number): number => Math.ceil((count * (bitsByCode.get(code) ?? 0)) / 8);

export const bytesOfType = (type: TensorType, count: number): number => bytesOfCode(codeOfType(type), count);

/** Elements of a shape: 1 for a scalar. */
export const countOf = (dims: readonly number[]): number => dims.reduce((product, dim) => product * dim, 1);

const viewByType = {
  float32: Float32Array, float64: Float64Array, float16: Uint16Array,
  int8: Int8Array, uint8: Uint8Array, int16: Int16Array, uint16: Uint16Array, int32: Int32Array, uint32: Uint32Array,
  int64: BigInt64Array, uint64: BigUint64Array, bool: Uint8Array,
} as const;

/** `type[1, 3, n]`, as people write it. */
export const shapeText = (type: TensorType, dims: readonly (number | string)[]): string =>
  `${type}[${dims.map((dim) => (dim === '' ? '?' : dim)).join(', ')}]`;

/** Reads bytes, little-endian, as elements; `float16` and `bool` stay bits. Strings have no such form. */
export function viewOf(type: Exclude<TensorType, 'string'>, buffer: ArrayBuffer): Exclude<TensorData, readonly string[]> {
  return new viewByType[type](buffer);
}

/** Whether this is the container that a tensor of `type` travels in. */
export function fits(type: TensorType, data: unknown): data is TensorData {
  if (type === 'string') return Array.isArray(data) && data.every((item) => typeof item === 'string');
  // An ort.Tensor carries halves as Float16Array where the engine has one; its bits are the same.
  return data instanceof viewByType[type] || (type === 'float16' && Object.prototype.toString.call(data) === '[object Float16Array]');
}
