import { wrap } from 'comlink';
import { expect, onTestFinished, test } from 'vitest';
import type { Stock } from './bench/stock.worker.ts';

test('the test browser offers WebGPU', async () => {
  const adapter = await navigator.gpu.requestAdapter();
  expect(adapter?.info.vendor).toBe('google');
  expect(adapter?.features.has('timestamp-query')).toBe(true);
});

test('the test page is isolated, so that clocks are fine', () => {
  expect(crossOriginIsolated).toBe(true);
});

test('a module worker starts onnxruntime-web, with its wasm from this origin', async () => {
  const worker = new Worker(new URL('./bench/stock.worker.ts', import.meta.url), { type: 'module' });
  onTestFinished(() => worker.terminate());
  // Only a runtime that runs can tell that this is no model.
  await expect(wrap<Stock>(worker).load(new Uint8Array(8), {})).rejects.toThrow(/protobuf|model/i);
});

test.skipIf(!import.meta.env.SWITCHYARD_MODELS)('the real models are served where the folder exists', async () => {
  const response = await fetch(`${import.meta.env.SWITCHYARD_MODELS}/onnx2c/mnist8.onnx`);
  expect((await response.arrayBuffer()).byteLength).toBe(26_454);
});
