import { expect, test } from 'vitest';
import { Guest, tenantNameFor } from './guest.ts';

test.each([
  ['yunet.onnx', [], 'yunet'],
  ['YUNET.ONNX', ['yunet'], 'YUNET'],
  ['yunet.onnx', ['yunet', 'yunet 2'], 'yunet 3'],
  ['.onnx', [], 'model'],
  ['model.bin', [], 'model.bin'],
])('%s beside %j becomes %s', (file, taken, name) => expect(tenantNameFor(file, new Set(taken))).toBe(name));

test('a guest whose first run is not done says so', () => {
  expect(new Guest('g', 'background').reading(0)).toContain('first run');
});
