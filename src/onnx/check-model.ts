import type { Failure } from '../wire/failure.ts';
import type { ModelHeader } from './proto.ts';

/** Domains that onnxruntime-web registers, beside those a file defines for itself. */
const domains: ReadonlySet<string> = new Set([
  '', 'ai.onnx.ml', 'ai.onnx.training', 'ai.onnx.preview.training', 'com.microsoft', 'com.microsoft.nchwc', 'com.ms.internal.nhwc', 'com.microsoft.experimental',
  'org.pytorch.aten',
]);

/** protobuf reads no message of 2 GiB or more, and the WASM heap has 4 GiB for everything. */
const largestFile = 2 ** 31 - 1;

/**
 * Why onnxruntime need not try this model on a device with these limits; `undefined` when it may.
 *
 * Weights are held against `maxBufferSize` only: onnxruntime binds a buffer beyond `maxStorageBufferBindingSize` in several parts.
 */
export function checkModel(bytes: Uint8Array, header: ModelHeader, limits: Pick<GPUSupportedLimits, 'maxBufferSize'>): Failure | undefined {
  if (bytes.byteLength > largestFile) {
    return { code: 'model-too-large', bytes: bytes.byteLength, limit: largestFile, detail: 'a model file is limited to 2 GiB' };
  }
  const largest = header.initializers.reduce((most, next) => (next.bytes > most.bytes ? next : most), { name: '', bytes: 0 });
  if (largest.bytes > limits.maxBufferSize) {
    return { code: 'model-too-large', bytes: largest.bytes, limit: limits.maxBufferSize, detail: `the weights '${largest.name}' do not fit` };
  }
  if (header.external) return { code: 'invalid-argument', detail: 'the model keeps weights in other files: give one file that holds them all' };
  if (header.unusual.length > 0) return { code: 'invalid-argument', detail: `${header.unusual.join(', ')}: only tensors can be passed` };
  const foreign = header.operators.find(({ domain }) => !domains.has(domain) && !header.localDomains.includes(domain));
  if (foreign === undefined) return undefined;
  const operator = `${foreign.domain}.${foreign.operator}`;
  return { code: 'unsupported-operator', operator, detail: `onnxruntime-web has no domain ${foreign.domain}` };
}

/** Why these sizes cannot be given to free dimensions. Checked here because onnxruntime throws halfway through a creation, which then blocks every other. */
export function checkSizes(sizes: Readonly<Record<string, number>>): Failure | undefined {
  const wrong = Object.entries(sizes).find(([, size]) => !Number.isInteger(size) || size < 0 || size > largestFile);
  return wrong && { code: 'invalid-argument', detail: `the size of dimension '${wrong[0]}' must be a whole number, not ${String(wrong[1])}` };
}
