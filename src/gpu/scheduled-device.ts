import { joinComputePass } from './compute-pass.ts';
import { CuttingEncoder, joinCommandEncoder } from './cutting-encoder.ts';
import { type ContextOptions, DeviceContext, type NativeDevice } from './device-context.ts';
import { setMemoryOf } from './memory-of.ts';
import { joinRenderEncoders, TrackedBundleEncoder } from './render-pass.ts';
import { Destroyable } from './resources.ts';
import { joinBuffer, nativeEntry, ScheduledBuffer } from './scheduled-buffer.ts';
import { scheduleQueue } from './scheduled-queue.ts';

/**
 * Makes a real device a scheduled one: its own methods are wrapped, the object stays the same. To be called before anything
 * else uses the device. Costs a few microseconds per encoder, buffer and submit; without a scheduler nothing waits.
 */
export function scheduleDevice(device: GPUDevice, options: ContextOptions): DeviceContext {
  joinPrototypes();
  const context = new DeviceContext(nativeOf(device), options);
  const { gate, scopes, resources, memory, buffers, textures } = context;
  const native = {
    createQuerySet: device.createQuerySet.bind(device),
    createBindGroup: device.createBindGroup.bind(device),
    createShaderModule: device.createShaderModule.bind(device),
    createComputePipeline: device.createComputePipeline.bind(device),
    createComputePipelineAsync: device.createComputePipelineAsync.bind(device),
    createRenderBundleEncoder: device.createRenderBundleEncoder.bind(device),
    destroy: device.destroy.bind(device),
  };

  let querySets: object | undefined;
  const createQuerySet = (descriptor: GPUQuerySetDescriptor): GPUQuerySet => {
    const set = native.createQuerySet(descriptor);
    querySets ??= Object.create(Object.getPrototypeOf(set) as object, { destroy: destroyInTurn(context, set) }) as object;
    Object.setPrototypeOf(set, querySets);
    resources.register(set, new Destroyable());
    return set;
  };

  const createBindGroup = (descriptor: GPUBindGroupDescriptor): GPUBindGroup => {
    const group = native.createBindGroup({ ...descriptor, entries: Array.from(descriptor.entries, nativeEntry) });
    resources.compose(group, partsOf(descriptor.entries));
    return group;
  };

  const createShaderModule = (descriptor: GPUShaderModuleDescriptor): GPUShaderModule => {
    const module = native.createShaderModule(descriptor);
    context.nameCode(module, hashOf(String(descriptor.code)));
    return module;
  };

  const named = (pipeline: GPUComputePipeline, { compute }: GPUComputePipelineDescriptor): GPUComputePipeline => {
    const { module, entryPoint, constants } = compute;
    context.nameCode(pipeline, `${context.codeOf(module)} ${entryPoint ?? ''} ${constants ? JSON.stringify(constants) : ''}`);
    return pipeline;
  };

  Object.assign(device, {
    createBuffer: (descriptor: GPUBufferDescriptor) => buffers.create(descriptor),
    createTexture: (descriptor: GPUTextureDescriptor) => textures.create(descriptor),
    createQuerySet, createBindGroup, createShaderModule,
    createComputePipeline: (descriptor: GPUComputePipelineDescriptor) => named(native.createComputePipeline(descriptor), descriptor),
    createComputePipelineAsync: (descriptor: GPUComputePipelineDescriptor) =>
      native.createComputePipelineAsync(descriptor).then((pipeline) => named(pipeline, descriptor)),
    createRenderBundleEncoder: (descriptor: GPURenderBundleEncoderDescriptor) =>
      new TrackedBundleEncoder(native.createRenderBundleEncoder(descriptor), (bundle, parts) => resources.compose(bundle, parts)),
    createCommandEncoder: (descriptor?: GPUCommandEncoderDescriptor) => new CuttingEncoder(context, descriptor),
    pushErrorScope: (filter: GPUErrorFilter) => {
      memory.closeScope();
      scopes.push(filter);
    },
    popErrorScope: () => {
      memory.closeScope();
      return scopes.pop();
    },
    destroy: () => {
      native.destroy();
      gate.close();
    },
  });
  scheduleQueue(device.queue, context);
  setMemoryOf(device, memory);
  void device.lost.then(() => gate.close());
  return context;
}

function nativeOf(device: GPUDevice): NativeDevice {
  const { queue } = device;
  return {
    device,
    createBuffer: device.createBuffer.bind(device),
    createTexture: device.createTexture.bind(device),
    createCommandEncoder: device.createCommandEncoder.bind(device),
    pushErrorScope: device.pushErrorScope.bind(device),
    popErrorScope: device.popErrorScope.bind(device),
    submit: queue.submit.bind(queue) as NativeDevice['submit'],
    onSubmittedWorkDone: queue.onSubmittedWorkDone.bind(queue),
  };
}

function joinPrototypes(): void {
  joinCommandEncoder(GPUCommandEncoder.prototype);
  joinComputePass(GPUComputePassEncoder.prototype);
  joinBuffer(GPUBuffer.prototype);
  joinRenderEncoders(GPURenderPassEncoder.prototype, GPURenderBundleEncoder.prototype);
}

/** What waits in the gate still needs the resource, so its end takes a turn. */
function destroyInTurn({ gate, resources }: DeviceContext, native: GPUQuerySet): PropertyDescriptor {
  const { destroy } = Object.getPrototypeOf(native) as GPUQuerySet;
  return {
    configurable: true, enumerable: true, writable: true,
    value(this: GPUQuerySet) {
      const state = resources.state(this);
      if (state instanceof Destroyable) state.isAvailable = false;
      gate.inTurn(() => destroy.call(this));
    },
  };
}

/** Buffers, textures and what else a bind group refers to; samplers hold nothing that could go away. */
function partsOf(entries: Iterable<GPUBindGroupEntry>): object[] {
  const parts: object[] = [];
  for (const { resource } of entries) {
    if (ScheduledBuffer.is(resource)) parts.push(resource);
    else if (!(resource instanceof GPUSampler)) parts.push('buffer' in resource ? resource.buffer : resource);
  }
  return parts;
}

/** FNV-1a over the code, beside its length: names what a shader does, the same on every visit. */
function hashOf(code: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < code.length; i += 1) hash = Math.imul(hash ^ code.charCodeAt(i), 0x01000193);
  return `${(hash >>> 0).toString(16)}.${code.length}`;
}
