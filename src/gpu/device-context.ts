import type { Micros } from '../base/units.ts';
import { type CostEstimate, CostTable } from './cost-table.ts';
import { DeviceMemory, type Native } from './device-memory.ts';
import { ErrorScopes } from './error-scopes.ts';
import { Gate } from './gate.ts';
import { LeasedAccount, type TenantMemory } from './leased-account.ts';
import type { Switch } from './link.ts';
import type { FinishedCommands } from './piece.ts';
import { Resources } from './resources.ts';
import { ScheduledBuffers, type Zeroing } from './scheduled-buffers.ts';
import { CountedTexture, ScheduledTextures } from './scheduled-texture.ts';
import { SliceTimer } from './slice-timer.ts';
import type { Priority } from '../wire/messages.ts';

/** The device's own methods, taken before they were wrapped: what we call ourselves must not take a turn in the gate. */
export interface NativeDevice {
  readonly device: GPUDevice;
  createBuffer(descriptor: GPUBufferDescriptor): GPUBuffer;
  createTexture(descriptor: GPUTextureDescriptor): GPUTexture;
  createCommandEncoder(descriptor?: GPUCommandEncoderDescriptor): GPUCommandEncoder;
  pushErrorScope(filter: GPUErrorFilter): undefined;
  popErrorScope(): Promise<GPUError | null>;
  submit(commands: GPUCommandBuffer[]): undefined;
  onSubmittedWorkDone(): Promise<undefined>;
}

export interface ContextOptions {
  readonly tenant: string;
  readonly priority: Priority;
  readonly switch: Switch;
  readonly now: () => Micros;
  readonly memory?: MemoryOptions | undefined;
}

export interface MemoryOptions extends TenantMemory {
  /** Default: `zeroed`. `as-is` spares the clearing of buffers that serve again, for programs that write what they read. */
  readonly zeroing?: Zeroing | undefined;
}

/** Everything that the wrappers of one device share. */
export class DeviceContext {
  readonly native: NativeDevice;
  readonly scopes: ErrorScopes;
  readonly resources = new Resources();
  readonly costs = new CostTable();
  readonly timer: SliceTimer | undefined;
  readonly gate: Gate;
  readonly account: LeasedAccount;
  readonly memory: DeviceMemory;
  readonly buffers: ScheduledBuffers;
  readonly textures: ScheduledTextures;
  readonly #finished = new WeakMap<GPUCommandBuffer, FinishedCommands>();
  readonly #codes = new WeakMap<object, string>();
  readonly #estimates = new WeakMap<object, Map<number, CostEstimate>>();
  #strangers = 0;

  constructor(native: NativeDevice, options: ContextOptions) {
    this.native = native;
    const { device } = native;
    this.scopes = new ErrorScopes(native, (error) => raise(device, error));
    this.timer = device.features.has('timestamp-query')
      ? new SliceTimer(device, () => native.createCommandEncoder(), (commands) => native.submit(commands))
      : undefined;
    const { tenant, priority, now, memory = {} } = options;
    this.account = new LeasedAccount({ ...memory, after });
    this.gate = new Gate({ tenant, priority, queue: native, scopes: this.scopes, timer: this.timer, account: this.account, now, after }, options.switch);
    this.memory = new DeviceMemory({
      device: native, gate: this.gate, scopes: this.scopes, account: this.account, isInvalid: (made) => this.#isInvalid(made), retention: this.account.retention, now, after,
    });
    this.account.govern(this.memory);
    this.buffers = new ScheduledBuffers(native, this.gate, this.scopes, this.memory, memory.zeroing ?? 'zeroed');
    this.textures = new ScheduledTextures({ device, gate: this.gate, memory: this.memory, scopes: this.scopes, resources: this.resources }, native.createTexture);
  }

  get quantum(): Micros {
    return this.gate.quantum;
  }

  /** A scheduler wants to know what things cost. */
  get isMeasuring(): boolean {
    return this.gate.quantum < Infinity;
  }

  #isInvalid(made: Native): Promise<boolean> {
    if (!(made instanceof CountedTexture)) return this.buffers.isInvalid(made as GPUBuffer);
    const { texture } = made;
    return texture === undefined ? Promise.resolve(false) : this.scopes.capture(() => texture.createView()).then((error) => error !== null);
  }

  beginEncoder(descriptor: GPUCommandEncoderDescriptor | undefined): GPUCommandEncoder {
    return this.native.createCommandEncoder(descriptor);
  }

  finished(commands: GPUCommandBuffer, what: FinishedCommands): void {
    this.#finished.set(commands, what);
  }

  commands(commands: GPUCommandBuffer): FinishedCommands | undefined {
    return this.#finished.get(commands);
  }

  /** Finishes several encoders as if they were one: at most one error, where the application expects it. */
  prove(finish: () => void): Promise<boolean> {
    const error = this.scopes.capture(finish);
    this.scopes.expect(this.scopes.place())(error);
    return error.then((e) => e === null);
  }

  /** `code` says what a shader module or pipeline runs, the same for all that run the same. */
  nameCode(object: object, code: string): void {
    this.#codes.set(object, code);
  }

  codeOf(object: object): string {
    return this.#codes.get(object) ?? `unnamed ${(this.#strangers += 1)}`;
  }

  estimatesOf(pipeline: object): Map<number, CostEstimate> {
    let estimates = this.#estimates.get(pipeline);
    if (estimates === undefined) {
      const code = this.codeOf(pipeline);
      this.#estimates.set(pipeline, (estimates = this.costs.of(code)));
    }
    return estimates;
  }
}

const after = (delay: Micros, call: () => void): void => void setTimeout(call, Math.ceil(delay / 1000));

/** As the browser does for an error that no scope caught. */
function raise(device: GPUDevice, error: GPUError): void {
  const event = new GPUUncapturedErrorEvent('uncapturederror', { error, cancelable: true });
  if (device.dispatchEvent(event)) console.warn(error.message);
}
