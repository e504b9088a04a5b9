import { InferenceSession } from 'onnxruntime-web/webgpu';
import { expect, test } from 'vitest';

import { requestOnnxDevice } from './device.ts';
import { writeModel } from './model-writer.ts';
import { openOnnx } from './runtime.ts';
import { wasmPaths } from './wasm-paths.ts';

// Alone in its file, and so in its page: it leaves onnxruntime unusable.
test('a creation that got stuck marks the thread as broken, and what follows is refused at once', async () => {
  const device = await requestOnnxDevice(navigator.gpu);
  if (!device.ok) throw new Error('no device');
  const onnx = await openOnnx(device.value, { wasmPaths });
  const model = writeModel({
    name: 'negate',
    inputs: [{ name: 'x', type: 'float32', dims: ['n'] }], outputs: [{ name: 'y', type: 'float32', dims: ['n'] }],
    nodes: [{ operator: 'Neg', inputs: ['x'], outputs: ['y'] }],
  });
  expect((await onnx.load(model, { name: 'sound' })).ok).toBe(true);
  expect(onnx.broken).toBeUndefined();
  await expect(InferenceSession.create(model, {
    executionProviders: [{ name: 'webgpu', device: device.value }], freeDimensionOverrides: { n: -1 },
  })).rejects.toThrow();

  expect(await onnx.load(model, { name: 'stuck', freeDimensions: { n: 1 } })).toMatchObject({ ok: false, failure: { code: 'run-failed' } });
  expect(onnx.broken).toMatch(/another WebGPU EP inference session is being created/);
  expect(await onnx.load(model, { name: 'refused', freeDimensions: { n: 2 } })).toMatchObject({ ok: false, failure: { code: 'run-failed' } });
});
