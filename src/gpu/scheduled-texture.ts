import type { Gate } from './gate.ts';
import type { DeviceMemory, Native, NativeBlock } from './device-memory.ts';
import type { ErrorScopes } from './error-scopes.ts';
import { Destroyable, type Resources } from './resources.ts';
import { outOfMemory, refuse } from './scheduled-buffers.ts';
import { textureBytes } from './texture-bytes.ts';

/** Textures are counted, not pooled: few programs make the same one twice. */
const textureUsage = -1;

export interface TextureHome {
  readonly device: GPUDevice;
  readonly gate: Gate;
  readonly memory: DeviceMemory;
  readonly scopes: ErrorScopes;
  readonly resources: Resources;
}

/** A texture, unless nobody holds it any more: what is counted must not keep alive what it counts. */
export class CountedTexture implements Native {
  readonly label: string;
  readonly #texture: WeakRef<GPUTexture>;
  readonly #destroy: () => undefined;

  constructor(texture: GPUTexture) {
    this.label = texture.label;
    this.#texture = new WeakRef(texture);
    this.#destroy = texture.destroy; // The platform's: ours comes later.
  }

  get texture(): GPUTexture | undefined {
    return this.#texture.deref();
  }

  destroy(): undefined {
    const { texture } = this;
    if (texture !== undefined) this.#destroy.call(texture);
  }
}

/** Makes the textures of one scheduled device: real ones, whose end takes its turn in the gate and whose bytes are counted. */
export class ScheduledTextures {
  readonly #home: TextureHome;
  readonly #create: (descriptor: GPUTextureDescriptor) => GPUTexture;
  readonly #blocks = new WeakMap<GPUTexture, NativeBlock>();
  #prototype: object | undefined;

  constructor(home: TextureHome, create: (descriptor: GPUTextureDescriptor) => GPUTexture) {
    this.#home = home;
    this.#create = create;
  }

  create(descriptor: GPUTextureDescriptor): GPUTexture {
    const { device, memory, resources } = this.#home;
    const bytes = memory.isLost ? undefined : textureBytes(descriptor, device.limits);
    const texture = bytes === undefined ? this.#create(descriptor) : this.#counted(descriptor, bytes);
    this.#prototype ??= this.#prototypeOf(texture);
    Object.setPrototypeOf(texture, this.#prototype);
    resources.register(texture, new Destroyable());
    return texture;
  }

  #counted(descriptor: GPUTextureDescriptor, bytes: number): GPUTexture {
    const { memory, scopes } = this.#home;
    let made: GPUTexture | undefined;
    const block = memory.make(textureUsage, bytes, descriptor.label ?? '', () => new CountedTexture((made = this.#create(descriptor))));
    if (block !== undefined) {
      memory.own(made!, block);
      this.#blocks.set(made!, block);
      return made!;
    }
    refuse(outOfMemory(bytes, descriptor.label ?? '', memory.fits), memory, scopes);
    // A texture that WebGPU holds to be invalid; that it says so is nobody's news.
    void scopes.capture(() => (made = this.#create({ ...descriptor, usage: 0 })));
    return made!;
  }

  #prototypeOf(native: GPUTexture): object {
    const { gate, memory, resources } = this.#home;
    const blocks = this.#blocks;
    const base = Object.getPrototypeOf(native) as GPUTexture;
    const { createView, destroy } = base;
    const method = (value: (...args: never[]) => unknown): PropertyDescriptor => ({ configurable: true, enumerable: true, writable: true, value });
    return Object.create(base, {
      destroy: method(function (this: GPUTexture) {
        const state = resources.state(this);
        if (!(state instanceof Destroyable) || !state.isAvailable) return;
        state.isAvailable = false;
        const block = blocks.get(this);
        if (block !== undefined) memory.giveUp(this, block, 'over');
        else gate.inTurn(() => destroy.call(this));
      }),
      createView: method(function (this: GPUTexture, descriptor?: GPUTextureViewDescriptor) {
        const view = createView.call(this, descriptor);
        resources.compose(view, [this]);
        return view;
      }),
    }) as object;
  }
}
