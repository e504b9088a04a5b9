import type { DeviceContext } from '../gpu/device-context.ts';
import { memoryOf } from '../gpu/memory-of.ts';
import { PortSwitch, threadNow } from '../gpu/port-switch.ts';
import { scheduleDevice } from '../gpu/scheduled-device.ts';
import type { Failure, Outcome } from '../wire/failure.ts';
import type { DeviceMemoryView } from '../wire/memory.ts';
import { holdForLife } from '../wire/life-lock.ts';
import type {
  FromScheduler, LaneControl, LaneOptions, LaneToPage, LoadRequest, LoadedModel, OpId, PageToLane, ToScheduler,
} from '../wire/messages.ts';
import { type Port, typedPort } from '../wire/port.ts';
import type { Feeds } from '../wire/tensor.ts';
import { requestOnnxDevice } from './device.ts';
import { openOnnx, type OnnxOptions, type OnnxRuntime } from './runtime.ts';

/** An op needs both its tensors (from the page) and leave to start (from the scheduler), in whatever order they come. */
interface PendingOp {
  feed: { readonly model: number; readonly feeds: Feeds } | undefined;
  readonly abort: AbortController;
  isStarted: boolean;
}

/** protobuf reads no message of 2 GiB or more. */
const largestFile = 2 ** 31 - 1;

/** How many ended ops are remembered, for a scheduler that took over and asks for one again. */
const rememberedCount = 1024;

/** One tenant's lane: its device and gate, its ONNX runtime, and the ops that pass through. Lives in a worker of its own. */
export class OnnxLane implements LaneControl {
  readonly #gpu: GPU | undefined;
  readonly #onnxOptions: OnnxOptions;
  readonly #ops = new Map<OpId, PendingOp>();
  readonly #ended = new Set<OpId>();
  #options: LaneOptions | undefined;
  #page: Port<LaneToPage, PageToLane> | undefined;
  #switch: PortSwitch | undefined;
  #context: DeviceContext | undefined;
  #runtime: OnnxRuntime | undefined;
  #isLost = false;

  /** `gpu` as `navigator` has it: `undefined` where there is no WebGPU. */
  constructor(gpu: GPU | undefined, onnxOptions: OnnxOptions) {
    this.#gpu = gpu;
    this.#onnxOptions = onnxOptions;
  }

  async live(lock: string): Promise<void> {
    await holdForLife(lock);
  }

  async open(options: LaneOptions, scheduler: MessagePort, page: MessagePort): Promise<Outcome<null>> {
    this.#options = options;
    this.#page = typedPort<LaneToPage, PageToLane>(page);
    this.#page.onmessage = ({ data }) => this.#fromPage(data);
    this.#switch = this.#connect(scheduler);
    if (this.#gpu === undefined) return { ok: false, failure: { code: 'no-adapter', detail: 'this browser has no WebGPU in workers (navigator.gpu is missing)' } };
    const requested = await requestOnnxDevice(this.#gpu);
    if (!requested.ok) return requested;
    const device = requested.value;
    const { tenant, priority } = options;
    const unload = async (): Promise<void> => this.#runtime?.unloadIdle();
    this.#context = scheduleDevice(device, { tenant, priority, switch: this.#switch, now: threadNow, memory: { unload } });
    void device.lost.then(({ reason, message }) => this.#lose({ code: 'device-lost', reason, detail: message }));
    this.#tellLane();
    await this.#context.account.ready; // Nothing is created before it is known how much may be.
    this.#runtime = await openOnnx(device, { ...this.#onnxOptions, memory: this.#context });
    return { ok: true, value: null };
  }

  attach(scheduler: MessagePort): void {
    const before = this.#switch;
    this.#switch = this.#connect(scheduler);
    before?.moveTo(this.#switch);
    if (this.#context !== undefined) this.#tellLane();
  }

  async load({ bytes, ...options }: LoadRequest): Promise<Outcome<LoadedModel>> {
    const runtime = this.#runtime;
    if (runtime === undefined) return { ok: false, failure: { code: 'closed', detail: 'the lane is not open' } };
    if (bytes.size > largestFile) {
      return { ok: false, failure: { code: 'model-too-large', bytes: bytes.size, limit: largestFile, detail: 'a model file is limited to 2 GiB' } };
    }
    let read: ArrayBuffer;
    try {
      read = await bytes.arrayBuffer();
    } catch (error) {
      return { ok: false, failure: { code: 'fetch-failed', url: options.name, detail: `its bytes could not be read: ${String(error)}` } };
    }
    const outcome = await runtime.load(new Uint8Array(read), options);
    // What fails after the lane was lost did not fail by itself.
    if (!outcome.ok && this.#isLost) return { ok: false, failure: { code: 'worker-crashed', worker: 'lane', detail: 'it was lost during the load' } };
    if (runtime.broken !== undefined) this.#lose({ code: 'worker-crashed', worker: 'lane', detail: runtime.broken });
    return outcome;
  }

  async release(model: number): Promise<void> {
    await this.#runtime?.release(model);
  }

  memory(): DeviceMemoryView | undefined {
    return this.#context && memoryOf(this.#context.native.device);
  }

  #connect(scheduler: MessagePort): PortSwitch {
    return new PortSwitch(typedPort<ToScheduler, FromScheduler>(scheduler), { start: ({ op, priority }) => this.#start(op, priority) });
  }

  #tellLane(): void {
    const { lane, tenant } = this.#options!;
    this.#switch!.tell({ kind: 'lane-opened', lane, tenant, gate: this.#switch!.lastGate });
  }

  #fromPage(message: PageToLane): void {
    if (message.kind === 'abort') {
      this.#abort(message.op, message.reason);
      return;
    }
    const op = this.#pending(message.op);
    op.feed = message;
    if (op.isStarted) void this.#run(message.op, op);
  }

  #abort(id: OpId, reason: string): void {
    const op = this.#ops.get(id);
    if (op === undefined) return;
    op.abort.abort(reason);
    if (op.isStarted && op.feed !== undefined) return; // It ends by itself.
    if (op.isStarted) this.#switch!.tell({ kind: 'op-finished', op: id, at: threadNow() });
    this.#forget(id);
  }

  #start(id: OpId, priority: LaneOptions['priority']): void {
    if (this.#ended.has(id)) {
      this.#switch!.tell({ kind: 'op-finished', op: id, at: threadNow() });
      return;
    }
    const op = this.#pending(id);
    if (op.isStarted) return; // A scheduler that took over does not know.
    op.isStarted = true;
    this.#context!.gate.attribute(id, priority);
    this.#switch!.tell({ kind: 'op-started', op: id, at: threadNow() });
    if (op.feed !== undefined) void this.#run(id, op);
  }

  async #run(id: OpId, op: PendingOp): Promise<void> {
    const runtime = this.#runtime!;
    const { model, feeds } = op.feed!;
    const encoded = (): void => this.#switch!.tell({ kind: 'op-encoded', op: id, at: threadNow() });
    const outcome = await runtime.run(model, feeds, { signal: op.abort.signal, encoded }).catch((error: unknown): Outcome<never> =>
      ({ ok: false, failure: { code: 'run-failed', detail: `the run failed in a way not foreseen: ${String(error)}` } }));
    // What fails after the lane was lost did not fail by itself: it is tried again on the next lane.
    if (outcome.ok || !this.#isLost) this.#page!.postMessage({ kind: 'result', op: id, outcome }, outcome.ok ? buffersOf(outcome.value) : []);
    this.#switch!.tell({ kind: 'op-finished', op: id, at: threadNow() });
    this.#forget(id);
    if (runtime.broken !== undefined) this.#lose({ code: 'worker-crashed', worker: 'lane', detail: runtime.broken });
  }

  #forget(id: OpId): void {
    this.#ops.delete(id);
    this.#ended.add(id);
    if (this.#ended.size > rememberedCount) this.#ended.delete(this.#ended.values().next().value!);
  }

  #pending(id: OpId): PendingOp {
    let op = this.#ops.get(id);
    if (op === undefined) this.#ops.set(id, (op = { feed: undefined, abort: new AbortController(), isStarted: false }));
    return op;
  }

  #lose(failure: Failure): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#page?.postMessage({ kind: 'lost', failure });
  }
}

/** Results are moved to the page, each buffer once. */
function buffersOf(outputs: Readonly<Record<string, { readonly data: unknown }>>): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const { data } of Object.values(outputs)) {
    if (ArrayBuffer.isView(data) && data.buffer instanceof ArrayBuffer) buffers.add(data.buffer);
  }
  return [...buffers];
}
