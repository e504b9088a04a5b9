/** Turns of the generator in one submit, a dispatch each. */
const turnsPerRound = 4;
const factor = 1_664_525;
const summand = 1_013_904_223;
const code = `@group(0) @binding(0) var<storage, read_write> words: array<u32>;
  @compute @workgroup_size(64) fn turn(@builtin(global_invocation_id) id: vec3u) { words[id.x] = words[id.x] * ${factor}u + ${summand}u; }`;
const bytes = 256;

/** A tenant for tests that never pauses while another one is looked at, and knows what its own words must be. */
export class Rival {
  readonly #device: GPUDevice;
  readonly #pipeline: GPUComputePipeline;
  readonly #words: GPUBuffer;
  readonly #group: GPUBindGroup;
  #turns = 0;
  #goesOn = false;
  #rounds: Promise<number> = Promise.resolve(0);

  constructor(device: GPUDevice) {
    this.#device = device;
    this.#pipeline = device.createComputePipeline({ layout: 'auto', compute: { module: device.createShaderModule({ code }) } });
    this.#words = device.createBuffer({ size: bytes, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
    this.#group = device.createBindGroup({ layout: this.#pipeline.getBindGroupLayout(0), entries: [{ binding: 0, resource: { buffer: this.#words } }] });
  }

  start(): void {
    this.#goesOn = true;
    this.#rounds = this.#run();
  }

  /** How many rounds there were since `start`, and whether every word is what all the turns so far make of 0. */
  async stop(): Promise<{ readonly rounds: number; readonly isRight: boolean }> {
    this.#goesOn = false;
    const rounds = await this.#rounds;
    let wanted = 0;
    for (let turn = 0; turn < this.#turns; turn += 1) wanted = (Math.imul(wanted, factor) + summand) >>> 0;
    const words = await this.#read();
    return { rounds, isRight: words.every((word) => word === wanted) };
  }

  destroy(): void {
    this.#goesOn = false;
    this.#device.destroy();
  }

  async #run(): Promise<number> {
    let rounds = 0;
    while (this.#goesOn) {
      const encoder = this.#device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(this.#pipeline);
      pass.setBindGroup(0, this.#group);
      for (let turn = 0; turn < turnsPerRound; turn += 1) pass.dispatchWorkgroups(1);
      pass.end();
      this.#device.queue.submit([encoder.finish()]);
      this.#turns += turnsPerRound;
      await this.#device.queue.onSubmittedWorkDone();
      rounds += 1;
    }
    return rounds;
  }

  async #read(): Promise<Uint32Array> {
    const staging = this.#device.createBuffer({ size: bytes, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    const encoder = this.#device.createCommandEncoder();
    encoder.copyBufferToBuffer(this.#words, 0, staging, 0, bytes);
    this.#device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const words = new Uint32Array(staging.getMappedRange().slice(0));
    staging.destroy();
    return words;
  }
}
