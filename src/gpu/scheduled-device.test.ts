import { create, globals } from 'webgpu';
import { describe, expect, test } from 'vitest';
import type { Switch } from './link.ts';
import { HostileSwitch } from './hostile-switch.ts';
import { scheduleDevice } from './scheduled-device.ts';

// Dawn's own validation without a GPU: what it accepts and refuses here, it does in the browser.
Object.assign(globalThis, globals);
const gpu = create(['backend=null']);

const passing: Switch = {
  open: () => ({ ready: () => undefined, released: () => undefined, recalled: () => undefined, done: () => undefined, timed: () => undefined, closed: () => undefined }),
};

type Observed = unknown[];
interface Lab {
  readonly device: GPUDevice;
  readonly seen: Observed;
  readonly pipeline: GPUComputePipeline;
  buffer(usage?: number, size?: number): GPUBuffer;
  group(...buffers: GPUBuffer[]): GPUBindGroup;
  /** A command buffer of `count` dispatches on `buffer`. */
  dispatches(buffer: GPUBuffer, count?: number): GPUCommandBuffer;
  /** What a validation scope around `call` caught. */
  scoped(call: () => void): Promise<string>;
  note(value: unknown): void;
}

const code = `@group(0) @binding(0) var<storage, read_write> b: array<u32>;
  @compute @workgroup_size(1) fn main(@builtin(global_invocation_id) id: vec3u) { b[id.x] += 1; }`;

async function labOf(scheduler: Switch | undefined): Promise<Lab> {
  const adapter = await gpu.requestAdapter();
  const device = await adapter!.requestDevice({ requiredFeatures: ['timestamp-query'] });
  const seen: Observed = [];
  if (scheduler) scheduleDevice(device, { tenant: 't', priority: 'background', switch: scheduler, now: () => Math.round(performance.now() * 1000) });
  device.addEventListener('uncapturederror', (event) => {
    event.preventDefault();
    seen.push(`uncaptured ${event.error.constructor.name}`);
  });
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module: device.createShaderModule({ code }) } });
  const lab: Lab = {
    device, seen, pipeline,
    buffer: (usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST, size = 16) => device.createBuffer({ size, usage }),
    group: (...buffers) => device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0), entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
    }),
    dispatches: (buffer, count = 3) => {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, lab.group(buffer));
      for (let i = 0; i < count; i += 1) pass.dispatchWorkgroups(1);
      pass.end();
      return encoder.finish();
    },
    scoped: async (call) => {
      device.pushErrorScope('validation');
      call();
      const error = await device.popErrorScope();
      return error === null ? 'no error' : error.constructor.name;
    },
    note: (value) => seen.push(value),
  };
  return lab;
}

const nameOf = (error: unknown): string => (error as Error).name;
const thrown = (call: () => unknown): string => {
  try {
    call();
    return 'nothing thrown';
  } catch (error) {
    return nameOf(error);
  }
};
const readable = () => GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;

/** Programs that must be observed to behave alike on a plain and on a scheduled device. */
const programs: Record<string, (lab: Lab) => Promise<void> | void> = {
  'a valid submit raises nothing': async ({ device, buffer, dispatches, scoped, note }) => {
    const target = buffer();
    note(await scoped(() => device.queue.submit([dispatches(target)])));
  },
  'an encoder that was used wrongly fails at finish, once, and at submit': async ({ device, buffer, group, pipeline, scoped, note }) => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group(buffer()));
    pass.dispatchWorkgroups(1);
    pass.dispatchWorkgroups(1);
    pass.popDebugGroup();
    pass.dispatchWorkgroups(1);
    pass.end();
    let commands: GPUCommandBuffer;
    note(await scoped(() => (commands = encoder.finish())));
    note(await scoped(() => device.queue.submit([commands])));
    note(await scoped(() => void encoder.finish()));
  },
  'a dispatch without a pipeline fails': async ({ device, buffer, group, scoped, note }) => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setBindGroup(0, group(buffer()));
    pass.dispatchWorkgroups(1);
    pass.end();
    note(await scoped(() => void encoder.finish()));
  },
  'a finish with an open pass fails': async ({ device, buffer, group, pipeline, scoped, note }) => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group(buffer()));
    pass.dispatchWorkgroups(1);
    pass.dispatchWorkgroups(1);
    note(await scoped(() => void encoder.finish()));
  },
  'debug groups of pass and encoder survive cuts, and must balance': async ({ device, buffer, group, pipeline, scoped, note }) => {
    for (const pops of [1, 2, 3]) {
      const encoder = device.createCommandEncoder();
      encoder.pushDebugGroup('outer');
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group(buffer()));
      pass.pushDebugGroup('a');
      pass.dispatchWorkgroups(1);
      pass.pushDebugGroup('b');
      pass.dispatchWorkgroups(1);
      for (let i = 0; i < pops; i += 1) pass.popDebugGroup();
      pass.dispatchWorkgroups(1);
      pass.end();
      encoder.popDebugGroup();
      note(await scoped(() => void encoder.finish()));
    }
  },
  'commands after the end of a pass fail': async ({ device, buffer, group, pipeline, scoped, note }) => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group(buffer()));
    pass.dispatchWorkgroups(1);
    pass.end();
    pass.dispatchWorkgroups(1);
    note(await scoped(() => void encoder.finish()));
  },
  'a command buffer is submitted once': async ({ device, buffer, dispatches, scoped, note }) => {
    const commands = dispatches(buffer());
    note(await scoped(() => device.queue.submit([commands])));
    note(await scoped(() => device.queue.submit([commands])));
    const twice = dispatches(buffer());
    note(await scoped(() => device.queue.submit([twice, twice])));
  },
  'a buffer destroyed after submit is fine, one destroyed before is refused': async ({ device, buffer, dispatches, scoped, note }) => {
    const first = buffer();
    note(await scoped(() => {
      device.queue.submit([dispatches(first)]);
      first.destroy();
    }));
    const second = buffer();
    const commands = dispatches(second);
    second.destroy();
    note(await scoped(() => device.queue.submit([commands])));
    note(await scoped(() => device.queue.writeBuffer(second, 0, new Uint32Array(1))));
  },
  'behind work that waits, a destroyed buffer is refused all the same': async ({ device, buffer, dispatches, scoped, note }) => {
    const target = buffer();
    const commands = dispatches(target);
    note(await scoped(() => {
      device.queue.submit([dispatches(buffer())]);
      target.destroy();
      device.queue.submit([commands]);
    }));
  },
  'a mapped buffer is refused by submit, and usable after unmap': async ({ device, buffer, dispatches, scoped, note }) => {
    const source = device.createBuffer({ size: 16, usage: GPUBufferUsage.COPY_SRC, mappedAtCreation: true });
    const target = buffer();
    const copy = (): GPUCommandBuffer => {
      const encoder = device.createCommandEncoder();
      encoder.copyBufferToBuffer(source, 0, target, 0, 16);
      return encoder.finish();
    };
    note(await scoped(() => {
      device.queue.submit([dispatches(target)]);
      device.queue.submit([copy()]);
      source.unmap();
    }));
    note(source.mapState);
    note(await scoped(() => device.queue.submit([copy()])));
  },
  'mapAsync takes its turn and tells its state': async ({ device, buffer, dispatches, note }) => {
    const target = buffer(readable());
    device.queue.submit([dispatches(buffer())]);
    const mapped = target.mapAsync(GPUMapMode.READ);
    note(target.mapState);
    note(thrown(() => target.getMappedRange()));
    await mapped;
    note(target.mapState);
    note(target.getMappedRange().byteLength);
    note(thrown(() => target.getMappedRange()));
    target.unmap();
    note(target.mapState);
    note(thrown(() => target.getMappedRange()));
  },
  'a mapped range is detached by unmap, also while work waits': async ({ device, buffer, dispatches, note }) => {
    const target = buffer(readable());
    await target.mapAsync(GPUMapMode.READ);
    const range = target.getMappedRange();
    device.queue.submit([dispatches(buffer())]);
    target.unmap();
    note(range.byteLength);
    const second = buffer(readable());
    await second.mapAsync(GPUMapMode.READ);
    const other = second.getMappedRange();
    device.queue.submit([dispatches(buffer())]);
    second.destroy();
    note(other.byteLength);
    note(second.mapState);
  },
  'unmap and destroy reject a mapping that is pending': async ({ device, buffer, dispatches, note }) => {
    for (const end of ['unmap', 'destroy'] as const) {
      const target = buffer(readable());
      device.queue.submit([dispatches(buffer())]);
      const mapped = target.mapAsync(GPUMapMode.READ).then(() => 'mapped', nameOf);
      target[end]();
      note(target.mapState);
      note(await mapped);
    }
  },
  'a second mapAsync is refused while the first is pending': async ({ device, buffer, dispatches, scoped, note }) => {
    const target = buffer(readable());
    let first: Promise<unknown>;
    let second: Promise<unknown>;
    note(await scoped(() => {
      device.queue.submit([dispatches(buffer())]);
      first = target.mapAsync(GPUMapMode.READ).then(() => 'mapped', nameOf);
      second = target.mapAsync(GPUMapMode.READ).then(() => 'mapped', nameOf);
    }));
    note(await second!);
    note(await first!);
  },
  'a mapAsync that asks for what is not there is refused': async ({ device, buffer, dispatches, scoped, note }) => {
    const target = buffer(readable());
    for (const args of [[GPUMapMode.WRITE], [GPUMapMode.READ, 4], [GPUMapMode.READ, 0, 64], [3]] as const) {
      let outcome: Promise<unknown>;
      note(await scoped(() => {
        device.queue.submit([dispatches(buffer())]);
        outcome = target.mapAsync(...(args as [number])).then(() => 'mapped', nameOf);
      }));
      note(await outcome!);
    }
  },
  'errors land in the scope that was open when the call was made': async ({ device, buffer, dispatches, note }) => {
    const bad = (): void => device.queue.writeBuffer(buffer(), 12, new Uint32Array(4));
    device.queue.submit([dispatches(buffer())]);
    device.pushErrorScope('validation');
    bad();
    device.pushErrorScope('validation');
    device.pushErrorScope('out-of-memory');
    const memory = device.popErrorScope();
    const inner = device.popErrorScope();
    const outer = device.popErrorScope();
    device.pushErrorScope('validation');
    const later = device.popErrorScope();
    const named = async (error: Promise<GPUError | null>): Promise<string> => (await error)?.constructor.name ?? 'none';
    note([await named(memory), await named(inner), await named(outer), await named(later)]);
    note(await device.popErrorScope().then(() => 'popped', nameOf));
  },
  'an error outside of all scopes is uncaptured, once': async ({ device, buffer, dispatches, note }) => {
    device.queue.submit([dispatches(buffer())]);
    device.queue.writeBuffer(buffer(), 12, new Uint32Array(4));
    device.pushErrorScope('validation');
    const inside = device.popErrorScope();
    await device.queue.onSubmittedWorkDone();
    note((await inside) === null);
  },
  'writeBuffer throws at once what it throws at once': ({ device, buffer, dispatches, note }) => {
    const target = buffer();
    device.queue.submit([dispatches(buffer())]);
    note(thrown(() => device.queue.writeBuffer(target, 0, new Uint8Array(3))));
    note(thrown(() => device.queue.writeBuffer(target, 0, new Uint32Array(4), 2, 4)));
    note(thrown(() => device.queue.writeBuffer(target, 0, new Uint32Array(4), 5)));
    note(thrown(() => device.queue.writeBuffer(target, 0, 'text' as never)));
    note(thrown(() => device.queue.writeBuffer(target, 0, new Uint32Array(4), 2, 2)));
    note(thrown(() => device.queue.submit([{} as never])));
  },
  'onSubmittedWorkDone settles in the order of the calls, after mappings asked before': async ({ device, buffer, dispatches, note }) => {
    const order: string[] = [];
    const target = buffer(readable());
    device.queue.submit([dispatches(buffer())]);
    await Promise.all([
      target.mapAsync(GPUMapMode.READ).then(() => order.push('mapped')),
      device.queue.onSubmittedWorkDone().then(() => order.push('first')),
      device.queue.onSubmittedWorkDone().then(() => order.push('second')),
    ]);
    note(order);
  },
  'timestamps of the application stay its own when a pass is cut': async ({ device, buffer, group, pipeline, scoped, note }) => {
    const querySet = device.createQuerySet({ type: 'timestamp', count: 2 });
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass({ timestampWrites: { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 } });
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group(buffer()));
    for (let i = 0; i < 3; i += 1) pass.dispatchWorkgroups(1);
    pass.end();
    const resolved = device.createBuffer({ size: 16, usage: GPUBufferUsage.QUERY_RESOLVE });
    encoder.resolveQuerySet(querySet, 0, 2, resolved, 0);
    note(await scoped(() => {
      device.queue.submit([encoder.finish()]);
      querySet.destroy();
    }));
    note(await scoped(() => {
      const late = device.createCommandEncoder();
      late.resolveQuerySet(querySet, 0, 2, resolved, 0);
      device.queue.submit([late.finish()]);
    }));
  },
  'a texture is destroyed after what waits, and refused afterwards': async ({ device, buffer, dispatches, scoped, note }) => {
    const texture = device.createTexture({ size: [4, 4], format: 'rgba8unorm', usage: GPUTextureUsage.COPY_DST | GPUTextureUsage.RENDER_ATTACHMENT });
    const draw = (): GPUCommandBuffer => {
      const encoder = device.createCommandEncoder();
      encoder.beginRenderPass({ colorAttachments: [{ view: texture.createView(), loadOp: 'clear', storeOp: 'store' }] }).end();
      return encoder.finish();
    };
    note(await scoped(() => {
      device.queue.submit([dispatches(buffer())]);
      device.queue.submit([draw()]);
      device.queue.writeTexture({ texture }, new Uint8Array(64), { bytesPerRow: 16 }, [4, 4]);
      texture.destroy();
    }));
    note(await scoped(() => device.queue.submit([draw()])));
    note(await scoped(() => device.queue.writeTexture({ texture }, new Uint8Array(64), { bytesPerRow: 16 }, [4, 4])));
  },
  'objects are what the platform says they are': ({ device, buffer, note }) => {
    const encoder = device.createCommandEncoder({ label: 'mine' });
    note([encoder instanceof GPUCommandEncoder, encoder.label, String(encoder)]);
    encoder.label = 'renamed';
    note(encoder.label);
    const pass = encoder.beginComputePass({ label: 'pass' });
    note([pass instanceof GPUComputePassEncoder, pass.label]);
    pass.end();
    note(buffer() instanceof GPUBuffer);
    note(encoder.finish({ label: 'done' }).label);
  },
  'a destroyed device ends everything that is pending': async ({ device, buffer, dispatches, note }) => {
    const target = buffer(readable());
    device.queue.submit([dispatches(buffer(), 5)]);
    const mapped = target.mapAsync(GPUMapMode.READ).then(() => 'mapped', nameOf);
    device.pushErrorScope('validation');
    const error = device.popErrorScope().then((e) => e, nameOf);
    device.destroy();
    note(await mapped);
    note(await error);
    note((await device.lost).reason);
    note(thrown(() => device.queue.submit([])));
  },
};

describe('a program behaves on a scheduled device as on a plain one', () => {
  test.each(Object.entries(programs))('%s', async (_name, program) => {
    const observe = async (scheduler: Switch | undefined): Promise<Observed> => {
      const lab = await labOf(scheduler);
      await program(lab);
      await lab.device.queue.onSubmittedWorkDone().catch(() => undefined);
      return lab.seen;
    };
    const plain = await observe(undefined);
    expect(plain.length, 'the program observes something').toBeGreaterThan(0);
    expect(await observe(passing), 'nothing waits').toEqual(plain);
    expect(await observe(new HostileSwitch()), 'every dispatch waits').toEqual(plain);
  });
});

test('under contention a submit is released dispatch by dispatch', async () => {
  const hostile = new HostileSwitch();
  const { device, buffer, dispatches } = await labOf(hostile);
  device.queue.submit([dispatches(buffer(), 7)]);
  await device.queue.onSubmittedWorkDone();
  expect(hostile.released).toBe(7);
});

test('a scheduler that goes away lets everything pass', async () => {
  const controls: { abandon(): void }[] = [];
  const silent: Switch = {
    open: (...args) => {
      controls.push(args[2]);
      args[2].credit(0, Infinity, 1);
      return passing.open(...args);
    },
  };
  const { device, buffer, dispatches } = await labOf(silent);
  device.queue.submit([dispatches(buffer(), 3)]);
  let isDone = false;
  const done = device.queue.onSubmittedWorkDone().then(() => (isDone = true));
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(isDone).toBe(false);
  controls[0]!.abandon();
  await done;
});
