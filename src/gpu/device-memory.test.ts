import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { create, globals } from 'webgpu';
import { describe, expect, test } from 'vitest';
import type { AccountFigures } from '../wire/memory.ts';
import type { DeviceContext, MemoryOptions } from './device-context.ts';
import type { AccountControl, Switch } from './link.ts';
import { scheduleDevice } from './scheduled-device.ts';

Object.assign(globalThis, globals);
const gpu = create(['backend=null']);
const data = (): number => GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;

/** A scheduler that lets everything through, and a ledger that gives one lease. */
class Lender implements Switch {
  account!: AccountControl;
  readonly figures: AccountFigures[] = [];
  readonly asked: number[] = [];
  ranOutAt: number | undefined;
  readonly #lease: number;

  constructor(lease: number) {
    this.#lease = lease;
  }

  open: Switch['open'] = (_tenant, _priority, _gate, account) => {
    this.account = account;
    account.opening();
    return {
      ready: () => undefined, released: () => undefined, recalled: () => undefined, done: () => undefined, timed: () => undefined, closed: () => undefined,
      account: {
        reported: (figures) => void this.figures.push(figures),
        asked: (_request, need) => void this.asked.push(need),
        ranOut: (charged) => (this.ranOutAt = charged),
      },
    };
  };

  lend(): void {
    this.account.leased(this.#lease, 0);
  }
}

interface Lab {
  readonly device: GPUDevice;
  readonly context: DeviceContext;
  readonly lender: Lender;
}

async function labOf(lease: number, { memory, prepare }: { memory?: MemoryOptions; prepare?: (device: GPUDevice) => void } = {}): Promise<Lab> {
  const device = await (await gpu.requestAdapter())!.requestDevice();
  device.addEventListener('uncapturederror', (event) => event.preventDefault());
  prepare?.(device);
  const lender = new Lender(lease);
  const context = scheduleDevice(device, { tenant: 't', priority: 'background', switch: lender, now: () => Math.round(performance.now() * 1000), memory });
  lender.lend();
  return { device, context, lender };
}

async function scoped(device: GPUDevice, filter: GPUErrorFilter, call: () => void): Promise<string> {
  device.pushErrorScope(filter);
  call();
  const error = await device.popErrorScope();
  return error === null ? 'no error' : error.constructor.name;
}

const isValid = async (device: GPUDevice, buffer: GPUBuffer): Promise<boolean> =>
  (await scoped(device, 'validation', () => device.queue.writeBuffer(buffer, 0, new Uint32Array(1)))) === 'no error';

test.each([
  0, 1, 2, 3, 4, 6, 255, 256, 257, -1, 1.5, NaN, Infinity, 2 ** 31, 2 ** 32 - 4, 2 ** 32, 2 ** 53, 'limit', 'limit + 4', undefined, '16',
])('a buffer of size %s gets the answer it gets on a plain device, also the second time', async (size) => {
  const answers = async (isScheduled: boolean): Promise<unknown[]> => {
    const plain = await (await gpu.requestAdapter())!.requestDevice();
    const device = isScheduled ? (await labOf(2 ** 40)).device : plain;
    const bytes = size === 'limit' ? device.limits.maxBufferSize : size === 'limit + 4' ? device.limits.maxBufferSize + 4 : (size as number);
    const seen: unknown[] = [];
    for (const mappedAtCreation of [false, true, false]) {
      for (const usage of [data(), 0, GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE, GPUBufferUsage.MAP_WRITE | GPUBufferUsage.COPY_SRC]) {
        if (mappedAtCreation && bytes > 2 ** 28) continue;
        let made: GPUBuffer | undefined;
        seen.push(await scoped(device, 'validation', () => {
          try {
            made = device.createBuffer({ size: bytes, usage, mappedAtCreation });
            seen.push(made.size, made.usage, made.mapState);
          } catch (error) {
            seen.push((error as Error).name);
          }
        }));
        seen.push(await scoped(device, 'validation', () => made?.destroy()));
      }
    }
    device.destroy();
    return seen;
  };
  expect(await answers(true)).toEqual(await answers(false));
});

/** A device whose nth buffer gets no memory, told as WebGPU tells it: later, and in the innermost scope that asks. */
function failing(nth: number): (device: GPUDevice) => void {
  return (device) => {
    const { createBuffer, pushErrorScope, popErrorScope } = device;
    const scopes: { filter: string; failed: boolean }[] = [];
    let count = 0;
    Object.assign(device, {
      createBuffer: (descriptor: GPUBufferDescriptor) => {
        count += 1;
        if (count !== nth) return createBuffer.call(device, descriptor);
        const scope = scopes.findLast(({ filter }) => filter === 'out-of-memory');
        if (scope) scope.failed = true;
        pushErrorScope.call(device, 'validation');
        const invalid = createBuffer.call(device, { size: descriptor.size, usage: 0 });
        void popErrorScope.call(device);
        Object.defineProperty(invalid, 'usage', { value: descriptor.usage });
        return invalid;
      },
      pushErrorScope: (filter: GPUErrorFilter) => {
        scopes.push({ filter, failed: false });
        pushErrorScope.call(device, filter);
      },
      popErrorScope: async () => {
        const scope = scopes.pop();
        const error = await popErrorScope.call(device);
        return scope?.failed ? new GPUOutOfMemoryError('none left') : error;
      },
    });
  };
}

test.each([1, 2, 3, 4, 5, 6, 7, 8])('when creation %i gets no memory that buffer is invalid and no other, the program hears of it once, and no byte stays counted', async (nth) => {
  const { device, context, lender } = await labOf(2 ** 30, { prepare: failing(nth) });
  const buffers: GPUBuffer[] = [];
  const told = [
    await scoped(device, 'out-of-memory', () => void buffers.push(...[1, 2, 3, 4].map((size) => device.createBuffer({ size: 1024 * size, usage: data() })))),
    await scoped(device, 'out-of-memory', () => void buffers.push(...[5, 6, 7, 8].map((size) => device.createBuffer({ size: 1024 * size, usage: data() })))),
  ];
  expect(told.filter((name) => name === 'GPUOutOfMemoryError')).toEqual(['GPUOutOfMemoryError']);
  expect(told[nth <= 4 ? 0 : 1]).toBe('GPUOutOfMemoryError');
  await expect.poll(() => context.memory.live).toBe(1024 * (36 - nth));
  expect(lender.ranOutAt).toBeGreaterThan(0);
  expect(await Promise.all(buffers.map((buffer) => isValid(device, buffer)))).toEqual(buffers.map((_, index) => index !== nth - 1));
  for (const buffer of buffers) buffer.destroy();
  await expect.poll(() => context.memory.report).toMatchObject({ live: 0, idle: 0, returning: 0 });
});

describe('beyond the lease', () => {
  test('idle memory goes first, and what is live is not touched', async () => {
    const { device, context } = await labOf(4096);
    for (let i = 0; i < 3; i += 1) device.createBuffer({ size: 1024, usage: data() }).destroy();
    const kept = device.createBuffer({ size: 1024, usage: data() });
    device.createBuffer({ size: 1024, usage: data() });
    expect(await scoped(device, 'out-of-memory', () => device.createBuffer({ size: 2048, usage: data() }))).toBe('no error');
    expect(context.memory.report).toMatchObject({ live: 4096, idle: 0 });
    expect(await isValid(device, kept)).toBe(true);
  });

  test('a callback that creates, destroys and throws leaves everything in order', async () => {
    const reported: unknown[] = [];
    globalThis.reportError = (error) => void reported.push(error);
    const buffers: GPUBuffer[] = [];
    const { device, context } = await labOf(4096, { memory: { onPressure: () => {
      device.createBuffer({ size: 8192, usage: data() }); // Refused, without asking again.
      buffers.pop()?.destroy();
      throw new Error('of its own');
    } } });
    for (let i = 0; i < 4; i += 1) buffers.push(device.createBuffer({ size: 1024, usage: data() }));
    const made = device.createBuffer({ size: 512, usage: data() });
    expect(reported).toHaveLength(1);
    expect(context.memory.live).toBe(3 * 1024 + 512);
    expect(await isValid(device, made)).toBe(true);
  });

  test('a callback that destroys the device ends nothing but the device', async () => {
    const { device, context } = await labOf(1024, { memory: { onPressure: () => device.destroy() } });
    const kept = device.createBuffer({ size: 1024, usage: data() });
    const late = device.createBuffer({ size: 1024, usage: data() });
    expect([kept.size, late.size]).toEqual([1024, 1024]);
    await device.lost;
    late.destroy();
    kept.destroy();
    await expect.poll(() => context.memory.report).toMatchObject({ live: 0, idle: 0, returning: 0 });
    expect(device.createBuffer({ size: 16, usage: data() }).size).toBe(16);
  });

  test('what the GPU never finishes counts, and more is refused', async () => {
    const { device, context } = await labOf(4096, { prepare: ({ queue }) => {
      queue.onSubmittedWorkDone = () => new Promise(() => undefined);
    } });
    let refused = 0;
    for (let i = 0; i < 8; i += 1) {
      const buffer = device.createBuffer({ size: 1024 + 4 * i, usage: data() });
      const encoder = device.createCommandEncoder();
      encoder.clearBuffer(buffer);
      refused += (await scoped(device, 'validation', () => device.queue.submit([encoder.finish()]))) === 'no error' ? 0 : 1;
      buffer.destroy();
    }
    expect(refused).toBe(5);
    expect(context.memory.report.returning).toBeLessThanOrEqual(4096);
  });

  test('a request that was refused is asked for at once, so that the next one may fit', async () => {
    const { device, lender } = await labOf(1024);
    expect(await scoped(device, 'out-of-memory', () => device.createBuffer({ size: 3072, usage: data() }))).toBe('GPUOutOfMemoryError');
    expect(lender.asked).toContain(2048);
    lender.account.leased(4096, undefined);
    expect(await scoped(device, 'out-of-memory', () => device.createBuffer({ size: 3072, usage: data() }))).toBe('no error');
  });
});

test('a block of a class is larger than its buffer, and nothing of that shows', async () => {
  const { device, context } = await labOf(2 ** 30);
  context.buffers.sizing = 'classes';
  const usage = data() | GPUBufferUsage.INDEX | GPUBufferUsage.INDIRECT | GPUBufferUsage.QUERY_RESOLVE;
  const [buffer, other] = [device.createBuffer({ size: 4100, usage }), device.createBuffer({ size: 4100, usage })];
  expect(buffer.size).toBe(4100);
  expect(context.memory.live).toBe(2 * 4608);
  const encode = (call: (encoder: GPUCommandEncoder) => void) => (): void => {
    const encoder = device.createCommandEncoder();
    call(encoder);
    device.queue.submit([encoder.finish()]);
  };
  const layout = device.createBindGroupLayout({ entries: [{ binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { type: 'storage' } }] });
  const bind = (range: Partial<GPUBufferBinding>) => (): void => void device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer, ...range } }] });
  const inside: (() => void)[] = [
    () => device.queue.writeBuffer(buffer, 0, new Uint8Array(4100)), () => device.queue.writeBuffer(buffer, 4096, new Uint8Array(4)),
    encode((encoder) => encoder.copyBufferToBuffer(buffer, 0, other, 0, 4100)), encode((encoder) => encoder.copyBufferToBuffer(buffer, other)),
    encode((encoder) => encoder.clearBuffer(buffer, 4096)), bind({}), bind({ offset: 256 }), bind({ offset: 256, size: 3844 }),
  ];
  const outside: (() => void)[] = [
    () => device.queue.writeBuffer(buffer, 0, new Uint8Array(4104)), () => device.queue.writeBuffer(buffer, 4100, new Uint8Array(4)),
    encode((encoder) => encoder.copyBufferToBuffer(buffer, 0, other, 0, 4104)), encode((encoder) => encoder.copyBufferToBuffer(buffer, 4, other, 0, 4100)),
    encode((encoder) => encoder.copyBufferToBuffer(buffer, 0, other, 4, 4100)), encode((encoder) => encoder.clearBuffer(buffer, 0, 4104)),
    bind({ size: 4104 }), bind({ offset: 256, size: 3848 }),
  ];
  for (const call of inside) expect(await scoped(device, 'validation', call)).toBe('no error');
  for (const call of outside) expect(await scoped(device, 'validation', call)).toBe('GPUValidationError');
});

test('a steady program creates no buffer from its third turn on', async () => {
  const { device, context } = await labOf(2 ** 30);
  const misses: number[] = [];
  for (let turn = 0; turn < 6; turn += 1) {
    const buffers = [256, 1024, 256, 4096].map((size) => device.createBuffer({ size, usage: data() }));
    for (const buffer of buffers) buffer.destroy();
    misses.push(context.memory.report.misses);
  }
  expect(misses.slice(2)).toEqual([misses[2], misses[2], misses[2], misses[2]]);
});

test('what a program drops without destroying it is told by its label, and given back; what it destroys is no leak', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const { device, context } = await labOf(2 ** 30);
  const make = (label: string, isDestroyed: boolean): void => {
    const buffer = device.createBuffer({ label, size: 1024, usage: data() });
    if (isDestroyed) buffer.destroy();
  };
  for (let i = 0; i < 40; i += 1) make(i % 2 === 0 ? 'forgotten' : 'kept in order', i % 2 === 1);
  await expect.poll(() => {
    collect();
    return context.memory.report.leakCount;
  }, { timeout: 20_000 }).toBe(20);
  expect(new Set(context.memory.report.leaks)).toEqual(new Set(['forgotten']));
  expect(context.memory.report.live).toBe(0);
});

test('the trace tells what happened to each block', async () => {
  const { device, context } = await labOf(2 ** 30);
  for (let i = 0; i < 3; i += 1) device.createBuffer({ label: 'x', size: 64, usage: data() }).destroy();
  expect([...context.memory.trace].map(({ kind, block, label }) => `${kind} ${block} ${label}`.trim())).toEqual([
    'create 1 x', 'end 1', 'create 2 x', 'release 2', 'reuse 2 x', 'release 2',
  ]);
});
