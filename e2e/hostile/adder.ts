const code = `@group(0) @binding(0) var<storage, read_write> sum: array<u32>;
  @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
    var x = sum[id.x];
    for (var i = 0u; i < 4000u; i += 1u) { x = x * 1664525u + 1013904223u; }
    sum[id.x] = x;
  }`;
const count = 1024;

/** What a library does with a device of its own: dispatches that depend on each other, and a result. */
export class Adder {
  readonly #device: GPUDevice;
  readonly #pipeline: GPUComputePipeline;
  readonly #sum: GPUBuffer;

  constructor(device: GPUDevice) {
    this.#device = device;
    this.#pipeline = device.createComputePipeline({ layout: 'auto', compute: { module: device.createShaderModule({ code }) } });
    this.#sum = device.createBuffer({ size: 4 * count, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
  }

  /** One submit. */
  add(dispatches: number): void {
    const encoder = this.#device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(this.#pipeline);
    pass.setBindGroup(0, this.#device.createBindGroup({
      layout: this.#pipeline.getBindGroupLayout(0), entries: [{ binding: 0, resource: { buffer: this.#sum } }],
    }));
    for (let i = 0; i < dispatches; i += 1) pass.dispatchWorkgroups(count / 64);
    pass.end();
    this.#device.queue.submit([encoder.finish()]);
  }

  /** The same for the same number of dispatches, whatever they were cut into. */
  async read(): Promise<number> {
    const staging = this.#device.createBuffer({ size: 4, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
    const encoder = this.#device.createCommandEncoder();
    encoder.copyBufferToBuffer(this.#sum, 0, staging, 0, 4);
    this.#device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const [value] = new Uint32Array(staging.getMappedRange());
    staging.destroy();
    return value!;
  }
}

/** What `read` gives after this many dispatches. */
export function sumOf(dispatches: number): number {
  let x = 0;
  for (let i = 0; i < 4000 * dispatches; i += 1) x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
  return x;
}
