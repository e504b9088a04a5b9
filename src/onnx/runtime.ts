import { env } from 'onnxruntime-web/webgpu';

import type { Bytes } from '../base/units.ts';
import type { RoomAccount } from '../gpu/reserved-buffers.ts';
import type { Sizing } from '../memory/block-bytes.ts';
import type { Failure, Outcome } from '../wire/failure.ts';
import type { Refusal } from '../wire/memory.ts';
import type { LoadedModel } from '../wire/messages.ts';
import type { Feeds, Tensor, TensorInfo } from '../wire/tensor.ts';
import { checkModel, checkSizes } from './check-model.ts';
import { checkFeeds, fixDimensions } from './feeds.ts';
import { instance } from './lock.ts';
import { classify, gpuFailure } from './ort-error.ts';
import { readHeader } from './proto.ts';
import { identityOf, type RecordBuffers, Session } from './session.ts';

export interface LoadOptions {
  /** For people. */
  readonly name: string;
  /** Sizes for keys of `freeDimensions`; those without one stay free and may change from run to run. */
  readonly freeDimensions?: Readonly<Record<string, number>> | undefined;
  /** Which layout is right, and which is fast, differs by model and device: onnxruntime-web 1.30 computes some convolutions wrongly in NHWC, its default, and some in NCHW. */
  readonly preferredLayout?: 'NHWC' | 'NCHW' | undefined;
  /** Whether its weights stay on the GPU also when memory is short and nobody runs it. Default: no. */
  readonly pinned?: boolean | undefined;
}

/** What the runtime asks of the memory of its device. */
export interface RuntimeMemory {
  readonly account: RoomAccount;
  readonly buffers: { sizing: Sizing; staging: 'kept' | 'dropped'; readonly record: RecordBuffers };
  readonly memory: { readonly live: Bytes; readonly refusedCount: number; takeHighWater(): Bytes };
}

export interface RunHooks {
  /** Ends the outcome at once; what the GPU has been given it finishes, and nobody sees it. */
  readonly signal?: AbortSignal | undefined;
  /** Called once the whole run is submitted and the next may be encoded; never called when it fails before. */
  encoded(): void;
}

/** ONNX models on one device. Runs are encoded one at a time, in the order asked; failures are values, and each leaves the other models as they were. */
export interface OnnxRuntime {
  /** Keeps `bytes`, which must not change: after a failed run the model is made from them again. */
  load(bytes: Uint8Array, options: LoadOptions): Promise<Outcome<LoadedModel>>;
  run(model: number, feeds: Feeds, hooks: RunHooks): Promise<Outcome<Record<string, Tensor>>>;
  /** Frees the model after the runs asked before; unknown numbers are ignored. */
  release(model: number): Promise<void>;
  /** Takes the weights of models that nobody runs off the GPU, but for pinned ones; their next run brings them back. */
  unloadIdle(): Promise<void>;
  /**
   * Why the lane worker should be replaced, or `undefined`. Either nothing will load or run in this thread again, or the GPU refused a buffer: then
   * runs may still succeed, and those that do are right.
   */
  readonly broken: string | undefined;
}

export interface OnnxOptions {
  /** As `wasm-paths.ts` gives it. */
  readonly wasmPaths: { readonly wasm: string };
  /** Of a scheduled device; without it memory is what the device gives. */
  readonly memory?: RuntimeMemory | undefined;
}

/**
 * Opens onnxruntime-web on `device`, which may be a scheduled one; use `requestOnnxDevice` for its limits. WASM is fetched when the first model loads. A lost
 * device ends every outcome with `device-lost`; the runtime does not recover, since onnxruntime cannot change devices.
 */
export async function openOnnx(device: GPUDevice, { wasmPaths, memory }: OnnxOptions): Promise<OnnxRuntime> {
  env.wasm.wasmPaths = { wasm: wasmPaths.wasm };
  env.wasm.numThreads = 1;
  return new DeviceRuntime(device, memory);
}

/** What a model's first run is taken to need besides as much as its weights, in bytes. */
const firstRunBytes = 2 ** 20;

interface SharedSession {
  readonly key: string;
  readonly session: Session;
  /** So many loaded models stand for it. */
  models: number;
  /** Runs under way. */
  runs: number;
  usedAt: number;
  isPinned: boolean;
}

class DeviceRuntime implements OnnxRuntime {
  readonly #device: GPUDevice;
  readonly #memory: RuntimeMemory | undefined;
  /** The same model loaded twice is one session. */
  readonly #models = new Map<number, SharedSession>();
  readonly #sessions = new Map<string, SharedSession>();
  /** Who wants to hear of errors that the device reports to nobody: everything between its first command and its last result. */
  readonly #watches = new Set<{ failure: Failure | undefined }>();
  readonly #unsettled = new Set<(failure: Failure) => void>();
  #lost: Failure | undefined;
  #unsound: string | undefined;
  #modelCount = 0;
  #useCount = 0;

  constructor(device: GPUDevice, memory: RuntimeMemory | undefined) {
    this.#device = device;
    this.#memory = memory;
    device.addEventListener('uncapturederror', ({ error }) => {
      for (const watch of this.#watches) watch.failure ??= gpuFailure(error);
    });
    void device.lost.then(({ reason, message }) => {
      this.#lost = { code: 'device-lost', reason: reason ?? 'unknown', detail: message };
      for (const settle of [...this.#unsettled]) settle(this.#lost);
    });
  }

  get broken(): string | undefined { return instance.broken ?? this.#unsound; }

  async load(bytes: Uint8Array, options: LoadOptions): Promise<Outcome<LoadedModel>> {
    const { freeDimensions = {}, preferredLayout } = options;
    if (preferredLayout !== undefined && preferredLayout !== 'NHWC' && preferredLayout !== 'NCHW') {
      return failed({ code: 'invalid-argument', detail: `the layout is NHWC or NCHW, not ${String(preferredLayout)}` });
    }
    const read = readHeader(bytes);
    if (!read.ok) return read;
    const header = read.value;
    const refusal = checkSizes(freeDimensions) ?? checkModel(bytes, header, this.#device.limits);
    if (refusal !== undefined) return failed(refusal);
    const inputs = header.inputs.map((input) => fixDimensions(input, freeDimensions));
    const source = { bytes, header, freeDimensions, preferredLayout };
    const key = await identityOf(source);
    const known = this.#sessions.get(key);
    const shared = known ?? { key, session: new Session(this.#device, source, inputs, this.#memory?.buffers.record), models: 0, runs: 0, usedAt: 0, isPinned: false };
    this.#sessions.set(key, shared);
    shared.models += 1;
    shared.isPinned ||= options.pinned === true;
    const outcome = await this.#settle(undefined, this.#load(shared));
    if (!outcome.ok) {
      await this.#leave(shared);
      return outcome;
    }
    const model = this.#modelCount++;
    this.#models.set(model, shared);
    const outputs = header.outputs.map((output) => bare(fixDimensions(output, freeDimensions)));
    return { ok: true, value: { model, inputs: inputs.map(bare), outputs } };
  }

  async run(model: number, feeds: Feeds, { signal, encoded }: RunHooks): Promise<Outcome<Record<string, Tensor>>> {
    const shared = this.#models.get(model);
    if (shared === undefined) return failed({ code: 'closed', detail: 'the model was released' });
    const refusal = checkFeeds(shared.session.inputs, feeds);
    if (refusal !== undefined) return failed(refusal);
    shared.runs += 1;
    shared.usedAt = this.#useCount += 1;
    const run = this.#run(shared.session, feeds, signal, encoded).finally(() => (shared.runs -= 1));
    return this.#settle(signal, run);
  }

  async release(model: number): Promise<void> {
    const shared = this.#models.get(model);
    if (shared === undefined) return;
    this.#models.delete(model);
    await this.#leave(shared);
  }

  async unloadIdle(): Promise<void> {
    const idle = [...this.#sessions.values()].filter(({ runs, isPinned, session }) => runs === 0 && !isPinned && session.isOpen);
    for (const { session } of idle.sort((one, other) => one.usedAt - other.usedAt)) {
      await this.#atInstance(() => session.release());
    }
  }

  async #load({ session }: SharedSession): Promise<Outcome<undefined>> {
    return this.#watched(async () => {
      const opened = await this.#hold(undefined, () => this.#open(session));
      // Weights are uploaded by now but perhaps not allocated: what went wrong is known when the GPU has come this far.
      if (opened.ok) await this.#device.queue.onSubmittedWorkDone();
      return opened;
    });
  }

  /** Makes sure that there is room for the weights before anything of them is created. */
  async #open(session: Session): Promise<Outcome<undefined>> {
    const memory = this.#memory;
    if (memory === undefined) {
      await session.open();
      return done;
    }
    memory.buffers.sizing = session.isDynamic ? 'classes' : 'exact';
    if (session.isOpen) return done;
    const room = await memory.account.reserve(session.weightBytes);
    if (!room.ok) return failed(noRoom(session.weightBytes, room.refusal));
    memory.buffers.staging = 'dropped'; // What carries weights to the GPU carries nothing else.
    try {
      await session.open();
      return done;
    } finally {
      memory.buffers.staging = 'kept';
      room.release();
    }
  }

  async #run(session: Session, feeds: Feeds, signal: AbortSignal | undefined, encoded: () => void): Promise<Outcome<Record<string, Tensor>>> {
    return this.#watched(async () => {
      const submitted = await this.#hold<() => Promise<Record<string, Tensor>>>(signal, async () => {
        const opened = await this.#open(session);
        if (!opened.ok) return opened;
        return this.#withRoom(session, async () => {
          const outputs = await session.run(feeds);
          return { ok: true, value: session.readBack.submit(outputs) };
        });
      });
      if (!submitted.ok) return submitted;
      encoded();
      return { ok: true, value: await submitted.value() };
    });
  }

  /** Sets aside what runs needed so far: inside a run onnxruntime cannot wait for room. */
  async #withRoom<T>(session: Session, work: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
    if (this.#memory === undefined) return work();
    const { account, memory } = this.#memory;
    const isFirst = session.runBytes === undefined;
    const wanted = session.runBytes ?? firstRunBytes + session.weightBytes;
    const room = await account.reserve(wanted);
    if (!room.ok && !isFirst) return failed(noRoom(wanted, room.refusal)); // Of a first run nobody knows: it may need less.
    const before = memory.live;
    memory.takeHighWater();
    try {
      return await work();
    } finally {
      session.runBytes = Math.max(session.runBytes ?? 0, memory.takeHighWater() - before);
      if (room.ok) room.release();
    }
  }

  /** One model less wants the session. */
  async #leave(shared: SharedSession): Promise<void> {
    shared.models -= 1;
    if (shared.models > 0) return;
    if (this.#sessions.get(shared.key) === shared) this.#sessions.delete(shared.key);
    await this.#atInstance(() => shared.session.release());
    shared.session.readBack.close();
  }

  /** Also after the device is lost: the WASM instance may serve other devices and wants its memory back. */
  async #atInstance(work: () => Promise<void>): Promise<void> {
    await instance.lock.hold(async () => {
      if (instance.broken === undefined) await work();
    }).catch((error: unknown) => this.#survive(error));
  }

  /** Takes the turn at the WASM instance, unless it is not wanted any more or of no use. What onnxruntime throws becomes a failure. */
  #hold<T>(signal: AbortSignal | undefined, work: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
    return instance.lock.hold(async () => {
      if (signal?.aborted) return failed(aborted(signal));
      if (this.#lost !== undefined) return failed(this.#lost);
      if (instance.broken !== undefined) return failed({ code: 'run-failed', detail: `onnxruntime stopped in this thread: ${instance.broken}` });
      try {
        return await work();
      } catch (error) {
        return failed(this.#survive(error));
      }
    });
  }

  /** What the error means, having marked the thread as broken if that is what it means. */
  #survive(error: unknown): Failure {
    const { failure, fatal } = classify(error);
    if (fatal) instance.broken ??= String(error);
    return failure;
  }

  /** The outcome of `work`, or the failure that the device reported meanwhile. */
  async #watched<T>(work: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
    const watch: { failure: Failure | undefined } = { failure: undefined };
    const refusedBefore = this.#memory?.memory.refusedCount;
    this.#watches.add(watch);
    let outcome: Outcome<T>;
    try {
      outcome = await work();
    } catch (error) {
      // Only mapping rejects here: when the device is lost, or the buffer could not be made.
      outcome = failed({ code: 'run-failed', detail: `the results could not be read: ${String(error)}` });
    }
    // A failure may overtake the errors behind it; the next run must not be blamed for them.
    if (!outcome.ok || watch.failure !== undefined) await this.#device.queue.onSubmittedWorkDone().catch(() => undefined);
    this.#watches.delete(watch);
    if (this.#lost !== undefined) return failed(this.#lost);
    // onnxruntime stumbles in its own way over a staging buffer that it does not get.
    if (this.#memory?.memory.refusedCount !== refusedBefore) watch.failure ??= { code: 'out-of-memory', reason: 'over-budget', detail: 'a buffer of the run did not fit into what the tenant may hold' };
    if (watch.failure === undefined) return outcome;
    // Measured with 1.30: a refused buffer goes into onnxruntime's cache for the device, which outlives even its sessions, and spoils every
    // later run that is handed it. Such runs are caught here as this one was, but only a new device ends it.
    this.#unsound ??= `onnxruntime keeps what the GPU refused: ${watch.failure.code}`;
    return failed(watch.failure);
  }

  /** Settles as `work` does, or before it when the signal or the device ends it: onnxruntime itself can be told neither. */
  #settle<T>(signal: AbortSignal | undefined, work: Promise<Outcome<T>>): Promise<Outcome<T>> {
    return new Promise((resolve, reject) => {
      const end = (outcome: Outcome<T>): void => {
        this.#unsettled.delete(lose);
        signal?.removeEventListener('abort', abort);
        resolve(outcome);
      };
      const lose = (failure: Failure): void => end(failed(failure));
      const abort = (): void => end(failed(aborted(signal!)));
      this.#unsettled.add(lose);
      signal?.addEventListener('abort', abort);
      if (signal?.aborted) abort();
      if (this.#lost !== undefined) lose(this.#lost);
      work.then(end, reject);
    });
  }
}

const done: Outcome<undefined> = { ok: true, value: undefined };

const failed = (failure: Failure): { readonly ok: false; readonly failure: Failure } => ({ ok: false, failure });

const noRoom = (bytes: Bytes, refusal: Refusal): Failure => ({
  code: 'out-of-memory', reason: refusal.code === 'over-quota' ? 'over-quota' : 'over-budget', bytes, fits: refusal.fits,
  detail: refusal.code === 'over-quota'
    ? `the model needs ${bytes} bytes of GPU memory; the quota of ${refusal.tenant} has room for ${refusal.fits}`
    : `the model needs ${bytes} bytes of GPU memory; the budget has room for ${refusal.fits}`,
});

const aborted = (signal: AbortSignal): Failure => ({ code: 'aborted', detail: `the run was aborted: ${String(signal.reason)}` });

const bare = ({ name, type, dims }: TensorInfo): TensorInfo => ({ name, type, dims });
