import * as fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';

import { HostileSwitch } from './hostile-switch.ts';
import { scheduleDevice } from './scheduled-device.ts';

/** Ranges of a buffer are as long as the alignment of dynamic offsets. */
const rangeBytes = 256;
const rangeWords = rangeBytes / 4;
const rangeCount = 4;
const bufferBytes = rangeBytes * rangeCount;
const bufferCount = 5;

// Neither kernel commutes with the other or with itself, so a different order or a lost binding gives different words.
const code = `
  struct Step { factor: u32, summand: u32, stride: u32, start: u32 }
  @group(0) @binding(0) var<storage, read> source: array<u32, ${rangeWords}>;
  @group(0) @binding(1) var<storage, read_write> sink: array<u32, ${rangeWords}>;
  @group(1) @binding(0) var<uniform> step: Step;
  @compute @workgroup_size(16) fn scramble(@builtin(global_invocation_id) id: vec3u) {
    let other = source[(id.x * (step.stride | 1) + step.start) % ${rangeWords}];
    sink[id.x] = (sink[id.x] ^ other) * (step.factor | 1) + step.summand;
  }
  @compute @workgroup_size(16) fn turn(@builtin(global_invocation_id) id: vec3u) {
    let word = sink[id.x] + source[id.x] * 3 + step.factor;
    sink[id.x] = (word << 7) | (word >> 25);
  }`;

/** `source`, `sink` and `step` are different buffers; an offset counts ranges. */
interface Bindings {
  readonly buffers: readonly number[];
  readonly offsets: readonly number[];
}

interface Dispatch {
  readonly kernel: 'scramble' | 'turn' | 'as before';
  /** `undefined`: what was bound before stays. */
  readonly bindings: Bindings | undefined;
  readonly workgroups: number;
}

/** A range of one buffer, in words. */
interface Place { readonly buffer: number; readonly at: number }

type Command =
  | { readonly kind: 'pass'; readonly dispatches: readonly Dispatch[] }
  | { readonly kind: 'copy'; readonly from: Place; readonly to: Place; readonly words: number }
  | { readonly kind: 'clear'; readonly place: Place; readonly words: number }
  | { readonly kind: 'to texture' | 'from texture'; readonly buffer: number; readonly range: number; readonly row: number };

type Step =
  | { readonly kind: 'submit'; readonly commandBuffers: readonly (readonly Command[])[]; readonly scoped: boolean }
  | { readonly kind: 'write'; readonly place: Place; readonly words: readonly number[] }
  | { readonly kind: 'write texture'; readonly row: number; readonly texel: number }
  | { readonly kind: 'read'; readonly buffer: number; readonly waits: boolean }
  | { readonly kind: 'upload'; readonly place: Place; readonly word: number; readonly tooEarly: boolean }
  | { readonly kind: 'give up mapping' }
  | { readonly kind: 'replace'; readonly buffer: number; readonly word: number; readonly mapped: boolean }
  | { readonly kind: 'destroy'; readonly buffer: number }
  | { readonly kind: 'wait' };

const word = fc.nat(0xffff_ffff);
const buffer = fc.nat(bufferCount - 1);
const range = fc.nat(rangeCount - 1);
/** Leaves room for `copyWords` behind it. */
const copyWords = 32;
const place: fc.Arbitrary<Place> = fc.record({ buffer, at: fc.nat(bufferBytes / 4 - copyWords) });
const bindings: fc.Arbitrary<Bindings> = fc.record({
  buffers: fc.shuffledSubarray([...Array(bufferCount).keys()], { minLength: 3, maxLength: 3 }),
  offsets: fc.tuple(range, range, range),
});
const dispatch: fc.Arbitrary<Dispatch> = fc.record({
  kernel: fc.constantFrom('scramble', 'turn', 'as before'), bindings: fc.option(bindings, { nil: undefined }), workgroups: fc.integer({ min: 1, max: 4 }),
});
const firstDispatch: fc.Arbitrary<Dispatch> = fc.record({
  kernel: fc.constantFrom('scramble', 'turn'), bindings, workgroups: fc.integer({ min: 1, max: 4 }),
});
const row = fc.nat(3);
const words = fc.integer({ min: 1, max: copyWords });
const copying = fc.record({ kind: fc.constant('copy' as const), from: place, to: place, words });
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 20, arbitrary: fc.tuple(firstDispatch, fc.array(dispatch, { maxLength: 4 })).map(([first, rest]) => ({ kind: 'pass' as const, dispatches: [first, ...rest] })) },
  { weight: 8, arbitrary: copying.filter(({ from, to }) => from.buffer !== to.buffer) },
  // Within one buffer it is refused: such programs are compared too, in what they raise.
  { weight: 1, arbitrary: copying.map((one) => ({ ...one, to: one.from })) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('clear' as const), place, words }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('to texture' as const, 'from texture' as const), buffer, range, row }) },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({
    kind: fc.constant('submit' as const), scoped: fc.boolean(),
    commandBuffers: fc.array(fc.array(command, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 3 }),
  }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('write' as const), place, words: fc.array(word, { minLength: 1, maxLength: copyWords }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('write texture' as const), row, texel: word }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('read' as const), buffer, waits: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('upload' as const), place, word, tooEarly: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'give up mapping' as const }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('replace' as const), buffer, word, mapped: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('destroy' as const), buffer }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'wait' as const }) },
);
const program = fc.array(step, { minLength: 6, maxLength: 20 });

/** A device with both kernels compiled, used for all programs of a test. */
class Lab {
  readonly device: GPUDevice;
  readonly kernels: Readonly<Record<'scramble' | 'turn', GPUComputePipeline>>;
  readonly layouts: [GPUBindGroupLayout, GPUBindGroupLayout];
  readonly uncaptured: string[] = [];

  constructor(device: GPUDevice) {
    this.device = device;
    const dynamic = (binding: number, type: GPUBufferBindingType): GPUBindGroupLayoutEntry =>
      ({ binding, visibility: GPUShaderStage.COMPUTE, buffer: { type, hasDynamicOffset: true } });
    this.layouts = [
      device.createBindGroupLayout({ entries: [dynamic(0, 'read-only-storage'), dynamic(1, 'storage')] }),
      device.createBindGroupLayout({ entries: [dynamic(0, 'uniform')] }),
    ];
    const layout = device.createPipelineLayout({ bindGroupLayouts: this.layouts });
    const module = device.createShaderModule({ code });
    const kernel = (entryPoint: string): GPUComputePipeline => device.createComputePipeline({ layout, compute: { module, entryPoint } });
    this.kernels = { scramble: kernel('scramble'), turn: kernel('turn') };
    device.addEventListener('uncapturederror', (event) => {
      event.preventDefault();
      this.uncaptured.push(event.error.message);
    });
  }
}

/** One run of a program: buffers of its own, and a log of everything that can be seen from outside. */
class Run {
  readonly #lab: Lab;
  readonly #device: GPUDevice;
  readonly #buffers: GPUBuffer[];
  readonly #upload: GPUBuffer;
  readonly #texture: GPUTexture;
  readonly #seen: (string | Promise<string>)[] = [];

  constructor(lab: Lab) {
    this.#lab = lab;
    this.#device = lab.device;
    this.#buffers = Array.from({ length: bufferCount }, (_, index) => this.#create(index * 0x9e37_79b9, true));
    this.#upload = lab.device.createBuffer({ size: copyWords * 4, usage: GPUBufferUsage.MAP_WRITE | GPUBufferUsage.COPY_SRC });
    this.#texture = lab.device.createTexture({ size: [rangeWords, 4], format: 'r32uint', usage: GPUTextureUsage.COPY_SRC | GPUTextureUsage.COPY_DST });
  }

  async of(steps: readonly Step[]): Promise<readonly string[]> {
    this.#device.pushErrorScope('validation');
    for (const one of steps) await this.#take(one);
    this.#buffers.forEach((_, index) => this.#read(index));
    this.#submit([[0, 1, 2, 3].map((at) => ({ kind: 'from texture', buffer: 0, range: at, row: at }))]);
    this.#read(0);
    this.#note(this.#device.popErrorScope().then(outcomeOf));
    const seen = await Promise.all(this.#seen);
    for (const one of [...this.#buffers, this.#upload, this.#texture]) one.destroy();
    return seen;
  }

  async #take(one: Step): Promise<void> {
    const { queue } = this.#device;
    switch (one.kind) {
      case 'submit':
        if (one.scoped) this.#device.pushErrorScope('validation');
        this.#submit(one.commandBuffers);
        if (one.scoped) this.#note(this.#device.popErrorScope().then(outcomeOf));
        return;
      case 'write': {
        const data = Uint32Array.from(one.words);
        queue.writeBuffer(this.#buffers[one.place.buffer]!, one.place.at * 4, data);
        data.fill(0xdead_beef); // What is written is what stood there at the call.
        return;
      }
      case 'write texture': {
        const data = new Uint32Array(rangeWords).map((_, x) => one.texel ^ x);
        queue.writeTexture({ texture: this.#texture, origin: [0, one.row] }, data, {}, [rangeWords, 1]);
        data.fill(0xdead_beef);
        return;
      }
      case 'read':
        this.#read(one.buffer);
        if (one.waits) await this.#seen.at(-1);
        return;
      case 'upload': {
        const copy = (): void => this.#copy(this.#upload, 0, this.#buffers[one.place.buffer]!, one.place.at * 4, copyWords * 4);
        await this.#upload.mapAsync(GPUMapMode.WRITE);
        if (one.tooEarly) copy(); // Refused: the buffer is mapped.
        new Uint32Array(this.#upload.getMappedRange()).fill(one.word);
        this.#upload.unmap();
        copy();
        return;
      }
      case 'give up mapping': {
        const mapping = this.#upload.mapAsync(GPUMapMode.WRITE);
        this.#note(mapping.then(() => 'mapped', (error: unknown) => (error as Error).name));
        this.#note(this.#upload.mapState);
        this.#upload.unmap();
        this.#note(this.#upload.mapState);
        return;
      }
      case 'replace':
        this.#buffers[one.buffer]!.destroy();
        this.#buffers[one.buffer] = this.#create(one.word, one.mapped);
        return;
      case 'destroy': return this.#buffers[one.buffer]!.destroy();
      case 'wait': return void (await queue.onSubmittedWorkDone());
    }
  }

  #create(first: number, mapped: boolean): GPUBuffer {
    const { STORAGE, UNIFORM, COPY_SRC, COPY_DST } = GPUBufferUsage;
    const created = this.#device.createBuffer({ size: bufferBytes, usage: STORAGE | UNIFORM | COPY_SRC | COPY_DST, mappedAtCreation: mapped });
    if (mapped) {
      const contents = new Uint32Array(created.getMappedRange());
      contents.forEach((_, index) => (contents[index] = Math.imul(first + index, 0x85eb_ca6b)));
      created.unmap();
    }
    return created;
  }

  #submit(commandBuffers: readonly (readonly Command[])[]): void {
    this.#device.queue.submit(commandBuffers.map((commands) => {
      const encoder = this.#device.createCommandEncoder();
      for (const one of commands) this.#encode(encoder, one);
      return encoder.finish();
    }));
  }

  #encode(encoder: GPUCommandEncoder, one: Command): void {
    switch (one.kind) {
      case 'pass': return this.#encodePass(encoder.beginComputePass(), one.dispatches);
      case 'copy':
        return encoder.copyBufferToBuffer(this.#buffers[one.from.buffer]!, one.from.at * 4, this.#buffers[one.to.buffer]!, one.to.at * 4, one.words * 4);
      case 'clear': return encoder.clearBuffer(this.#buffers[one.place.buffer]!, one.place.at * 4, one.words * 4);
      case 'to texture': return encoder.copyBufferToTexture(this.#linear(one.buffer, one.range), { texture: this.#texture, origin: [0, one.row] }, [rangeWords, 1]);
      case 'from texture': return encoder.copyTextureToBuffer({ texture: this.#texture, origin: [0, one.row] }, this.#linear(one.buffer, one.range), [rangeWords, 1]);
    }
  }

  #linear(index: number, at: number): GPUTexelCopyBufferInfo {
    return { buffer: this.#buffers[index]!, offset: at * rangeBytes, bytesPerRow: rangeBytes };
  }

  #encodePass(pass: GPUComputePassEncoder, dispatches: readonly Dispatch[]): void {
    for (const { kernel, bindings: bound, workgroups } of dispatches) {
      if (kernel !== 'as before') pass.setPipeline(this.#lab.kernels[kernel]);
      if (bound !== undefined) this.#bind(pass, bound);
      pass.dispatchWorkgroups(workgroups);
    }
    pass.end();
  }

  #bind(pass: GPUComputePassEncoder, { buffers, offsets }: Bindings): void {
    const [source, sink, settings] = buffers.map((index) => ({ buffer: this.#buffers[index]!, size: rangeBytes }));
    const [first, second, third] = offsets.map((offset) => offset * rangeBytes);
    const [data, settingsLayout] = this.#lab.layouts;
    pass.setBindGroup(0, this.#device.createBindGroup({ layout: data, entries: [{ binding: 0, resource: source! }, { binding: 1, resource: sink! }] }), [first!, second!]);
    const group = this.#device.createBindGroup({ layout: settingsLayout, entries: [{ binding: 0, resource: settings! }] });
    pass.setBindGroup(1, group, Uint32Array.of(0xbad, third!, 0xbad), 1, 1);
  }

  #copy(from: GPUBuffer, fromAt: number, to: GPUBuffer, toAt: number, bytes: number): void {
    const encoder = this.#device.createCommandEncoder();
    encoder.copyBufferToBuffer(from, fromAt, to, toAt, bytes);
    this.#device.queue.submit([encoder.finish()]);
  }

  #read(index: number): void {
    const staging = this.#device.createBuffer({ size: bufferBytes, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    this.#copy(this.#buffers[index]!, 0, staging, 0, bufferBytes);
    this.#note(staging.mapAsync(GPUMapMode.READ).then(() => {
      const seen = `buffer ${index}: ${new Uint32Array(staging.getMappedRange()).join(' ')}`;
      staging.destroy();
      return seen;
    }));
  }

  #note(what: string | Promise<string>): void {
    this.#seen.push(what);
  }
}

const outcomeOf = (error: GPUError | null): string => (error === null ? 'no error' : error.constructor.name);

/** Runs what is put off in later tasks, in an order drawn from a seed. */
class Shuffle {
  readonly #waiting: (() => void)[] = [];
  readonly #channel = new MessageChannel();
  #state = 0;

  constructor() {
    this.#channel.port1.onmessage = () => this.#waiting.splice(this.#below(this.#waiting.length), 1)[0]?.();
  }

  seed(state: number): void {
    this.#state = state;
  }

  later(call: () => void): void {
    this.#waiting.push(call);
    this.#channel.port2.postMessage(undefined);
  }

  close(): void {
    this.#channel.port1.close();
  }

  #below(limit: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * limit);
  }
}

async function requestDevice(): Promise<GPUDevice> {
  const adapter = await navigator.gpu.requestAdapter();
  const device = await adapter!.requestDevice();
  onTestFinished(() => device.destroy());
  return device;
}

const threadNow = (): number => Math.round(performance.now() * 1000);

test('random programs on two scheduled devices at once are seen to do what they do on a plain device', async () => {
  const shuffle = new Shuffle();
  onTestFinished(() => shuffle.close());
  const hostile = new HostileSwitch((call) => shuffle.later(call));
  const plain = new Lab(await requestDevice());
  const scheduled: Lab[] = [];
  for (const tenant of ['one', 'two']) {
    const device = await requestDevice();
    scheduleDevice(device, { tenant, priority: 'background', switch: hostile, now: threadNow });
    scheduled.push(new Lab(device));
  }
  let seen = 0;
  await fc.assert(fc.asyncProperty(program, program, word, async (one, two, seed) => {
    shuffle.seed(seed);
    const expected = [await new Run(plain).of(one), await new Run(plain).of(two)];
    const actual = await Promise.all([one, two].map((steps, index) => new Run(scheduled[index]!).of(steps)));
    expect(actual).toEqual(expected);
    seen += expected.flat().length;
  }), { numRuns: 80, interruptAfterTimeLimit: 20_000 });
  expect(hostile.released).toBeGreaterThan(seen); // Programs were cut, not passed through.
  expect([plain, ...scheduled].flatMap((lab) => lab.uncaptured)).toEqual([]);
}, 60_000);
