import { joinComputePass } from './compute-pass.ts';
import { CuttingEncoder, joinCommandEncoder } from './cutting-encoder.ts';
import { type ContextOptions, DeviceContext, type NativeDevice } from './device-context.ts';
import type { Gate } from './gate.ts';
import { joinRenderEncoders, TrackedBundleEncoder } from './render-pass.ts';
import { Destroyable } from './resources.ts';
import { bufferPrototype } from './scheduled-buffer.ts';
import { scheduleQueue } from './scheduled-queue.ts';

/**
 * Makes a real device a scheduled one: its own methods are wrapped, the object stays the same. To be called before anything
 * else uses the device. Costs a few microseconds per encoder, buffer and submit; without a scheduler nothing waits.
 */
export function scheduleDevice(device: GPUDevice, options: ContextOptions): Gate {
  joinPrototypes();
  const context = new DeviceContext(nativeOf(device), options);
  const { gate, scopes, resources } = context;
  const native = {
    createBuffer: device.createBuffer.bind(device),
    createTexture: device.createTexture.bind(device),
    createQuerySet: device.createQuerySet.bind(device),
    createBindGroup: device.createBindGroup.bind(device),
    createShaderModule: device.createShaderModule.bind(device),
    createComputePipeline: device.createComputePipeline.bind(device),
    createComputePipelineAsync: device.createComputePipelineAsync.bind(device),
    createRenderBundleEncoder: device.createRenderBundleEncoder.bind(device),
    destroy: device.destroy.bind(device),
  };

  let buffers: object | undefined;
  const createBuffer = (descriptor: GPUBufferDescriptor): GPUBuffer => {
    const buffer = native.createBuffer(descriptor);
    buffers ??= bufferPrototype(context, buffer);
    Object.setPrototypeOf(buffer, buffers);
    void buffer.mapState; // Registers it.
    context.account(buffer.size);
    return buffer;
  };

  let textures: object | undefined;
  const createTexture = (descriptor: GPUTextureDescriptor): GPUTexture => {
    const texture = native.createTexture(descriptor);
    textures ??= texturePrototype(context, texture);
    Object.setPrototypeOf(texture, textures);
    resources.register(texture, new Destroyable());
    return texture;
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
    const group = native.createBindGroup(descriptor);
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
    createBuffer, createTexture, createQuerySet, createBindGroup, createShaderModule,
    createComputePipeline: (descriptor: GPUComputePipelineDescriptor) => named(native.createComputePipeline(descriptor), descriptor),
    createComputePipelineAsync: (descriptor: GPUComputePipelineDescriptor) =>
      native.createComputePipelineAsync(descriptor).then((pipeline) => named(pipeline, descriptor)),
    createRenderBundleEncoder: (descriptor: GPURenderBundleEncoderDescriptor) =>
      new TrackedBundleEncoder(native.createRenderBundleEncoder(descriptor), (bundle, parts) => resources.compose(bundle, parts)),
    createCommandEncoder: (descriptor?: GPUCommandEncoderDescriptor) => new CuttingEncoder(context, descriptor),
    pushErrorScope: (filter: GPUErrorFilter) => scopes.push(filter),
    popErrorScope: () => scopes.pop(),
    destroy: () => {
      native.destroy();
      gate.close();
    },
  });
  scheduleQueue(device.queue, context);
  void device.lost.then(() => gate.close());
  return gate;
}

function nativeOf(device: GPUDevice): NativeDevice {
  const { queue } = device;
  return {
    device,
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
  joinRenderEncoders(GPURenderPassEncoder.prototype, GPURenderBundleEncoder.prototype);
}

function texturePrototype(context: DeviceContext, native: GPUTexture): object {
  const base = Object.getPrototypeOf(native) as GPUTexture;
  const { createView } = base;
  return Object.create(base, {
    destroy: destroyInTurn(context, native),
    createView: {
      configurable: true, enumerable: true, writable: true,
      value(this: GPUTexture, descriptor?: GPUTextureViewDescriptor) {
        const view = createView.call(this, descriptor);
        context.resources.compose(view, [this]);
        return view;
      },
    },
  }) as object;
}

/** What waits in the gate still needs the resource, so its end takes a turn. */
function destroyInTurn({ gate, resources }: DeviceContext, native: GPUTexture | GPUQuerySet): PropertyDescriptor {
  const { destroy } = Object.getPrototypeOf(native) as GPUTexture | GPUQuerySet;
  return {
    configurable: true, enumerable: true, writable: true,
    value(this: GPUTexture) {
      const state = resources.state(this);
      if (state instanceof Destroyable) state.isAvailable = false;
      if (gate.isIdle) destroy.call(this);
      else gate.enqueue(() => destroy.call(this), false);
    },
  };
}

/** Buffers, textures and what else a bind group refers to; samplers hold nothing that could go away. */
function partsOf(entries: Iterable<GPUBindGroupEntry>): object[] {
  const parts: object[] = [];
  for (const { resource } of entries) {
    if (resource instanceof GPUSampler) continue;
    parts.push('buffer' in resource ? resource.buffer : resource);
  }
  return parts;
}

/** FNV-1a over the code, beside its length: names what a shader does, the same on every visit. */
function hashOf(code: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < code.length; i += 1) hash = Math.imul(hash ^ code.charCodeAt(i), 0x01000193);
  return `${(hash >>> 0).toString(16)}.${code.length}`;
}
