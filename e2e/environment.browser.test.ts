import { expect, test } from 'vitest';

test('the test browser offers WebGPU', async () => {
  const adapter = await navigator.gpu.requestAdapter();
  expect(adapter?.info.vendor).toBe('google');
  expect(adapter?.features.has('timestamp-query')).toBe(true);
});

test('the test page is isolated, so that clocks are fine', () => {
  expect(crossOriginIsolated).toBe(true);
});

test('a module worker reaches onnxruntime-web and makes a WebGPU session of its own', async () => {
  const worker = new Worker(new URL('./bench/stock.worker.ts', import.meta.url), { type: 'module' });
  const answer = new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => reject(new Error(event.message));
  });
  expect(await answer).toEqual({ kind: 'ready', isolated: true });
  worker.terminate();
});

test.skipIf(!import.meta.env.SWITCHYARD_MODELS)('the real models are served where the folder exists', async () => {
  const response = await fetch(`${import.meta.env.SWITCHYARD_MODELS}/onnx2c/mnist8.onnx`);
  expect((await response.arrayBuffer()).byteLength).toBe(26_454);
});
