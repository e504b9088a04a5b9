import fc from 'fast-check';
import { create, globals } from 'webgpu';
import { expect, test } from 'vitest';
import { type Encoding, Encodings } from './encodings.ts';
import { HostileSwitch } from './hostile-switch.ts';
import type { AccountControl, Switch } from './link.ts';
import { scheduleDevice } from './scheduled-device.ts';
import { DeviceWeights, type DeviceWeightsOptions, type WeightId, type WeightRange } from './weight-arena.ts';

// Dawn's own validation without a GPU: what it accepts and refuses here, it does in the browser. Whether data stays right is tried there.
Object.assign(globalThis, globals);
const gpu = create(['backend=null']);

const KiB = 1024;
const MiB = 1024 * KiB;
const now = (): number => Math.round(performance.now() * 1000);
type Kind = 'plain' | 'scheduled';

interface Home {
  readonly device: GPUDevice;
  /** Of a scheduled one. */
  readonly account: ReturnType<typeof scheduleDevice>['account'] | undefined;
  readonly uncaptured: string[];
  /** Every buffer that was made. */
  readonly buffers: GPUBuffer[];
}
interface Lab extends Home {
  readonly encodings: Encodings;
  readonly weights: DeviceWeights;
}

async function homeOf(kind: Kind, to: Switch = new HostileSwitch()): Promise<Home> {
  const adapter = await gpu.requestAdapter();
  const device = await adapter!.requestDevice();
  const account = kind === 'plain' ? undefined : scheduleDevice(device, { tenant: 't', priority: 'background', switch: to, now }).account;
  const uncaptured: string[] = [];
  device.addEventListener('uncapturederror', (event) => {
    event.preventDefault();
    uncaptured.push(event.error.message);
  });
  const buffers: GPUBuffer[] = [];
  const { createBuffer } = device;
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer.call(device, descriptor);
    buffers.push(buffer);
    return buffer;
  };
  return { device, account, uncaptured, buffers };
}

function labIn(home: Home, options: Omit<DeviceWeightsOptions, 'encodings'> = {}): Lab {
  const encodings = new Encodings(home.device.queue);
  return { ...home, encodings, weights: new DeviceWeights(home.device, { encodings, maxBlockBytes: 16 * KiB, ...options }) };
}

const labOf = async (kind: Kind, options?: Omit<DeviceWeightsOptions, 'encodings'>): Promise<Lab> => labIn(await homeOf(kind), options);

async function added({ weights }: Lab, bytes: number): Promise<WeightId> {
  const outcome = await weights.add(new Uint8Array(bytes), `${bytes} bytes`);
  if (outcome.kind === 'refused') throw new Error(outcome.code);
  return outcome.id;
}

const layouts = new WeakMap<GPUDevice, GPUComputePipeline>();
function pipelineOf(device: GPUDevice): GPUComputePipeline {
  const known = layouts.get(device);
  if (known !== undefined) return known;
  const code = `@group(0) @binding(0) var<storage, read> w: array<u32>;
    @group(0) @binding(1) var<storage, read_write> o: array<u32>;
    @compute @workgroup_size(1) fn main() { o[0] = w[0]; }`;
  const made = device.createComputePipeline({ layout: 'auto', compute: { module: device.createShaderModule({ code }) } });
  layouts.set(device, made);
  return made;
}

/** Commands that read a weight. */
function reading(device: GPUDevice, { buffer, offset, size }: WeightRange, sink: GPUBuffer): GPUCommandBuffer {
  const pipeline = pipelineOf(device);
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0), entries: [{ binding: 0, resource: { buffer, offset, size } }, { binding: 1, resource: { buffer: sink } }],
  }));
  pass.dispatchWorkgroups(1);
  pass.end();
  return encoder.finish();
}

const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('add' as const), bytes: fc.oneof(fc.integer({ min: 1, max: 4 * KiB }), fc.integer({ min: 1, max: 12 * KiB })) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('remove' as const), pick: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('encode' as const), pick: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('close' as const), pick: fc.nat(), isSubmitted: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('compact' as const), maxBytes: fc.constantFrom(4 * KiB, 64 * KiB), isAwaited: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'trim' as const }) },
);

const overlaps = (one: WeightRange, other: WeightRange): boolean =>
  one.buffer === other.buffer && one.offset < other.offset + other.size && other.offset < one.offset + one.size;

test.each(['plain', 'scheduled'] as const)('%s: whatever is added, removed and moved, nothing is written where open encodings read, every bind is legal, and all returns', async (kind) => {
  const home = await homeOf(kind);
  const { device } = home;
  const sink = device.createBuffer({ size: 16, usage: GPUBufferUsage.STORAGE });
  let held = 0;
  let moved = 0;
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 50, size: 'max' }), async (steps) => {
    const lab = labIn(home);
    const { weights, encodings } = lab;
    const live: WeightId[] = [];
    const open: { encoding: Encoding; id: WeightId; range: WeightRange; commands: GPUCommandBuffer }[] = [];
    const passes: Promise<unknown>[] = [];
    const close = (index: number, isSubmitted: boolean): void => {
      const [{ encoding, commands }] = open.splice(index, 1) as [(typeof open)[number]];
      if (isSubmitted) encodings.submit(encoding, [commands]);
      else encodings.close(encoding);
    };
    for (const one of steps) {
      if (one.kind === 'add') {
        const id = await added(lab, one.bytes);
        live.push(id);
        const range = weights.resolve(id)!;
        expect(open.filter((other) => overlaps(other.range, range))).toEqual([]);
      } else if (one.kind === 'remove' && live.length > 0) weights.remove(live.splice(one.pick % live.length, 1)[0]!);
      else if (one.kind === 'encode' && live.length > 0) {
        const id = live[one.pick % live.length]!;
        const range = weights.resolve(id)!;
        open.push({ encoding: encodings.open(), id, range, commands: reading(device, range, sink) });
      } else if (one.kind === 'close' && open.length > 0) close(one.pick % open.length, one.isSubmitted);
      else if (one.kind === 'compact') {
        const pass = weights.compact({ maxBytes: one.maxBytes, maxMoves: 32 }).then((outcome) => {
          expect(outcome.kind).not.toBe('abandoned');
          if (outcome.kind === 'moved') moved += outcome.moveCount;
        });
        passes.push(pass);
        if (one.isAwaited) await pass;
      } else if (one.kind === 'trim') weights.trim();
      const ranges = live.map((id) => weights.resolve(id)!);
      for (const [index, range] of ranges.entries()) expect(ranges.slice(index + 1).some((other) => overlaps(range, other))).toBe(false);
      held = Math.max(held, weights.report().settlingCount + weights.report().removedCount);
    }
    await Promise.all(passes);
    while (open.length > 0) close(0, true);
    for (const id of live) weights.remove(id);
    expect([...weights.labels()]).toEqual([]);
    weights.trim();
    expect(weights.report()).toMatchObject({ chargedBytes: 0, reservedBytes: 0, blockCount: 0, removedCount: 0, settlingCount: 0, staleCount: 0 });
    await device.queue.onSubmittedWorkDone();
    expect(lab.uncaptured).toEqual([]);
  }), { numRuns: 150 });
  expect(held).toBeGreaterThan(0);
  expect(moved).toBeGreaterThan(3);
}, 60_000);

/** Two blocks, the first half empty and the second nearly. */
async function inTwoBlocks(lab: Lab): Promise<{ first: readonly WeightId[]; last: WeightId }> {
  const first = [await added(lab, 1024), await added(lab, 1024)];
  const last = await added(lab, 2048);
  expect(lab.weights.report().blockCount).toBe(2);
  lab.weights.remove(first.pop()!);
  return { first, last };
}

test.each(['plain', 'scheduled'] as const)('%s: a bind group of an older version stays right until its submit, and its range is not given out before', async (kind) => {
  const lab = await labOf(kind);
  const { weights, encodings, device } = lab;
  const sink = device.createBuffer({ size: 16, usage: GPUBufferUsage.STORAGE });
  const { first: [id] } = await inTwoBlocks(lab);
  const encoding = encodings.open();
  const before = weights.resolve(id!)!;
  const commands = reading(device, before, sink);
  expect(await weights.compact()).toEqual({ kind: 'moved', moveCount: 1, bytes: 1024 });
  const after = weights.resolve(id!)!;
  expect([after.version, after.buffer === before.buffer]).toEqual([before.version + 1, false]);
  expect(await weights.compact()).toEqual({ kind: 'put-off' });
  expect(weights.report()).toMatchObject({ settlingCount: 1, blockCount: 2 });
  expect(overlaps(weights.resolve(await added(lab, 512))!, before)).toBe(false);
  encodings.submit(encoding, [commands]);
  expect(weights.report().settlingCount).toBe(0);
  expect(weights.resolve(id!)).toEqual(after);
  await device.queue.onSubmittedWorkDone();
  expect(lab.uncaptured).toEqual([]);
});

test('compaction keeps out of the way while a more urgent op waits', async () => {
  let isWaiting = true;
  const lab = await labOf('plain', { isUrgentWaiting: () => isWaiting });
  await inTwoBlocks(lab);
  expect(await lab.weights.compact()).toEqual({ kind: 'put-off' });
  isWaiting = false;
  expect(await lab.weights.compact()).toMatchObject({ kind: 'moved' });
});

test('a pass stays in its budget', async () => {
  const lab = await labOf('plain', { maxBlockBytes: 16 * MiB });
  const ids: WeightId[] = [];
  for (let index = 0; index < 600; index += 1) ids.push(await added(lab, 32 * KiB));
  for (const [index, id] of ids.entries()) if (index % 4 !== 0) lab.weights.remove(id);
  const pass = await lab.weights.compact();
  expect(pass).toEqual({ kind: 'moved', moveCount: 32, bytes: 32 * 32 * KiB });
});

test('when WebGPU has no valid target the pass is abandoned, and everything lies where it lay', async () => {
  const lab = await labOf('plain');
  const { weights, buffers } = lab;
  const { first: [id], last } = await inTwoBlocks(lab);
  const before = [weights.resolve(id!), weights.resolve(last)];
  buffers.find((buffer) => buffer === before[1]!.buffer)!.destroy();
  expect(await weights.compact()).toEqual({ kind: 'abandoned' });
  expect([weights.resolve(id!), weights.resolve(last)]).toEqual(before);
  expect(weights.report()).toMatchObject({ settlingCount: 0, chargedBytes: 1024 + 2048 });
  expect(lab.uncaptured).toEqual([]);
});

test('what no buffer or binding can hold is refused with the limit, and nothing is asked of the GPU', async () => {
  const lab = await labOf('plain');
  expect(await lab.weights.add(new Uint8Array(0), 'empty')).toEqual({ kind: 'refused', code: 'no-bytes', limitBytes: 1 });
  const limitBytes = lab.device.limits.maxStorageBufferBindingSize;
  expect(await lab.weights.add(new Uint8Array(limitBytes + 1), 'wide')).toEqual({ kind: 'refused', code: 'over-binding-limit', limitBytes });
  expect(lab.buffers).toEqual([]);
});

test.each([1, 3, 4, 255, 256, 257])('a weight of %d bytes is bound in whole words', async (bytes) => {
  const lab = await labOf('plain');
  const range = lab.weights.resolve(await added(lab, bytes))!;
  expect([range.size, range.offset % 256]).toEqual([Math.ceil(bytes / 4) * 4, 0]);
});

/** A ledger that grants nothing beyond a lease of so many bytes. */
function strict(lease: number, asked: number[] = []): Switch {
  return {
    open: (_tenant, _priority, _gate, account: AccountControl) => {
      queueMicrotask(() => account.leased(lease, undefined));
      return {
        ready: () => undefined, released: () => undefined, recalled: () => undefined, done: () => undefined, timed: () => undefined, closed: () => undefined,
        account: {
          reported: () => undefined,
          asked: (request, need) => {
            if (request > 0 && need > 0) asked.push(need);
            queueMicrotask(() => account.refused(request, { code: 'over-budget', fits: 0 }));
          },
          ranOut: () => undefined,
        },
      };
    },
  };
}

test.each(['the account', 'WebGPU'])('where %s has no room for a block a smaller one is made, and without any the refusal says so', async (who) => {
  const asked: number[] = [];
  const home = await homeOf('scheduled', strict(12 * KiB, asked));
  const lab = labIn(home, { account: who === 'the account' ? home.account : undefined, maxBlockBytes: 128 * KiB });
  const id = await added(lab, 4 * KiB);
  expect([asked, lab.weights.report().reservedBytes]).toEqual([[4 * KiB], 8 * KiB]);
  const refusal = await lab.weights.add(new Uint8Array(16 * KiB), 'too much');
  expect(refusal).toEqual({ kind: 'refused', code: 'no-room', fits: 4 * KiB, isSettling: false });
  expect(lab.weights.resolve(id)).toBeDefined();
  expect(home.account!.held).toBeLessThanOrEqual(12 * KiB);
  expect(lab.uncaptured).toEqual([]);
});

test('where only moving makes room, weights are moved; while encodings are open that takes until they are closed, and the refusal says so', async () => {
  const home = await homeOf('scheduled', strict(6 * KiB));
  const lab = labIn(home, { account: home.account });
  const { weights, encodings } = lab;
  const [, second] = [await added(lab, KiB), await added(lab, KiB), await added(lab, 2 * KiB), await added(lab, KiB)];
  weights.remove(second);
  expect(weights.report()).toMatchObject({ reservedBytes: 6 * KiB, largestFreeBytes: KiB });
  const encoding = encodings.open();
  expect(await weights.add(new Uint8Array(2 * KiB), 'too early')).toEqual({ kind: 'refused', code: 'no-room', fits: KiB, isSettling: true });
  encodings.close(encoding);
  await added(lab, 2 * KiB);
  expect(weights.report()).toMatchObject({ reservedBytes: 6 * KiB, chargedBytes: 6 * KiB });
  expect(lab.uncaptured).toEqual([]);
});

test('a device that is destroyed ends everything without a throw or a rejection, and later calls are counted', async () => {
  const lab = await labOf('scheduled');
  const { weights, device, encodings } = lab;
  const { first: [id], last } = await inTwoBlocks(lab);
  const encoding = encodings.open();
  weights.remove(last);
  const pass = weights.compact();
  const adding = weights.add(new Uint8Array(20 * KiB), 'late');
  device.destroy();
  await device.lost;
  expect((await pass).kind).toMatch(/abandoned|nothing|moved/);
  expect(['device-lost', undefined]).toContain('code' in (await adding) ? ((await adding) as { code: string }).code : undefined);
  expect(weights.resolve(id!)).toBeUndefined();
  weights.remove(id!);
  encodings.close(encoding);
  expect(await weights.add(new Uint8Array(4), 'later')).toEqual({ kind: 'refused', code: 'device-lost' });
  expect(await weights.compact()).toEqual({ kind: 'abandoned' });
  expect(weights.report()).toMatchObject({ blockCount: 0, weightCount: 0, settlingCount: 0 });
  expect(weights.report().staleCount).toBeGreaterThan(0);
});

test('removing twice and using what was removed are bugs', async () => {
  const lab = await labOf('plain');
  const encoding = lab.encodings.open();
  const id = await added(lab, 4);
  lab.weights.remove(id);
  expect(() => lab.weights.remove(id)).toThrow('removed once');
  expect(() => lab.weights.resolve(id)).toThrow('removed');
  lab.encodings.close(encoding);
  expect(() => lab.weights.remove(id)).toThrow('known');
});

test('after a close weights resolve to nothing, and their blocks go once nothing names them', async () => {
  const lab = await labOf('plain');
  const { weights, encodings, device } = lab;
  const sink = device.createBuffer({ size: 16, usage: GPUBufferUsage.STORAGE });
  const id = await added(lab, 64);
  const encoding = encodings.open();
  const commands = reading(device, weights.resolve(id)!, sink);
  weights.close();
  expect(weights.resolve(id)).toBeUndefined();
  encodings.submit(encoding, [commands]);
  await device.queue.onSubmittedWorkDone();
  expect(lab.uncaptured).toEqual([]);
  expect(await weights.add(new Uint8Array(4), 'later')).toEqual({ kind: 'refused', code: 'closed' });
});
