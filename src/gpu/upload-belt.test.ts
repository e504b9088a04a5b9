import { create, globals } from 'webgpu';
import { expect, test } from 'vitest';
import { Encodings } from './encodings.ts';
import { HostileSwitch } from './hostile-switch.ts';
import { scheduleDevice } from './scheduled-device.ts';
import { UploadBelt, type UploadBeltOptions } from './upload-belt.ts';

Object.assign(globalThis, globals);
const gpu = create(['backend=null']);
const now = (): number => Math.round(performance.now() * 1000);

interface Lab {
  readonly device: GPUDevice;
  readonly belt: UploadBelt;
  readonly encodings: Encodings;
  readonly target: GPUBuffer;
  /** What the queue was told, in order. */
  readonly calls: string[];
  readonly errors: string[];
}

const kinds = ['plain', 'scheduled'] as const;

async function labOf(kind: (typeof kinds)[number], options: UploadBeltOptions = { chunkBytes: 1024, smallBytes: 256, mostChunks: 3 }): Promise<Lab> {
  const adapter = await gpu.requestAdapter();
  const device = await adapter!.requestDevice();
  if (kind === 'scheduled') scheduleDevice(device, { tenant: 't', priority: 'background', switch: new HostileSwitch(), now });
  const calls: string[] = [];
  const errors: string[] = [];
  device.addEventListener('uncapturederror', ({ error }) => errors.push(error.message));
  const { queue } = device;
  const [submit, writeBuffer] = [queue.submit.bind(queue), queue.writeBuffer.bind(queue)];
  queue.submit = (commands) => {
    calls.push('submit');
    return submit(commands);
  };
  queue.writeBuffer = (buffer: GPUBuffer, offset: number, data: GPUAllowSharedBufferSource): undefined => {
    calls.push(`write ${data.byteLength} at ${offset}`);
    return writeBuffer(buffer, offset, data) as undefined;
  };
  const encodings = new Encodings(queue);
  const target = device.createBuffer({ size: 64 * 1024, usage: GPUBufferUsage.COPY_DST });
  return { device, belt: new UploadBelt(device, encodings, options), encodings, target, calls, errors };
}

test.each(kinds)('%s: small writes go by the queue, and nothing is kept for them', async (kind) => {
  const { belt, target, calls, errors, device } = await labOf(kind);
  for (let index = 0; index < 1000; index += 1) belt.write(target, index * 4, new Uint8Array(4));
  belt.write(target, 0, new Uint8Array(0));
  belt.submit();
  expect([calls.length, calls[999], belt.report]).toEqual([1000, 'write 4 at 3996', { chunkCount: 0, freeCount: 0, waitingBytes: 0 }]);
  await device.queue.onSubmittedWorkDone();
  expect(errors).toEqual([]);
});

test.each(kinds)('%s: a write larger than a chunk has several, what no chunk can hold goes by the queue, and chunks come back', async (kind) => {
  const { belt, target, calls, errors, device } = await labOf(kind);
  belt.write(target, 0, new Uint8Array(2500));
  expect([calls, belt.report]).toEqual([['submit', 'submit'], { chunkCount: 3, freeCount: 0, waitingBytes: 452 }]);
  belt.write(target, 4096, new Uint8Array(2048));
  expect(calls).toEqual(['submit', 'submit', 'submit', 'write 1476 at 4668']);
  await device.queue.onSubmittedWorkDone();
  expect(belt.report).toEqual({ chunkCount: 3, freeCount: 3, waitingBytes: 0 });
  belt.write(target, 0, new Uint8Array(512));
  belt.submit();
  expect(belt.report).toMatchObject({ chunkCount: 3, freeCount: 2 });
  await device.queue.onSubmittedWorkDone();
  belt.trim();
  expect([belt.report.chunkCount, errors]).toEqual([0, []]);
});

test('a small write is not put before a large one that waits, and the encodings bring what waits onto the queue', async () => {
  const { belt, encodings, target, calls } = await labOf('plain');
  belt.write(target, 0, new Uint8Array(512));
  expect(calls).toEqual([]);
  belt.write(target, 0, new Uint8Array(4));
  expect(calls).toEqual(['submit', 'write 4 at 0']);
  belt.write(target, 0, new Uint8Array(512));
  encodings.submit(encodings.open(), []);
  expect(calls.slice(2)).toEqual(['submit', 'submit']);
});

test('where nothing is ever submitted, less than a chunk waits, and closing drops it', async () => {
  const { belt, target, calls } = await labOf('plain');
  for (let index = 0; index < 10; index += 1) belt.write(target, 0, new Uint8Array(300));
  expect(belt.report.waitingBytes).toBeLessThan(1024);
  const before = calls.length;
  belt.close();
  belt.submit();
  expect([belt.report, calls.length]).toEqual([{ chunkCount: 0, freeCount: 0, waitingBytes: 0 }, before]);
  belt.write(target, 0, new Uint8Array(300));
  expect(calls.at(-1)).toBe('write 300 at 0');
});

test('chunks that many submits did not need are destroyed', async () => {
  const { belt, target, device } = await labOf('plain');
  belt.write(target, 0, new Uint8Array(3 * 1024));
  await device.queue.onSubmittedWorkDone();
  expect(belt.report.chunkCount).toBe(3);
  for (let index = 0; index < 32; index += 1) {
    belt.write(target, 0, new Uint8Array(300));
    belt.submit();
    await device.queue.onSubmittedWorkDone();
  }
  expect(belt.report.chunkCount).toBe(1);
});

test.each(kinds)('%s: a device that is destroyed while chunks are active and mapping ends in silence, and later writes are no error', async (kind) => {
  const { belt, target, device, errors } = await labOf(kind);
  belt.write(target, 0, new Uint8Array(1024));
  belt.write(target, 0, new Uint8Array(512));
  device.destroy();
  belt.write(target, 512, new Uint8Array(512));
  belt.submit();
  await device.lost;
  belt.write(target, 0, new Uint8Array(2048));
  belt.submit();
  expect([belt.report.chunkCount, errors]).toEqual([0, []]);
});
