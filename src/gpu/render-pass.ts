import { inherit } from './inherit.ts';
import { ScheduledBuffer } from './scheduled-buffer.ts';

/** Who keeps what a pass or bundle uses. */
interface Uses {
  use(...resources: readonly object[]): void;
}

type RenderCommands = GPURenderPassEncoder | GPURenderBundleEncoder;

/** The commands that passes and bundles share, sent on and remembered. Nothing here is ever cut. */
abstract class TrackedRenderCommands<T extends RenderCommands> {
  readonly native: T;
  readonly #uses: Uses;

  constructor(uses: Uses, native: T) {
    this.#uses = uses;
    this.native = native;
  }

  get label(): string {
    return this.native.label;
  }

  set label(label: string) {
    this.native.label = label;
  }

  setBindGroup(...args: [number, GPUBindGroup | null | undefined, ...unknown[]]): undefined {
    (this.native.setBindGroup as (...args: unknown[]) => undefined).apply(this.native, args);
    if (args[1]) this.#uses.use(args[1]);
  }

  setVertexBuffer(slot: number, buffer: GPUBuffer | null | undefined, offset?: number, size?: number): undefined {
    this.native.setVertexBuffer(slot, ScheduledBuffer.native(buffer), offset, spanOf(buffer, offset, size));
    if (buffer) this.#uses.use(buffer);
  }

  setIndexBuffer(buffer: GPUBuffer, format: GPUIndexFormat, offset?: number, size?: number): undefined {
    this.native.setIndexBuffer(ScheduledBuffer.native(buffer), format, offset, spanOf(buffer, offset, size));
    this.#uses.use(buffer);
  }

  drawIndirect(buffer: GPUBuffer, offset: number): undefined {
    this.native.drawIndirect(ScheduledBuffer.native(buffer), offset);
    this.#uses.use(buffer);
  }

  drawIndexedIndirect(buffer: GPUBuffer, offset: number): undefined {
    this.native.drawIndexedIndirect(ScheduledBuffer.native(buffer), offset);
    this.#uses.use(buffer);
  }
}

const spanOf = (buffer: GPUBuffer | null | undefined, offset: number | undefined, size: number | undefined): number | undefined =>
  ScheduledBuffer.is(buffer) ? buffer.span(offset, size) : size;

/** A render pass, remembered but not cut. */
export class TrackedRenderPass extends TrackedRenderCommands<GPURenderPassEncoder> {
  readonly #encoder: Uses & { ended(): void };

  constructor(encoder: Uses & { ended(): void }, native: GPURenderPassEncoder) {
    super(encoder, native);
    this.#encoder = encoder;
  }

  executeBundles(bundles: Iterable<GPURenderBundle>): undefined {
    const list = [...bundles];
    this.native.executeBundles(list);
    this.#encoder.use(...list);
  }

  end(): undefined {
    this.native.end();
    this.#encoder.ended();
  }
}

/** A bundle encoder; `made` is told what the finished bundle stands for. */
export class TrackedBundleEncoder extends TrackedRenderCommands<GPURenderBundleEncoder> {
  readonly #parts: object[];
  readonly #made: (bundle: GPURenderBundle, parts: readonly object[]) => void;

  constructor(native: GPURenderBundleEncoder, made: (bundle: GPURenderBundle, parts: readonly object[]) => void) {
    const parts: object[] = [];
    super({ use: (...resources) => void parts.push(...resources) }, native);
    this.#parts = parts;
    this.#made = made;
  }

  finish(descriptor?: GPURenderBundleDescriptor): GPURenderBundle {
    const bundle = this.native.finish(descriptor);
    this.#made(bundle, this.#parts);
    return bundle;
  }
}

/** The shared commands stand on a prototype of their own, so they are given to each class before it joins the platform's. */
function join(wrapper: { readonly prototype: { readonly native: object } }, native: object): void {
  if (Object.getPrototypeOf(wrapper.prototype) !== TrackedRenderCommands.prototype) return;
  for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(TrackedRenderCommands.prototype))) {
    if (name !== 'constructor') Object.defineProperty(wrapper.prototype, name, property);
  }
  inherit(wrapper, native);
}

export function joinRenderEncoders(pass: object, bundle: object): void {
  join(TrackedRenderPass, pass);
  join(TrackedBundleEncoder, bundle);
}
