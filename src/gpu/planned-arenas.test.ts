import fc from 'fast-check';
import { create, globals } from 'webgpu';
import { expect, test } from 'vitest';
import { type Binding, type BoundBuffer, canBind } from '../memory/legality.ts';
import { plan, type Plan } from '../memory/plan.ts';
import { planComplaints } from '../memory/plan-check.ts';
import type { PlanGraph, PlanOp } from '../memory/plan-graph.ts';
import { PlannedArenas, type PlannedBinding } from './planned-arenas.ts';

Object.assign(globalThis, globals);
const gpu = create(['backend=null']);

const drawnOp = fc.record({
  reads: fc.array(fc.nat({ max: 9 }), { maxLength: 4 }),
  writes: fc.array(fc.oneof(fc.nat({ max: 9 }), fc.nat({ max: 5000 }), fc.nat({ max: 200_000 })), { minLength: 1, maxLength: 3 }),
  inPlace: fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 2 }),
});
const drawnGraph = fc.array(drawnOp, { maxLength: 14 }).map((drawn): PlanGraph => {
  const tensors: { bytes: number; isExternal?: boolean }[] = [{ bytes: 64, isExternal: true }];
  const ops = drawn.map(({ reads, writes, inPlace }): PlanOp => {
    const inputs = reads.map((back) => Math.max(0, tensors.length - 1 - back));
    const outputs = writes.map((bytes) => tensors.push({ bytes }) - 1);
    return { inputs, outputs, inPlace: inputs.length === 0 ? [] : inPlace.map(([to, from]) => [outputs[to % outputs.length]!, inputs[from % inputs.length]!]) };
  });
  return { tensors, ops };
});

async function deviceOf(): Promise<GPUDevice> {
  const adapter = await gpu.requestAdapter();
  return adapter!.requestDevice();
}

function planned(graph: PlanGraph, mode: 'one' | 'three', { maxBufferSize, maxStorageBufferBindingSize }: GPUSupportedLimits): Plan {
  const limits = { maxBufferBytes: maxBufferSize, maxBindingBytes: maxStorageBufferBindingSize };
  const made = plan(graph, { limits, mode });
  if (made.kind === 'refused') throw new Error(made.code);
  expect(planComplaints(graph, made, { mode, limits })).toEqual([]);
  return made;
}

async function made(device: GPUDevice, graph: PlanGraph, mode: 'one' | 'three'): Promise<PlannedArenas> {
  const outcome = await PlannedArenas.make(device, { graph, plan: planned(graph, mode, device.limits), mode, label: 'net' });
  if (outcome.kind === 'refused') throw new Error(outcome.code);
  return outcome.arenas;
}

/** The bindings of one dispatch as the rules see them. */
function dispatchOf(bindings: readonly PlannedBinding[]): Binding[] {
  const known = new Map<GPUBuffer, BoundBuffer>();
  return bindings.map(({ buffer, offset, size, kind }, binding) => {
    const bound = known.get(buffer) ?? { id: known.size, bytes: buffer.size };
    known.set(buffer, bound);
    return { group: 0, binding, kind, buffer: bound, offset, bytes: size, dynamicOffset: undefined, isVisible: true };
  });
}

/** Encodes one dispatch with these bindings. */
function dispatch(device: GPUDevice, encoder: GPUCommandEncoder, bindings: readonly PlannedBinding[]): void {
  const layout = device.createBindGroupLayout({
    entries: bindings.map(({ kind }, binding) => ({ binding, visibility: GPUShaderStage.COMPUTE, buffer: { type: kind } })),
  });
  const module = device.createShaderModule({ code: '@compute @workgroup_size(1) fn main() {}' });
  const pipeline = device.createComputePipeline({ layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }), compute: { module } });
  const entries = bindings.map(({ buffer, offset, size }, binding) => ({ binding, resource: { buffer, offset, size } }));
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout, entries }));
  pass.dispatchWorkgroups(1);
  pass.end();
}

test.each(['one', 'three'] as const)('%s: every op of any graph binds each of its tensors once, as our rules and Dawn allow it', async (mode) => {
  const device = await deviceOf();
  let writtenOver = 0;
  await fc.assert(fc.asyncProperty(drawnGraph, async (graph) => {
    const arenas = await made(device, graph, mode);
    device.pushErrorScope('validation');
    const encoder = device.createCommandEncoder();
    for (const [op, { inputs, outputs }] of graph.ops.entries()) {
      const bindings = arenas.bindingsOf(op);
      const tensors = [...new Set([...inputs, ...outputs])].filter((tensor) => graph.tensors[tensor]!.isExternal !== true);
      expect(bindings.flatMap((binding) => binding.tensors).toSorted((a, b) => a - b)).toEqual(tensors.toSorted((a, b) => a - b));
      for (const { tensors: here, kind, size } of bindings) {
        if (here.some((tensor) => outputs.includes(tensor))) expect(kind).toBe('storage');
        for (const tensor of here) expect(size).toBeGreaterThanOrEqual(graph.tensors[tensor]!.bytes);
        if (here.length > 1) writtenOver += 1;
      }
      if (mode === 'three') expect(bindings.filter(({ kind, tensors: here }) => kind === 'storage' && !here.some((tensor) => outputs.includes(tensor)))).toEqual([]);
      expect(canBind({ bindings: dispatchOf(bindings), indirect: undefined }, device.limits)).toEqual({ isLegal: true });
      dispatch(device, encoder, bindings);
    }
    device.queue.submit([encoder.finish()]);
    expect((await device.popErrorScope())?.message).toBeUndefined();
    arenas.destroy();
  }), { numRuns: 60 });
  expect(writtenOver).toBeGreaterThan(3);
});

test('a plan that there is no room for is refused whole, with what would fit', async () => {
  const device = await deviceOf();
  const graph: PlanGraph = { tensors: [{ bytes: 64, isExternal: true }, { bytes: 512 }, { bytes: 512 }], ops: [{ inputs: [0], outputs: [1] }, { inputs: [1], outputs: [2] }] };
  const asked: number[] = [];
  const account = {
    reserve: async (bytes: number) => {
      asked.push(bytes);
      return { ok: false as const, refusal: { code: 'over-budget' as const, fits: 700 } };
    },
  };
  const outcome = await PlannedArenas.make(device, { graph, plan: planned(graph, 'three', device.limits), mode: 'three', label: 'net', account });
  expect([outcome, asked]).toEqual([{ kind: 'refused', code: 'no-room', fits: 700 }, [1024]]);
});

test('a tensor of no bytes can be bound, an external one has no range', async () => {
  const graph: PlanGraph = { tensors: [{ bytes: 64, isExternal: true }, { bytes: 0 }, { bytes: 6 }], ops: [{ inputs: [0], outputs: [1, 2] }] };
  const arenas = await made(await deviceOf(), graph, 'three');
  expect([0, 1, 2].map((tensor) => arenas.rangeOf(tensor)?.size)).toEqual([undefined, 4, 8]);
});
