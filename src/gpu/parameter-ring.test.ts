import fc from 'fast-check';
import { create, globals } from 'webgpu';
import { expect, test } from 'vitest';
import { type Encoding, Encodings } from './encodings.ts';
import { ParameterRing, type ParameterSlot } from './parameter-ring.ts';

Object.assign(globalThis, globals);
const gpu = create(['backend=null']);

async function deviceOf(): Promise<GPUDevice> {
  const adapter = await gpu.requestAdapter();
  return adapter!.requestDevice();
}

/** What each buffer holds in the order of the queue, since Dawn without a GPU holds nothing. */
function contentsOf(device: GPUDevice): Map<GPUBuffer, Uint8Array> {
  const contents = new Map<GPUBuffer, Uint8Array>();
  const write = device.queue.writeBuffer.bind(device.queue);
  device.queue.writeBuffer = (buffer, offset, data, from = 0, size = (data as Uint8Array).byteLength - from) => {
    const held = contents.get(buffer) ?? new Uint8Array(buffer.size);
    contents.set(buffer, held);
    held.set((data as Uint8Array).subarray(from, from + size), offset);
    write(buffer, offset, data, from, size);
  };
  return contents;
}

const step = fc.oneof(
  { weight: 2, arbitrary: fc.constant({ kind: 'open' as const }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('put' as const), pick: fc.nat(), count: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('close' as const), pick: fc.nat(), isSubmitted: fc.boolean() }) },
);

test('whatever is put for encodings in any order, each finds its parameters when it is submitted', async () => {
  const device = await deviceOf();
  const contents = contentsOf(device);
  let most = 0;
  fc.assert(fc.property(fc.array(step, { maxLength: 80, size: 'max' }), fc.constantFrom(4, 256, 300), (steps, maxBytes) => {
    const encodings = new Encodings(device.queue);
    const ring = new ParameterRing(device, encodings, { slotCount: 4, maxBytes });
    const open: { encoding: Encoding; slots: { slot: ParameterSlot; value: number }[] }[] = [];
    let value = 0;
    for (const one of steps) {
      if (one.kind === 'open') open.push({ encoding: encodings.open(), slots: [] });
      else if (open.length === 0) continue;
      else if (one.kind === 'put') {
        const { encoding, slots } = open[one.pick % open.length]!;
        for (let index = 0; index < one.count; index += 1) {
          value += 1;
          const slot = ring.put(encoding, new Uint8Array(Uint32Array.of(value).buffer));
          expect([slot.dynamicOffset % 256, slot.dynamicOffset + slot.size <= slot.buffer.size, slot.size]).toEqual([0, true, maxBytes === 300 ? 512 : 256]);
          slots.push({ slot, value });
        }
      } else {
        const [{ encoding, slots }] = open.splice(one.pick % open.length, 1) as [(typeof open)[number]];
        if (!one.isSubmitted) encodings.close(encoding);
        else {
          encodings.submit(encoding, []);
          for (const { slot, value: wanted } of slots) {
            const at = contents.get(slot.buffer)!;
            expect(new DataView(at.buffer).getUint32(slot.dynamicOffset, true)).toBe(wanted);
          }
        }
      }
      most = Math.max(most, ring.pageCount);
    }
  }), { numRuns: 150 });
  expect(most).toBeGreaterThan(2);
});

test('a stretch that needs more slots gets more buffers, later ones are served by what it left', async () => {
  const device = await deviceOf();
  const encodings = new Encodings(device.queue);
  const ring = new ParameterRing(device, encodings, { slotCount: 8 });
  const stretch = (): Set<GPUBuffer> => {
    const encoding = encodings.open();
    const buffers = new Set<GPUBuffer>();
    for (let index = 0; index < 100; index += 1) buffers.add(ring.put(encoding, Uint8Array.of(1, 2, 3, 4)).buffer);
    encodings.submit(encoding, []);
    return buffers;
  };
  expect(stretch().size).toBe(5);
  const seen = new Set<GPUBuffer>();
  for (let index = 0; index < 50; index += 1) for (const buffer of stretch()) seen.add(buffer);
  expect([seen.size, ring.pageCount, ring.bytes]).toEqual([2, 2, 2 * 64 * 256]);
});

test('what is put belongs to an open encoding and fits a slot', async () => {
  const device = await deviceOf();
  const encodings = new Encodings(device.queue);
  const ring = new ParameterRing(device, encodings);
  const encoding = encodings.open();
  expect(() => ring.put(encoding, new Uint8Array(257))).toThrow('fit a slot');
  encodings.close(encoding);
  expect(() => ring.put(encoding, new Uint8Array(4))).toThrow('open');
  const next = encodings.open();
  ring.close();
  expect(() => ring.put(next, new Uint8Array(4))).toThrow('closed');
});

test('the slots of a ring that is closed live until their encoding is submitted, and a device that is gone is no error', async () => {
  const device = await deviceOf();
  const errors: string[] = [];
  device.addEventListener('uncapturederror', ({ error }) => errors.push(error.message));
  const encodings = new Encodings(device.queue);
  const ring = new ParameterRing(device, encodings);
  const encoding = encodings.open();
  const { buffer, size } = ring.put(encoding, Uint8Array.of(1, 2, 3, 4));
  const layout = device.createBindGroupLayout({ entries: [{ binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { type: 'uniform', hasDynamicOffset: true } }] });
  const module = device.createShaderModule({ code: '@compute @workgroup_size(1) fn main() {}' });
  const pipeline = device.createComputePipeline({ layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }), compute: { module } });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer, size } }] }), [0]);
  pass.dispatchWorkgroups(1);
  pass.end();
  ring.close();
  encodings.submit(encoding, [encoder.finish()]);
  expect(ring.pageCount).toBe(0);
  await device.queue.onSubmittedWorkDone();
  expect(errors).toEqual([]);
  const other = new ParameterRing(device, encodings, { slotCount: 1 });
  const last = encodings.open();
  device.destroy();
  for (let index = 0; index < 9; index += 1) other.put(last, Uint8Array.of(1, 2, 3, 4));
  encodings.submit(last, []);
  other.close();
  await device.lost;
  expect(errors).toEqual([]);
});
