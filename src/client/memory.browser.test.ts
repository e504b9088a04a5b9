import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { codeOf, Ground, runBits } from '../../e2e/hostile/ground.ts';
import { weighty } from '../../e2e/hostile/weighty.ts';
import { createScheduler, type MemoryPressure, type MemoryReport, scheduleGpu, type ScheduleGpuOptions, type Scheduler, SwitchyardError } from './index.ts';

const kib = 1024;
const mib = 1024 * kib;
const restores: (() => void)[] = [];
afterEach(() => {
  for (const restore of restores.splice(0)) restore();
});

/** A device of the page, as a library requests it. */
async function requestDevice(options: ScheduleGpuOptions, limits: Record<string, number> = {}): Promise<GPUDevice> {
  restores.push(scheduleGpu(options).restore);
  const device = await (await navigator.gpu.requestAdapter())!.requestDevice({ requiredLimits: limits });
  onTestFinished(() => device.destroy());
  return device;
}

async function open(options: Parameters<typeof createScheduler>[0] = {}): Promise<Scheduler> {
  const scheduler = await createScheduler(options);
  onTestFinished(() => scheduler.close());
  return scheduler;
}

/** What a scope around `call` caught. */
async function scoped(device: GPUDevice, filter: GPUErrorFilter, call: () => void): Promise<GPUError | null> {
  device.pushErrorScope(filter);
  call();
  return device.popErrorScope();
}

const data = { STORAGE: () => GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST } as const;

const held = ({ tenants }: MemoryReport, tenant: string): number => {
  const found = tenants.find((one) => one.tenant === tenant);
  return found === undefined ? 0 : found.live + found.idle + found.returning;
};

async function read(device: GPUDevice, buffer: GPUBuffer): Promise<Uint8Array> {
  const staging = device.createBuffer({ size: buffer.size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, buffer.size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const bytes = new Uint8Array(staging.getMappedRange().slice(0));
  staging.destroy();
  return bytes;
}

describe('a hard quota', () => {
  test('refuses what goes beyond it, as WebGPU does when it has no memory, and says what would fit', async () => {
    const scheduler = await open();
    await scheduler.setTenant('painter', { memory: { hard: mib } });
    const device = await requestDevice({ tenant: 'painter' });
    const [size, usage] = [256 * kib, data.STORAGE()];
    const kept = Array.from({ length: 3 }, () => device.createBuffer({ size, usage }));
    const error = await scoped(device, 'out-of-memory', () => device.createBuffer({ label: 'too much', size: 2 * size, usage }));
    expect(error).toBeInstanceOf(GPUOutOfMemoryError);
    expect(error!.message).toContain(`${2 * size} bytes for 'too much' do not fit, ${size} would`);
    expect(() => device.createBuffer({ size: 2 * size, usage, mappedAtCreation: true })).toThrow(RangeError);
    // What was refused is invalid, and nothing else is.
    const refused = device.createBuffer({ size: 2 * size, usage });
    expect(refused.size).toBe(2 * size);
    expect(await scoped(device, 'validation', () => device.queue.writeBuffer(refused, 0, new Uint32Array(1)))).toBeInstanceOf(GPUValidationError);
    expect(await scoped(device, 'validation', () => device.queue.writeBuffer(kept[0]!, 0, new Uint32Array(1)))).toBeNull();
    expect(await scoped(device, 'out-of-memory', () => device.createTexture({ size: [512, 512], format: 'rgba8unorm', usage: GPUTextureUsage.COPY_DST }))).toBeInstanceOf(GPUOutOfMemoryError);
    kept[0]!.destroy();
    expect(await scoped(device, 'out-of-memory', () => device.createBuffer({ size: 2 * size, usage }))).toBeNull();
    await expect.poll(async () => held(await scheduler.memory(), 'painter')).toBe(mib);
  });

  test('is never exceeded by two devices of one tenant together', async () => {
    const scheduler = await open();
    await scheduler.setTenant('app', { memory: { hard: mib } });
    const devices = [await requestDevice({ tenant: 'app/one' }), await requestDevice({ tenant: 'app/two' })];
    const made = await Promise.all(devices.map(async (device) => {
      let count = 0;
      for (let i = 0; i < 16; i += 1) {
        const error = await scoped(device, 'out-of-memory', () => device.createBuffer({ size: 128 * kib, usage: data.STORAGE() }));
        count += error === null ? 1 : 0;
      }
      return count;
    }));
    // Each is refused by its own lease: the last piece may be divided between them.
    const all = made[0]! + made[1]!;
    expect(all).toBeLessThanOrEqual(8);
    expect(all).toBeGreaterThanOrEqual(6);
    await expect.poll(async () => held(await scheduler.memory(), 'app')).toBe(all * 128 * kib);
  });

  test('refuses a model before anything of it is created, and the tenant goes on', async () => {
    const scheduler = await open();
    await scheduler.setTenant('small', { memory: { hard: 2 * mib } });
    const fits = await scheduler.loadModel(weighty(512).bytes, { tenant: 'small' });
    const bits = await runBits(fits, weighty(512));
    const refusal = await scheduler.loadModel(weighty(2048).bytes, { tenant: 'small' }).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(SwitchyardError);
    expect((refusal as SwitchyardError).failure).toMatchObject({ code: 'out-of-memory', reason: 'over-quota' });
    expect(await runBits(fits, weighty(512))).toBe(bits);
    const other = await scheduler.loadModel(weighty(2048).bytes, { tenant: 'large' });
    await runBits(other, weighty(2048));
  });
});

test('asks the tenant to free something before it is refused', async () => {
  const scheduler = await open();
  await scheduler.setTenant('painter', { memory: { hard: mib } });
  const spare: GPUBuffer[] = [];
  const asked: number[] = [];
  const device = await requestDevice({ tenant: 'painter', onPressure: ({ level, bytesNeeded }) => {
    if (level !== 'critical') return;
    asked.push(bytesNeeded);
    spare.pop()?.destroy();
  } });
  for (let i = 0; i < 4; i += 1) spare.push(device.createBuffer({ size: 256 * kib, usage: data.STORAGE() }));
  await device.queue.onSubmittedWorkDone();
  expect(await scoped(device, 'out-of-memory', () => device.createBuffer({ size: 200 * kib, usage: data.STORAGE() }))).toBeNull();
  expect(asked.length).toBeGreaterThan(0);
  expect(spare.length).toBeLessThan(4);
});

test('a soft quota is told of once when it is crossed, and once when it is kept again', async () => {
  const scheduler = await open();
  const told: string[] = [];
  scheduler.onNotice(({ code, message }) => void (code === 'soft-quota' && told.push(message)));
  await scheduler.setTenant('painter', { memory: { soft: mib } });
  const device = await requestDevice({ tenant: 'painter' });
  const buffers = Array.from({ length: 6 }, () => device.createBuffer({ size: 256 * kib, usage: data.STORAGE() }));
  await expect.poll(() => told.length).toBe(1);
  for (const buffer of buffers.splice(0, 4)) buffer.destroy();
  await device.queue.onSubmittedWorkDone();
  await expect.poll(() => told).toEqual(['painter went over its soft quota of GPU memory', 'painter is back within its soft quota of GPU memory']);
});

describe('what an earlier owner wrote', () => {
  const secret = new Uint8Array(4096).fill(0xa5);
  const zero = new Uint8Array(4096);

  test.each(['read at once', 'bound and read', 'written in part'])('is gone when a buffer serves again: %s', async (how) => {
    const device = await requestDevice({});
    const usage = data.STORAGE();
    for (let life = 0; life < 4; life += 1) {
      const buffer = device.createBuffer({ size: secret.length, usage });
      if (how === 'written in part') device.queue.writeBuffer(buffer, 8, new Uint8Array(8));
      if (how === 'bound and read') touch(device, buffer);
      expect(await read(device, buffer)).toEqual(zero);
      device.queue.writeBuffer(buffer, 0, secret);
      await device.queue.onSubmittedWorkDone();
      buffer.destroy();
    }
  });

  test('is gone from staging buffers too, to the last byte', async () => {
    const device = await requestDevice({});
    for (let life = 0; life < 6; life += 1) {
      const staging = device.createBuffer({ size: 4096, usage: GPUBufferUsage.MAP_WRITE | GPUBufferUsage.COPY_SRC, mappedAtCreation: true });
      expect(new Uint8Array(staging.getMappedRange())).toEqual(zero);
      staging.unmap();
      await staging.mapAsync(GPUMapMode.WRITE);
      new Uint8Array(staging.getMappedRange()).set(secret);
      staging.unmap();
      staging.destroy();
      await device.queue.onSubmittedWorkDone();
    }
  });

  test('cannot be reached through a bind group or commands of before', async () => {
    const device = await requestDevice({});
    const usage = data.STORAGE();
    const old = device.createBuffer({ size: 4096, usage });
    device.createBuffer({ size: 4096, usage }).destroy();
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(old, 0, device.createBuffer({ size: 4096, usage }), 0, 4096);
    encoder.clearBuffer(old);
    const commands = encoder.finish();
    old.destroy();
    const next = device.createBuffer({ size: 4096, usage });
    device.queue.writeBuffer(next, 0, secret);
    expect(await scoped(device, 'validation', () => device.queue.submit([commands]))).toBeInstanceOf(GPUValidationError);
    expect(await read(device, next)).toEqual(secret);
  });
});

test('the device of a tenant\'s models tells what it holds, and its last allocations', async () => {
  const scheduler = await open();
  expect(await scheduler.deviceMemory('echo')).toBeUndefined();
  const sample = weighty(256);
  const model = await scheduler.loadModel(sample.bytes, { tenant: 'echo' });
  for (let i = 0; i < 4; i += 1) await runBits(model, sample);
  const before = (await scheduler.deviceMemory('echo'))!.report;
  await runBits(model, sample);
  const { report, trace } = (await scheduler.deviceMemory('echo'))!;
  expect(report.misses).toBe(before.misses); // A warm run creates no buffer.
  expect(report.hits).toBeGreaterThan(before.hits);
  expect(report.leakCount).toBe(0);
  expect(trace.split('\n')[0]).toBe('at,kind,block,usage,bytes,label');
  expect(trace).toContain(',reuse,');
});

/** Runs a kernel that binds the buffer and writes nothing. */
function touch(device: GPUDevice, buffer: GPUBuffer): void {
  const module = device.createShaderModule({ code: `@group(0) @binding(0) var<storage, read_write> b: array<u32>;
    @compute @workgroup_size(1) fn main() { if (b[0] == 0xffffffffu) { b[1] = 1u; } }` });
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module } });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries: [{ binding: 0, resource: { buffer } }] }));
  pass.dispatchWorkgroups(1);
  pass.end();
  device.queue.submit([encoder.finish()]);
}

test('when the GPU itself has no memory the buffer is invalid, the error comes where it is expected, and no byte stays counted', async () => {
  const scheduler = await open({ budget: 8 * 1024 * mib });
  const { maxBufferSize } = (await navigator.gpu.requestAdapter())!.limits;
  const device = await requestDevice({ tenant: 'greedy' }, { maxBufferSize });
  const small = device.createBuffer({ size: 4096, usage: data.STORAGE() });
  // A lease grows with what is asked for, so the first ones may be refused by us.
  let error: GPUError | null = null;
  const sawReal = async (): Promise<boolean> => {
    error = await scoped(device, 'out-of-memory', () => device.createBuffer({ size: maxBufferSize, usage: data.STORAGE() }));
    return error !== null && !error.message.includes('share of GPU memory');
  };
  await expect.poll(sawReal, { timeout: 10_000 }).toBe(true);
  expect(error).toBeInstanceOf(GPUOutOfMemoryError);
  await expect.poll(async () => held(await scheduler.memory(), 'greedy')).toBe(4096);
  expect((await scheduler.memory()).ceiling).toBeLessThan(8 * 1024 * mib);
  expect(await scoped(device, 'validation', () => device.queue.writeBuffer(small, 0, new Uint32Array(1)))).toBeNull();
});

test('idle models give way to others when the budget is short, and come back with the same results; pinned ones stay', async () => {
  await using ground = await Ground.open();
  const { scheduler } = ground;
  await scheduler.setBudget(4.5 * mib);
  // Nobody is brought below its share: a quarter of all, here.
  await scheduler.setTenant('late', { weight: 3 });
  const [one, pinned, late] = [weighty(1024, 3), weighty(1024, 5), weighty(1536, 7)];
  const first = await scheduler.loadModel(one.bytes, { tenant: 'shelf' });
  const second = await scheduler.loadModel(pinned.bytes, { tenant: 'shelf', pinned: true });
  const bits = [await runBits(first, one), await runBits(second, pinned)];
  const third = await scheduler.loadModel(late.bytes, { tenant: 'late' });
  await runBits(third, late);
  await expect.poll(async () => held(await scheduler.memory(), 'shelf')).toBeLessThan(2 * mib);
  expect(held(await scheduler.memory(), 'shelf')).toBeGreaterThanOrEqual(mib);
  await third.close();
  expect([await runBits(first, one), await runBits(second, pinned)]).toEqual(bits);
});

test('the same model loaded eight times by a tenant takes its memory once, and each stays until it is closed', async () => {
  const scheduler = await open();
  const sample = weighty(512);
  const models = await Promise.all(Array.from({ length: 8 }, () => scheduler.loadModel(sample.bytes, { tenant: 'echo' })));
  const [bits] = await Promise.all(models.map((model) => runBits(model, sample)));
  await expect.poll(async () => held(await scheduler.memory(), 'echo')).toBeLessThan(mib);
  await Promise.all(models.slice(1).map((model) => model.close()));
  expect(await runBits(models[0]!, sample)).toBe(bits);
});

test('pressure is told to the page, and no more of it is told when nothing changes', async () => {
  const scheduler = await open({ budget: 4 * mib });
  const told: MemoryPressure[] = [];
  const stop = scheduler.onPressure((pressure) => void told.push(pressure));
  const device = await requestDevice({ tenant: 'painter' });
  const buffers: GPUBuffer[] = [];
  for (let i = 0; i < 12; i += 1) {
    await scoped(device, 'out-of-memory', () => buffers.push(device.createBuffer({ size: 256 * kib, usage: data.STORAGE() })));
    await scheduler.memory();
  }
  await expect.poll(() => told.some(({ tenant, level }) => tenant === undefined && level !== 'nominal')).toBe(true);
  for (const buffer of buffers) buffer.destroy();
  // What was freed stays ready for a while.
  await expect.poll(() => told.at(-1)?.level, { timeout: 10_000 }).toBe('nominal');
  const { length } = told;
  await scheduler.memory();
  stop();
  expect(told.length).toBe(length);
});

test('a device that is destroyed takes its bytes with it, also what was idle or being mapped', async () => {
  const scheduler = await open();
  const device = await requestDevice({ tenant: 'painter' });
  const staging = Array.from({ length: 3 }, () => device.createBuffer({ size: 64 * kib, usage: GPUBufferUsage.MAP_WRITE | GPUBufferUsage.COPY_SRC }));
  device.createBuffer({ size: 64 * kib, usage: data.STORAGE() });
  for (const buffer of staging) buffer.destroy();
  await expect.poll(async () => held(await scheduler.memory(), 'painter')).toBeGreaterThan(0);
  device.destroy();
  device.createBuffer({ size: 64 * kib, usage: data.STORAGE() }).destroy();
  await expect.poll(async () => held(await scheduler.memory(), 'painter')).toBe(0);
});

test.each([
  ['a budget that is no number', (scheduler: Scheduler) => scheduler.setBudget(NaN)],
  ['a budget below nothing', (scheduler: Scheduler) => scheduler.setBudget(-1)],
  ['a budget of half a byte', (scheduler: Scheduler) => scheduler.setBudget(1.5)],
  ['a hard quota below the soft one', (scheduler: Scheduler) => scheduler.setTenant('x', { memory: { soft: 2, hard: 1 } })],
  ['a quota that is no number', (scheduler: Scheduler) => scheduler.setTenant('x', { memory: { hard: 'much' as never } })],
  ['a budget at the start that is no number', () => createScheduler({ budget: '1 GB' as never })],
])('%s is an invalid argument', async (_, call) => {
  const scheduler = await open();
  expect(await codeOf(call(scheduler))).toBe('invalid-argument');
});
