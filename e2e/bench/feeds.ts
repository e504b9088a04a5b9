import type { Feeds, Tensor, TensorData, TensorInfo, TensorType } from '../../src/wire/tensor.ts';

/** mulberry32: numbers in [0, 1), the same for the same seed. */
export function seededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Integers are 0 or 1: a larger id or mask may point outside a table. */
function dataOf(type: TensorType, count: number, random: () => number): TensorData {
  const bit = () => (random() < 0.5 ? 0 : 1);
  switch (type) {
    case 'float32': return new Float32Array(count).map(random);
    case 'float64': return new Float64Array(count).map(random);
    case 'float16': return new Uint16Array(count).map(() => 0x3800 + Math.floor(random() * 0x400));
    case 'int8': return new Int8Array(count).map(bit);
    case 'uint8': case 'bool': return new Uint8Array(count).map(bit);
    case 'int16': return new Int16Array(count).map(bit);
    case 'uint16': return new Uint16Array(count).map(bit);
    case 'int32': return new Int32Array(count).map(bit);
    case 'uint32': return new Uint32Array(count).map(bit);
    case 'int64': return new BigInt64Array(count).map(() => BigInt(bit()));
    case 'uint64': return new BigUint64Array(count).map(() => BigInt(bit()));
    case 'string': return Array.from({ length: count }, () => 'word');
  }
}

/** Feeds a model accepts; `dims` holds the free dimensions by name, `input[axis]` for those without one. */
export function randomFeeds(inputs: readonly TensorInfo[], dims: Readonly<Record<string, number>>, random: () => number): Feeds {
  return Object.fromEntries(inputs.map(({ name, type, dims: declared }): [string, Tensor] => {
    const shape = declared.map((dim, axis) => {
      const size = typeof dim === 'number' ? dim : dims[dim === '' ? `${name}[${axis}]` : dim];
      if (size === undefined) throw new Error(`input ${name} leaves ${dim || `${name}[${axis}]`} open: give it with --dims ${dim || `${name}[${axis}]`}=size`);
      return size;
    });
    return [name, { type, dims: shape, data: dataOf(type, shape.reduce((product, size) => product * size, 1), random) }];
  }));
}
