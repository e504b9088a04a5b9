import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { ModelFolder } from './real-models.ts';
import { SlicedModels } from './sliced-models.ts';

const folder = new ModelFolder(import.meta.env.SWITCHYARD_MODELS);
const models = await folder.models();
// What runs longer is in `real-models.models.test.ts`.
const quick = models.filter(({ kind, webgpu }) => kind !== 'node' && webgpu.ok && webgpu.warmMs <= 2000);
/** Cases that plain onnxruntime-web runs on the GPU; the others have no dispatch to cut at. */
const operators = models.filter(({ kind, webgpu }) => kind === 'node' && webgpu.ok && webgpu.perRun!.dispatchWorkgroups > 0);

// Shaders of some models compile for many seconds where other programs want the cores too.
vi.setConfig({ testTimeout: 180_000 });

let sliced: SlicedModels;
beforeAll(async () => { sliced = await SlicedModels.open(folder); });
afterAll(() => sliced.close());

test.skipIf(models.length === 0)('the folder of real models is there; where it is absent (SWITCHYARD_MODELS names it) real models are not tested', () => {
  expect(quick.length).toBeGreaterThan(5);
});

test.for(quick)('$id in slices of one dispatch, beside a tenant that never pauses, gives bit for bit what it gives on a plain device', async (model) => {
  // A second run finds the buffers of the first.
  const seen = await sliced.compare(model, model.webgpu.warmMs < 500 ? 2 : 1);
  expect(seen).toMatchObject({ differences: [], errors: [], isRivalRight: true });
  expect(seen.slices).toBeGreaterThanOrEqual(seen.runs * model.webgpu.perRun!.dispatchWorkgroups);
  expect(seen.rivalRounds).toBeGreaterThan(0);
});

test.for(operators)('the operator case $id in slices of one dispatch gives what ONNX expects, and bit for bit what it gives on a plain device', async (model) => {
  const seen = await sliced.compare(model, 1);
  expect(seen).toMatchObject({ differences: [], errors: [], isRivalRight: true });
  expect(seen.slices).toBeGreaterThanOrEqual(model.webgpu.perRun!.dispatchWorkgroups);
});
