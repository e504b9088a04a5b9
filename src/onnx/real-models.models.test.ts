import { afterAll, beforeAll, expect, test } from 'vitest';

import { ModelFolder } from './real-models.ts';
import { SlicedModels } from './sliced-models.ts';

const folder = new ModelFolder(import.meta.env.SWITCHYARD_MODELS);
const models = await folder.models();
// What runs quicker is in `real-models.browser.test.ts`.
const slow = models.filter(({ kind, webgpu }) => kind !== 'node' && webgpu.ok && webgpu.warmMs > 2000);

let sliced: SlicedModels;
beforeAll(async () => { sliced = await SlicedModels.open(folder); });
afterAll(() => sliced.close());

test.skipIf(models.length === 0)('the folder of real models is there; where it is absent (SWITCHYARD_MODELS names it) long-running real models are not tested', () => {
  expect(slow.length).toBeGreaterThan(5);
});

test.for(slow)('$id in slices of one dispatch, beside a tenant that never pauses, gives bit for bit what it gives on a plain device', async (model) => {
  const seen = await sliced.compare(model, 1);
  expect(seen).toMatchObject({ differences: [], errors: [], isRivalRight: true });
  expect(seen.slices).toBeGreaterThanOrEqual(model.webgpu.perRun!.dispatchWorkgroups);
  expect(seen.rivalRounds).toBeGreaterThan(0);
});
