import type { Feeds, Tensor } from '../../src/client/index.ts';

const bytesOf = (data: ArrayBufferView): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

function sameTensor(a: Tensor, b: Tensor | undefined): boolean {
  if (!b || a.type !== b.type || a.dims.join() !== b.dims.join()) return false;
  if (!ArrayBuffer.isView(a.data) || !ArrayBuffer.isView(b.data)) return String(a.data) === String(b.data);
  // Bits, not numbers: -0 is not 0, and a NaN is itself.
  const [left, right] = [bytesOf(a.data), bytesOf(b.data)];
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

/** Whether every output in `actual` is, bit for bit, the one expected of the same model and feeds. */
export const sameOutputs = (expected: ReadonlyMap<string, Feeds>, actual: ReadonlyMap<string, Feeds>): boolean =>
  actual.size > 0 && [...actual].every(([key, outputs]) => {
    const wanted = expected.get(key);
    return wanted !== undefined && Object.keys(wanted).join() === Object.keys(outputs).join()
      && Object.entries(wanted).every(([name, tensor]) => sameTensor(tensor, outputs[name]));
  });
