import { create, globals } from 'webgpu';
import { expect, test } from 'vitest';
import type { GateControl, GateLink, Switch } from './link.ts';
import { scheduleDevice } from './scheduled-device.ts';
Object.assign(globalThis, globals);

class Manual implements Switch {
  control!: GateControl; readonly log: unknown[] = [];
  open(_t: string, _p: never, control: GateControl): GateLink {
    this.control = control;
    return { ready: (...a) => this.log.push(['ready', ...a]), released: (n) => this.log.push(['released', n]), done: (n) => this.log.push(['done', n]), timed: () => {}, bufferBytes: () => {}, closed: () => this.log.push(['closed']) };
  }
}
test('smoke', async () => {
  const gpu = create(['backend=null']);
  const device = await (await gpu.requestAdapter())!.requestDevice({ requiredFeatures: ['timestamp-query'] });
  const manual = new Manual();
  scheduleDevice(device, { tenant: 't', priority: 'background', switch: manual, now: () => Math.round(performance.now() * 1000) });
  manual.control.credit(0, 2000);
  const module = device.createShaderModule({ code: '@group(0) @binding(0) var<storage,read_write> b:array<u32>; @compute @workgroup_size(1) fn main(){b[0]+=1;}' });
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module } });
  const buffer = device.createBuffer({ size: 16, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
  const read = device.createBuffer({ size: 16, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
  const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries: [{ binding: 0, resource: { buffer } }] });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  for (let i = 0; i < 4; i++) pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(buffer, 0, read, 0, 16);
  device.pushErrorScope('validation');
  device.queue.submit([encoder.finish()]);
  const error = device.popErrorScope();
  const mapped = read.mapAsync(GPUMapMode.READ);
  expect(read.mapState).toBe('pending');
  await new Promise((r) => setTimeout(r, 20));
  console.log(JSON.stringify(manual.log));
  for (let i = 1; i <= 4; i++) { manual.control.release(i); await new Promise((r) => setTimeout(r, 5)); }
  expect(await error).toBe(null);
  await mapped;
  console.log(JSON.stringify(manual.log));
  device.destroy();
});
