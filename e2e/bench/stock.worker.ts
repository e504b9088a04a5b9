import { expose, transfer } from 'comlink';
import * as ort from 'onnxruntime-web/webgpu';
import type { Feeds, Tensor, TensorInfo } from '../../src/client/index.ts';

// Plain onnxruntime-web as an application would use it today: default device, one run at a time, outputs on the CPU.
ort.env.wasm.numThreads = 1;
ort.env.logLevel = 'error';

const sessions: ort.InferenceSession[] = [];
let last: Promise<unknown> = Promise.resolve();

/** One call after the other, in order of arrival: onnxruntime-web freezes when two overlap. A rejection does not poison the rest. */
function alone<T>(work: () => Promise<T>): Promise<T> {
  const result = last.then(work);
  last = result.catch(() => undefined);
  return result;
}

const infoOf = (metadata: ort.InferenceSession.ValueMetadata): TensorInfo => {
  if (!metadata.isTensor) throw new Error(`input ${metadata.name} is not a tensor`);
  return { name: metadata.name, type: metadata.type as TensorInfo['type'], dims: metadata.shape };
};

const stock = {
  load: (bytes: Uint8Array, freeDimensionOverrides: Readonly<Record<string, number>>, preferredLayout?: 'NHWC' | 'NCHW') =>
    alone(async () => {
      const executionProviders = [{ name: 'webgpu', ...(preferredLayout && { preferredLayout }) }] as const;
      const session = await ort.InferenceSession.create(bytes, { executionProviders, freeDimensionOverrides, logSeverityLevel: 3 });
      return { model: sessions.push(session) - 1, inputs: session.inputMetadata.map(infoOf) };
    }),

  run: (model: number, feeds: Feeds) =>
    alone(async () => {
      const tensors = Object.entries(feeds).map(([name, { type, data, dims }]) => [name, new ort.Tensor(type as 'float32', data as Float32Array, dims)]);
      const results = await sessions[model]!.run(Object.fromEntries(tensors));
      const outputs = Object.entries(results).map(([name, { type, data, dims }]): [string, Tensor] =>
        [name, { type: type as Tensor['type'], data: data as Tensor['data'], dims }]);
      const buffers = outputs.flatMap(([, { data }]) => (ArrayBuffer.isView(data) ? [data.buffer] : []));
      return transfer(Object.fromEntries(outputs), [...new Set(buffers)]);
    }),
};

/** What a page sees of this worker through comlink. */
export type Stock = typeof stock;

expose(stock);
