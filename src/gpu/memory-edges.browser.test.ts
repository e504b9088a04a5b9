import * as fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';

import { type Encoding, Encodings } from './encodings.ts';
import { HostileSwitch } from './hostile-switch.ts';
import { ParameterRing } from './parameter-ring.ts';
import { PlannedArenas } from './planned-arenas.ts';
import { ReadbackPool } from './readback-pool.ts';
import { scheduleDevice } from './scheduled-device.ts';
import { UploadBelt } from './upload-belt.ts';
import { DeviceWeights, type WeightId } from './weight-arena.ts';

const KiB = 1024;
const sumCount = 1024;

// The order of the words counts, so that a word out of place or of another weight gives another sum.
const code = `
  struct Parameters { words: u32, at: u32, start: u32 }
  @group(0) @binding(0) var<storage, read> weight: array<u32>;
  @group(0) @binding(1) var<storage, read_write> sums: array<u32, ${sumCount}>;
  @group(1) @binding(0) var<uniform> parameters: Parameters;
  @compute @workgroup_size(1) fn main() {
    var sum = parameters.start;
    for (var i = 0u; i < parameters.words; i += 1) { sum = sum * 31 + weight[i]; }
    sums[parameters.at] = sum;
  }`;

type Kind = 'plain' | 'scheduled';
const kinds: readonly Kind[] = ['plain', 'scheduled'];

/** Everything that a runtime would have on a device. */
class Lab {
  readonly device: GPUDevice;
  readonly encodings: Encodings;
  readonly belt: UploadBelt;
  readonly ring: ParameterRing;
  readonly weights: DeviceWeights;
  readonly pool: ReadbackPool;
  readonly sums: GPUBuffer;
  readonly uncaptured: string[] = [];
  readonly #layouts: [GPUBindGroupLayout, GPUBindGroupLayout];
  readonly #pipeline: GPUComputePipeline;

  constructor(device: GPUDevice) {
    this.device = device;
    this.encodings = new Encodings(device.queue);
    this.belt = new UploadBelt(device, this.encodings, { chunkBytes: 4 * KiB, smallBytes: KiB });
    this.ring = new ParameterRing(device, this.encodings, { slotCount: 2 });
    this.weights = new DeviceWeights(device, { encodings: this.encodings, upload: this.belt, maxBlockBytes: 32 * KiB });
    this.pool = new ReadbackPool(device);
    this.sums = device.createBuffer({ size: sumCount * 4, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST });
    device.addEventListener('uncapturederror', (event) => {
      event.preventDefault();
      this.uncaptured.push(event.error.message);
    });
    const entry = (binding: number, type: GPUBufferBindingType, hasDynamicOffset = false): GPUBindGroupLayoutEntry =>
      ({ binding, visibility: GPUShaderStage.COMPUTE, buffer: { type, hasDynamicOffset } });
    this.#layouts = [
      device.createBindGroupLayout({ entries: [entry(0, 'read-only-storage'), entry(1, 'storage')] }),
      device.createBindGroupLayout({ entries: [entry(0, 'uniform', true)] }),
    ];
    const layout = device.createPipelineLayout({ bindGroupLayouts: this.#layouts });
    this.#pipeline = device.createComputePipeline({ layout, compute: { module: device.createShaderModule({ code }) } });
  }

  static async open(kind: Kind): Promise<Lab> {
    const adapter = await navigator.gpu.requestAdapter();
    const device = await adapter!.requestDevice();
    onTestFinished(() => device.destroy());
    const now = (): number => Math.round(performance.now() * 1000);
    if (kind === 'scheduled') scheduleDevice(device, { tenant: 't', priority: 'background', switch: new HostileSwitch(), now });
    return new Lab(device);
  }

  async add(words: Uint32Array<ArrayBuffer>): Promise<WeightId> {
    const added = await this.weights.add(new Uint8Array(words.buffer), 'weight');
    if (added.kind === 'refused') throw new Error(added.code);
    return added.id;
  }

  /** Commands that put the sum of a weight at `at`. */
  summing(encoding: Encoding, id: WeightId, { words, at, start }: { words: number; at: number; start: number }): GPUCommandBuffer {
    const { device } = this;
    const { buffer, offset, size } = this.weights.resolve(id)!;
    const slot = this.ring.put(encoding, new Uint8Array(Uint32Array.of(words, at, start).buffer));
    const [data, parameters] = this.#layouts;
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(this.#pipeline);
    const entries = [{ binding: 0, resource: { buffer, offset, size } }, { binding: 1, resource: { buffer: this.sums } }];
    pass.setBindGroup(0, device.createBindGroup({ layout: data, entries }));
    const uniform = { buffer: slot.buffer, size: slot.size };
    pass.setBindGroup(1, device.createBindGroup({ layout: parameters, entries: [{ binding: 0, resource: uniform }] }), [slot.dynamicOffset]);
    pass.dispatchWorkgroups(1);
    pass.end();
    return encoder.finish();
  }

  async read(): Promise<Uint32Array> {
    const [sums] = await this.pool.read([{ buffer: this.sums, offset: 0, bytes: sumCount * 4 }]);
    return new Uint32Array(sums!);
  }
}

const wordsOf = (count: number, seed: number): Uint32Array<ArrayBuffer> => Uint32Array.from({ length: count }, (_, index) => Math.imul(seed + index, 0x85eb_ca6b));
const sumOf = (words: Uint32Array, start: number): number => words.reduce((sum, word) => (Math.imul(sum, 31) + word) >>> 0, start);

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('add' as const), words: fc.integer({ min: 1, max: 5 * 256 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('remove' as const), pick: fc.nat() }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('encode' as const), picks: fc.array(fc.nat(), { minLength: 1, maxLength: 5 }) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('submit' as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('give up' as const), pick: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('compact' as const), isAwaited: fc.boolean() }) },
);

test.each(kinds)('%s: kernels that bind weights while they move, in encodings submitted in any order, read what was added', async (kind) => {
  const lab = await Lab.open(kind);
  const { weights, encodings, device } = lab;
  let moved = 0;
  let summed = 0;
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 70, size: 'max' }), async (steps) => {
    const live: { id: WeightId; words: Uint32Array<ArrayBuffer> }[] = [];
    const open: { encoding: Encoding; commands: GPUCommandBuffer[]; sums: [number, number][] }[] = [];
    const expected = new Uint32Array(sumCount);
    const passes: Promise<unknown>[] = [];
    let [at, seed] = [0, 1];
    const submit = (index: number): void => {
      const [{ encoding, commands, sums }] = open.splice(index, 1) as [(typeof open)[number]];
      encodings.submit(encoding, commands);
      for (const [place, sum] of sums) expected[place] = sum;
    };
    for (const one of steps) {
      if (one.kind === 'add') {
        const words = wordsOf(one.words, (seed += 7919));
        live.push({ id: await lab.add(words), words });
      } else if (one.kind === 'compact') {
        const pass = weights.compact({ maxBytes: 64 * KiB, maxMoves: 32 }).then((outcome) => {
          expect(outcome.kind).not.toBe('abandoned');
          moved += outcome.kind === 'moved' ? outcome.moveCount : 0;
        });
        passes.push(pass);
        if (one.isAwaited) await pass;
      } else if (one.kind === 'encode' && live.length > 0) {
        const encoding = encodings.open();
        const sums: [number, number][] = [];
        const commands = one.picks.map((pick) => {
          const { id, words } = live[pick % live.length]!;
          at += 1;
          sums.push([at, sumOf(words, at)]);
          return lab.summing(encoding, id, { words: words.length, at, start: at });
        });
        open.push({ encoding, commands, sums });
      } else if (one.kind === 'remove' && live.length > 0) weights.remove(live.splice(one.pick % live.length, 1)[0]!.id);
      else if (one.kind === 'submit' && open.length > 0) submit(one.pick % open.length);
      else if (one.kind === 'give up' && open.length > 0) encodings.close(open.splice(one.pick % open.length, 1)[0]!.encoding);
    }
    await Promise.all(passes);
    while (open.length > 0) submit(open.length - 1);
    expect(await lab.read()).toEqual(expected);
    for (const { id } of live) weights.remove(id);
    weights.trim();
    expect(weights.report()).toMatchObject({ reservedBytes: 0, removedCount: 0, settlingCount: 0, staleCount: 0 });
    device.queue.writeBuffer(lab.sums, 0, new Uint32Array(sumCount));
    summed += at;
  }), { numRuns: 50, interruptAfterTimeLimit: 25_000 });
  expect([moved > 20, summed > 300]).toEqual([true, true]);
  expect(lab.uncaptured).toEqual([]);
});

const write = fc.record({ at: fc.nat(3000), words: fc.oneof({ weight: 3, arbitrary: fc.nat(300) }, { weight: 1, arbitrary: fc.nat(5000) }), isSubmitted: fc.boolean() });

test.each(kinds)('%s: writes of any size over each other read back as the last of them left it', async (kind) => {
  const { device, belt, pool, encodings, uncaptured } = await Lab.open(kind);
  const length = 8192;
  const target = device.createBuffer({ size: length * 4, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC });
  let chunks = 0;
  await fc.assert(fc.asyncProperty(fc.array(write, { maxLength: 20 }), async (writes) => {
    const expected = new Uint32Array(length);
    belt.write(target, 0, new Uint8Array(length * 4));
    for (const [index, { at, words, isSubmitted }] of writes.entries()) {
      const data = wordsOf(words, index * 31 + 1);
      expected.set(data, at);
      belt.write(target, at * 4, new Uint8Array(data.buffer));
      data.fill(0xdead_beef); // What is written is what stood there at the call.
      if (isSubmitted) belt.submit();
    }
    encodings.flush();
    chunks = Math.max(chunks, belt.report.chunkCount);
    const [whole, part] = await pool.read([{ buffer: target, offset: 0, bytes: length * 4 }, { buffer: target, offset: 8, bytes: 5 }]);
    expect(new Uint32Array(whole!)).toEqual(expected);
    expect(new Uint8Array(part!)).toEqual(new Uint8Array(expected.buffer, 8, 5));
  }), { numRuns: 40, interruptAfterTimeLimit: 20_000 });
  expect(chunks).toBeGreaterThan(1);
  expect(uncaptured).toEqual([]);
});

test.each(kinds)('%s: a device destroyed while chunks are mapped, results are read and weights move ends all of it in silence', async (kind) => {
  const unhandled: unknown[] = [];
  const note = (event: PromiseRejectionEvent): void => void unhandled.push(event.reason);
  addEventListener('unhandledrejection', note);
  onTestFinished(() => removeEventListener('unhandledrejection', note));
  for (const moment of ['mapped', 'moving', 'adding', 'reading', 'encoding'] as const) {
    const lab = await Lab.open(kind);
    const { device, weights, belt, encodings } = lab;
    const ids = [await lab.add(wordsOf(1024, 1)), await lab.add(wordsOf(900, 2)), await lab.add(wordsOf(1500, 3))];
    weights.remove(ids.shift()!);
    belt.write(lab.sums, 0, new Uint8Array(2 * KiB));
    const encoding = encodings.open();
    const commands = lab.summing(encoding, ids[0]!, { words: 4, at: 0, start: 0 });
    const pass = moment === 'moving' ? weights.compact() : undefined;
    const adding = moment === 'adding' ? weights.add(new Uint8Array(20 * KiB), 'late') : undefined;
    const reading = moment === 'reading' ? lab.read() : undefined;
    void lab.pool.read([{ buffer: lab.sums, offset: 0, bytes: 16 }]);
    device.destroy();
    belt.write(lab.sums, 0, new Uint8Array(2 * KiB));
    if (moment === 'encoding') lab.ring.put(encoding, new Uint8Array(4));
    encodings.submit(encoding, [commands]);
    expect(await reading?.then(() => 'read', (error: Error) => error.name) ?? 'AbortError').toMatch(/AbortError|OperationError/);
    await Promise.all([pass, adding, device.lost]);
    expect(ids.map((id) => weights.resolve(id))).toEqual([undefined, undefined]);
    weights.remove(ids[0]!);
    expect(await weights.add(new Uint8Array(4), 'later')).toEqual({ kind: 'refused', code: 'device-lost' });
    expect([weights.report().blockCount, weights.report().staleCount > 0, belt.report.chunkCount]).toEqual([0, true, 0]);
    lab.ring.close();
    lab.pool.close();
    expect(lab.uncaptured).toEqual([]);
  }
  await new Promise((resolve) => setTimeout(resolve)); // Rejections are reported in a task of their own.
  expect(unhandled).toEqual([]);
});

test('arenas that WebGPU has no memory for are refused whole, and the device goes on', async () => {
  const adapter = await navigator.gpu.requestAdapter();
  const { maxBufferSize } = adapter!.limits;
  const device = await adapter!.requestDevice({ requiredLimits: { maxBufferSize } });
  onTestFinished(() => device.destroy());
  const arenas = [{ bytes: 256, use: 'shared' as const }, ...Array.from({ length: 3 }, () => ({ bytes: Math.floor(maxBufferSize / 4) * 4, use: 'shared' as const }))];
  const plan = { kind: 'planned' as const, places: [], arenas, peakBytes: 0, lowerBoundBytes: 0 };
  const outcome = await PlannedArenas.make(device, { graph: { tensors: [], ops: [] }, plan, mode: 'three', label: 'too large' });
  // Where there is so much memory it is made; what must hold is that it is all or nothing.
  if (outcome.kind === 'made') outcome.arenas.destroy();
  else expect(outcome).toEqual({ kind: 'refused', code: 'no-room', fits: undefined });
  const lab = new Lab(device);
  expect(await lab.weights.add(new Uint8Array(64), 'small')).toMatchObject({ kind: 'added' });
});
