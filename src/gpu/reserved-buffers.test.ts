import { create, globals } from 'webgpu';
import { expect, test } from 'vitest';
import { captureErrors } from './capture-errors.ts';
import { createReserved, type RoomAccount } from './reserved-buffers.ts';

Object.assign(globalThis, globals);
const gpu = create(['backend=null']);

async function deviceOf(): Promise<GPUDevice> {
  const adapter = await gpu.requestAdapter();
  return adapter!.requestDevice();
}

const buffer = { size: 16, usage: 8 };
/** No scope was left open: one more pop has nothing to answer. */
const isBalanced = async (device: GPUDevice): Promise<boolean> => device.popErrorScope().then(() => false, () => true);

test('room is set aside for all together, and given back once they are there to be counted', async () => {
  const device = await deviceOf();
  const story: string[] = [];
  const account: RoomAccount = {
    reserve: async (bytes) => {
      story.push(`reserve ${bytes}`);
      return { ok: true, release: () => void story.push('release') };
    },
  };
  const { createBuffer } = device;
  device.createBuffer = (descriptor) => {
    story.push(`create ${descriptor.size}`);
    return createBuffer.call(device, descriptor);
  };
  const made = await createReserved(device, [buffer, { ...buffer, size: 32 }], account);
  expect([made.kind, story]).toEqual(['created', ['reserve 48', 'create 16', 'create 32', 'release']]);
  expect(await isBalanced(device)).toBe(true);
});

test('scopes are closed again, whatever the call throws', async () => {
  const device = await deviceOf();
  await expect(captureErrors(device, ['validation', 'out-of-memory'], () => {
    throw new RangeError('no');
  })).rejects.toThrow('no');
  expect(await isBalanced(device)).toBe(true);
});

test('an error of the first scope or the second is told, and reaches nobody else', async () => {
  const device = await deviceOf();
  const errors: string[] = [];
  device.addEventListener('uncapturederror', ({ error }) => errors.push(error.message));
  for (const filters of [['validation', 'out-of-memory'], ['out-of-memory', 'validation']] as const) {
    expect(await captureErrors(device, filters, () => void device.createBuffer({ size: 4, usage: 0 }))).toBeInstanceOf(GPUValidationError);
  }
  expect(await captureErrors(device, ['validation'], () => undefined)).toBe('none');
  expect(errors).toEqual([]);
});

test('a scope that rejects, as when the GPU process is gone, means that the device is lost', async () => {
  const device = await deviceOf();
  const { popErrorScope } = device;
  device.popErrorScope = async () => {
    await popErrorScope.call(device);
    throw new DOMException('Instance dropped', 'OperationError');
  };
  expect(await createReserved(device, [buffer])).toEqual({ kind: 'refused', code: 'device-lost' });
});
