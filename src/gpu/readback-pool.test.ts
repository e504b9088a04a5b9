import { create, globals } from 'webgpu';
import { expect, test } from 'vitest';
import { HostileSwitch } from './hostile-switch.ts';
import { ReadbackPool } from './readback-pool.ts';
import { scheduleDevice } from './scheduled-device.ts';

Object.assign(globalThis, globals);
const gpu = create(['backend=null']);
const now = (): number => Math.round(performance.now() * 1000);
const kinds = ['plain', 'scheduled'] as const;

async function labOf(kind: (typeof kinds)[number]): Promise<{ device: GPUDevice; pool: ReadbackPool; source: GPUBuffer; made: GPUBuffer[]; errors: string[] }> {
  const adapter = await gpu.requestAdapter();
  const device = await adapter!.requestDevice();
  if (kind === 'scheduled') scheduleDevice(device, { tenant: 't', priority: 'background', switch: new HostileSwitch(), now });
  const errors: string[] = [];
  device.addEventListener('uncapturederror', ({ error }) => errors.push(error.message));
  const source = device.createBuffer({ size: 4096, usage: GPUBufferUsage.COPY_SRC });
  const made: GPUBuffer[] = [];
  const { createBuffer } = device;
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer.call(device, descriptor);
    made.push(buffer);
    return buffer;
  };
  return { device, pool: new ReadbackPool(device), source, made, errors };
}

test.each(kinds)('%s: ranges of any size come back as long as they were asked for, one buffer for all, and it serves the next read', async (kind) => {
  const { pool, source, made, errors } = await labOf(kind);
  const ranges = [0, 1, 3, 4, 255, 1000].map((bytes, index) => ({ buffer: source, offset: index * 4, bytes }));
  for (let turn = 0; turn < 3; turn += 1) expect((await pool.read(ranges)).map(({ byteLength }) => byteLength)).toEqual([0, 1, 3, 4, 255, 1000]);
  expect(made.length).toBe(1);
  await Promise.all([pool.read(ranges), pool.read(ranges), pool.read(ranges), pool.read(ranges)]);
  expect([made.length, errors]).toEqual([4, []]);
});

test('nothing to read asks nothing of the GPU', async () => {
  const { pool, source, made } = await labOf('plain');
  expect(await pool.read([])).toEqual([]);
  expect((await pool.read([{ buffer: source, offset: 0, bytes: 0 }]))[0]!.byteLength).toBe(0);
  expect(made).toEqual([]);
});

test('a range that leaves its buffer is a bug, and nothing is made for it', async () => {
  const { pool, source, made } = await labOf('plain');
  expect(() => pool.read([{ buffer: source, offset: 4096, bytes: 1 }])).toThrow('inside its buffer');
  expect(() => pool.read([{ buffer: source, offset: 2, bytes: 4 }])).toThrow('word');
  expect(made).toEqual([]);
});

test.each(kinds)('%s: the buffer that is read may be destroyed at once, and the pool closed', async (kind) => {
  const { device, pool, source, made, errors } = await labOf(kind);
  const read = pool.read([{ buffer: source, offset: 0, bytes: 64 }]);
  source.destroy();
  pool.close();
  expect([(await read)[0]!.byteLength, errors]).toEqual([64, []]);
  device.pushErrorScope('validation');
  device.queue.writeBuffer(made[0]!, 0, new Uint8Array(4));
  expect((await device.popErrorScope())?.message).toContain('destroyed'); // Nothing is kept behind.
});

test.each(kinds)('%s: reads under way reject when the device is destroyed, also those that nobody waits for', async (kind) => {
  const { pool, source, device } = await labOf(kind);
  const reads = [pool.read([{ buffer: source, offset: 0, bytes: 64 }]), pool.read([{ buffer: source, offset: 0, bytes: 64 }])];
  void pool.read([{ buffer: source, offset: 0, bytes: 8 }]);
  device.destroy();
  expect((await Promise.allSettled(reads)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await device.lost;
  await expect(pool.read([{ buffer: source, offset: 0, bytes: 64 }])).rejects.toThrow();
});
