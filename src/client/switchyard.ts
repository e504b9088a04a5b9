import { unreachable } from '../base/assert.ts';
import { PortSwitch } from '../gpu/port-switch.ts';
import type { Switch } from '../gpu/link.ts';
import type { TraceBatch } from '../trace/batch.ts';
import type { LaneId, OpId, SchedulerToPage, Tuning } from '../wire/messages.ts';
import type { DeviceMemoryView, MemoryReport } from '../wire/memory.ts';
import { typedPort } from '../wire/port.ts';
import type { Feeds } from '../wire/tensor.ts';
import { describe, type Failure } from '../wire/failure.ts';
import { SwitchyardError } from './error.ts';
import { type KeptModel, LaneHandle } from './lane-handle.ts';
import { type ModelSource, readSource } from './model-source.ts';
import type { Model, RunOptions } from './model.ts';
import { type MemoryPressure, PageMemory } from './page-memory.ts';
import { PendingRun } from './pending-run.ts';
import { type PolicyChoice, policyNames } from './policy.ts';
import { classOf, type Level, type Priority, priorityWords } from './priority.ts';
import { SchedulerHandle } from './scheduler-handle.ts';

export interface LoadOptions {
  /** Who asks. Models of one tenant share a device and a lane; their runs are encoded one after the other. */
  readonly tenant: string;
  /** Default: `user-visible`, as the platform has it. The first model of a tenant decides for its gate. */
  readonly priority?: Priority | Level | undefined;
  /** For the timeline. Default: the tenant. */
  readonly name?: string | undefined;
  /** Sizes of free dimensions that are the same in every run; fixing them lets the runtime plan memory. */
  readonly freeDimensions?: Readonly<Record<string, number>> | undefined;
  /** onnxruntime-web 1.30 computes some convolutions wrongly in one layout and some in the other. Default: its own (NHWC). */
  readonly preferredLayout?: 'NHWC' | 'NCHW' | undefined;
  /** Whether its weights stay on the GPU also when memory is short and nobody runs it. Default: they may be taken off, and are brought back by the next run. */
  readonly pinned?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface SchedulerOptions {
  /** Aimed length of a slice in milliseconds. Default: 2. */
  readonly quantum?: number | undefined;
  /** What orders the ops: a name, or the address of a module whose default export is a `Policy` or its key function. Default: `priority`. */
  readonly policy?: PolicyChoice | undefined;
  /** Bytes of GPU memory for all tenants together. Default: what the adapter and the browser let expect, at most 2 GiB; less for a while after the GPU ran out of memory. */
  readonly budget?: number | undefined;
  /** How to start the workers, for bundlers or policies (CSP) that need it said. */
  readonly workers?: { readonly scheduler?: () => Worker; readonly lane?: (tenant: string) => Worker } | undefined;
}

/** What a tenant may have. */
export interface TenantOptions {
  /** Its share under the policies that share, above 0. Default: 1. */
  readonly weight?: number | undefined;
  /** So many of its ops may be under way at once. Default: no bound. */
  readonly slots?: number | undefined;
  /**
   * Bytes of GPU memory, `Infinity` for no quota. Beyond `soft` its idle memory goes first and others are served before it; beyond `hard` it is refused. A tenant `a/b` counts in `a` too.
   */
  readonly memory?: { readonly soft?: number | undefined; readonly hard?: number | undefined } | undefined;
}


/** Something that happened to the workers, not to one caller. `code` is a failure code. */
export interface Notice {
  readonly code: string;
  readonly tenant?: string;
  readonly message: string;
}

/** What a page calls. Owns a scheduler worker and one lane worker per tenant; made by `createScheduler`. */
export class Switchyard implements AsyncDisposable {
  readonly #scheduler: SchedulerHandle;
  readonly #lanes = new Map<string, LaneHandle>();
  readonly #runs = new Map<OpId, LaneHandle>();
  readonly #traceListeners = new Set<(batch: TraceBatch) => void>();
  readonly #noticeListeners = new Set<(notice: Notice) => void>();
  readonly #memory: PageMemory;
  readonly #options: SchedulerOptions;
  #pageSwitch: PortSwitch | undefined;
  #opCount = 0;
  #laneCount = 0;
  #isEnabled = true;
  readonly #closing = new AbortController();
  #isClosed = false;

  /** Resolves when the scheduler worker runs; rejects with `worker-crashed` when it cannot be started. */
  static async open(options: SchedulerOptions): Promise<Switchyard> {
    const { quantum, policy, budget } = options;
    if (budget !== undefined) assertBytes('a budget', budget);
    if (quantum !== undefined && !(typeof quantum === 'number' && quantum > 0)) throw invalid(`quantum is a number of milliseconds above 0, not ${String(quantum)}`);
    if (policy !== undefined) assertPolicy(policy);
    const switchyard = new Switchyard(options, quantum === undefined ? {} : { quantum: Math.round(quantum * 1000) });
    if (policy !== undefined) switchyard.#scheduler.choose(policy);
    await switchyard.#scheduler.ready;
    return switchyard;
  }

  private constructor(options: SchedulerOptions, tuning: Partial<Tuning>) {
    this.#options = options;
    this.#scheduler = new SchedulerHandle({
      spawn: options.workers?.scheduler ?? startScheduler,
      heard: (message) => this.#heard(message),
      replaced: (failure) => this.#replaced(failure),
      gaveUp: (failure) => this.#gaveUp(failure),
    }, tuning);
    this.#memory = new PageMemory(this.#scheduler, options.budget);
  }

  /** Loads an ONNX model from an address or from bytes, which are copied. Rejects with `SwitchyardError`. */
  async loadModel(source: ModelSource, options: LoadOptions): Promise<Model> {
    this.#assertOpen();
    const { tenant, priority = 'user-visible', name = tenant, freeDimensions = {}, preferredLayout, pinned = false, signal } = options;
    if (typeof tenant !== 'string' || tenant === '') throw invalid('a model needs a tenant, a name that is not empty');
    assertPriority(priority);
    const bytes = await readSource(source, signal, this.#closing.signal);
    if (signal?.aborted) throw loadAborted(signal);
    this.#assertOpen();
    const lane = this.#laneOf(tenant, priority);
    const loading = lane.load({ bytes, name, freeDimensions, preferredLayout, pinned });
    const outcome = await abortable(loading, signal).catch((error: unknown) => {
      void loading.then((late) => late.ok ? this.#unload(lane, late.value.kept) : this.#dropIfEmpty(lane));
      throw error;
    });
    if (!outcome.ok) {
      this.#dropIfEmpty(lane);
      throw new SwitchyardError(outcome.failure);
    }
    const { kept, loaded } = outcome.value;
    return {
      tenant, name, inputs: loaded.inputs, outputs: loaded.outputs,
      run: (feeds, runOptions = {}) => this.#run(lane, kept, feeds, { ...runOptions, priority: runOptions.priority ?? priority }),
      close: () => this.#unload(lane, kept),
    };
  }

  /** `false`: every gate passes everything through, as if there were no scheduler. */
  get enabled(): boolean {
    return this.#isEnabled;
  }

  async setEnabled(enabled: boolean): Promise<void> {
    this.#isEnabled = enabled;
    this.#scheduler.tune({ enabled });
  }

  /** What waits stays, in the order of the new policy. One that misbehaves is replaced by the default, which a notice tells. */
  async setPolicy(policy: PolicyChoice): Promise<void> {
    assertPolicy(policy);
    this.#scheduler.choose(policy);
  }

  async setTenant(tenant: string, { weight, slots, memory = {} }: TenantOptions): Promise<void> {
    const { soft, hard } = memory;
    if (weight !== undefined && !(weight > 0 && weight < Infinity)) throw invalid(`a weight is a number above 0, not ${String(weight)}`);
    if (slots !== undefined && !(slots >= 1)) throw invalid(`slots are 1 or more, not ${String(slots)}`);
    if (soft !== undefined) assertQuota('soft', soft);
    if (hard !== undefined) assertQuota('hard', hard);
    if (soft !== undefined && hard !== undefined && hard < soft) throw invalid(`a hard quota is not below the soft one: ${hard} < ${soft}`);
    this.#scheduler.setTenant({
      kind: 'tenant-set', tenant,
      ...(weight !== undefined && { weight }), ...(slots !== undefined && { slots }), ...(soft !== undefined && { soft }), ...(hard !== undefined && { hard }),
    });
  }

  /** Bytes of GPU memory for all tenants together. What is over it is not taken away, but asked back. */
  async setBudget(bytes: number): Promise<void> {
    assertBytes('a budget', bytes);
    this.#scheduler.setBudget(bytes);
  }

  /** How GPU memory is divided at the moment. Rejects with `closed` when the scheduler is. */
  async memory(): Promise<MemoryReport> {
    this.#assertOpen();
    if (this.#scheduler.failure !== undefined) throw new SwitchyardError(this.#scheduler.failure);
    return this.#memory.report();
  }

  /** What the device of a tenant's models holds, its last allocations and its leaks; `undefined` while it has none. For devices of your own there is `memoryOf`. */
  async deviceMemory(tenant: string): Promise<DeviceMemoryView | undefined> {
    this.#assertOpen();
    return this.#lanes.get(tenant)?.memory();
  }

  /** Calls back when memory gets short, or less so. Returns how to stop. */
  onPressure(listener: (pressure: MemoryPressure) => void): () => void {
    return this.#memory.onPressure(listener);
  }

  /** Calls back with what is new in the trace, ten times a second at most. Returns how to stop. */
  onTrace(listener: (batch: TraceBatch) => void): () => void {
    this.#traceListeners.add(listener);
    return () => void this.#traceListeners.delete(listener);
  }

  /** Calls back when a worker or a device went and was replaced. Returns how to stop. */
  onNotice(listener: (notice: Notice) => void): () => void {
    this.#noticeListeners.add(listener);
    return () => void this.#noticeListeners.delete(listener);
  }

  /** A port to this scheduler for another thread of yours: post it there and give it to `scheduleGpu`. */
  connect(): MessagePort {
    this.#assertOpen();
    return this.#scheduler.attach();
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Gates of this thread. */
  get switch(): Switch {
    this.#pageSwitch ??= new PortSwitch(typedPort(this.#scheduler.attach()));
    return this.#pageSwitch;
  }

  /** Ends all workers; every promise that is open rejects with `closed`. Devices of `scheduleGpu` pass everything through from then on. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#closing.abort();
    for (const lane of this.#lanes.values()) lane.close();
    this.#lanes.clear();
    this.#pageSwitch?.abandon();
    this.#memory.close(closed);
    this.#scheduler.close(closed);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #run(lane: LaneHandle, model: KeptModel, feeds: Feeds, options: RunOptions & { priority: Priority | Level }): Promise<Readonly<Record<string, Feeds[string]>>> {
    const { priority, deadline = Infinity, signal, transfer = [] } = options;
    if (this.#isClosed) return Promise.reject(new SwitchyardError(closed));
    try {
      assertPriority(priority);
      if (typeof feeds !== 'object' || feeds === null) throw invalid(`feeds are an object with a tensor for each input, not ${String(feeds)}`);
      if (!(typeof deadline === 'number' && deadline > 0)) throw invalid(`deadline is a number of milliseconds above 0, not ${String(deadline)}`);
    } catch (error) {
      return Promise.reject(error as SwitchyardError);
    }
    const op = (this.#opCount += 1) as OpId;
    const run = new PendingRun(op, model.request.name, feeds, { priority, deadlineAt: (performance.now() + deadline) * 1000, transfer });
    const abort = (): void => {
      lane.cancel(op, String(signal?.reason));
      run.fail({ code: 'aborted', detail: `the run was aborted: ${String(signal?.reason)}` }, signal?.reason);
    };
    // The scheduler tells of it too, while there is one and the run has reached it.
    const timer = deadline <= longestTimer ? setTimeout(() => lane.expired(op), deadline) : undefined;
    run.whenSettled(() => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      this.#runs.delete(op);
    });
    if (signal?.aborted) abort();
    else {
      signal?.addEventListener('abort', abort);
      this.#runs.set(op, lane);
      lane.start(run, model);
    }
    return run.promise;
  }

  #laneOf(tenant: string, priority: Priority | Level): LaneHandle {
    let lane = this.#lanes.get(tenant);
    if (lane === undefined) {
      lane = new LaneHandle(tenant, classOf(priority), {
        scheduler: this.#scheduler,
        spawn: this.#options.workers?.lane ?? startLane,
        nextLane: () => (this.#laneCount += 1) as LaneId,
        notice: (notice) => this.#notice(notice),
      });
      this.#lanes.set(tenant, lane);
    }
    return lane;
  }

  async #unload(lane: LaneHandle, model: KeptModel): Promise<void> {
    await lane.unload(model);
    this.#dropIfEmpty(lane);
  }

  #dropIfEmpty(lane: LaneHandle): void {
    if (!lane.isEmpty || this.#lanes.get(lane.tenant) !== lane) return;
    this.#lanes.delete(lane.tenant);
    lane.close();
  }

  #heard(message: SchedulerToPage): void {
    switch (message.kind) {
      case 'op-settled': return this.#runs.get(message.op)?.settled(message.op, message.failure);
      case 'policy-replaced':
        return this.#notice({ code: 'policy-replaced', message: `the policy ${message.policy} misbehaved (${message.detail}); ${message.by} took its place` });
      case 'trace': return tell(this.#traceListeners, message.batch);
      case 'memory': return this.#memory.answered(message);
      case 'pressure': return tell(this.#memory.listeners, { ...message.pressure, tenant: message.tenant });
      case 'soft-quota':
        return this.#notice({ code: 'soft-quota', tenant: message.tenant, message: `${message.tenant} ${message.isOver ? 'went over' : 'is back within'} its soft quota of GPU memory` });
      default: unreachable(message);
    }
  }

  #replaced(failure: Failure): void {
    const before = this.#pageSwitch;
    if (before !== undefined) {
      this.#pageSwitch = new PortSwitch(typedPort(this.#scheduler.attach()));
      before.moveTo(this.#pageSwitch);
    }
    for (const lane of this.#lanes.values()) lane.reattach();
    this.#memory.replaced();
    this.#notice({ code: failure.code, message: `${describe(failure)}; gates pass everything through until it is back` });
  }

  #gaveUp(failure: Failure): void {
    this.#memory?.close(failure); // It may be told while it is being started.
    for (const lane of this.#lanes.values()) lane.failRuns(failure);
    this.#notice({ code: failure.code, message: `${describe(failure)}; gates pass everything through` });
  }

  #notice(notice: Notice): void {
    tell(this.#noticeListeners, notice);
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new SwitchyardError(closed);
  }
}

// Bundlers find workers only where `new URL` stands inside `new Worker`.
const startScheduler = (): Worker =>
  new Worker(new URL('../../workers/scheduler.worker.ts', import.meta.url), { type: 'module', name: 'switchyard scheduler' });
const startLane = (tenant: string): Worker =>
  new Worker(new URL('../../workers/lane.worker.ts', import.meta.url), { type: 'module', name: `switchyard lane ${tenant}` });

const closed: Failure = { code: 'closed', detail: 'the scheduler was closed' };

/** What timers of browsers can count to, in milliseconds. */
const longestTimer = 2 ** 31 - 1;

const invalid = (detail: string): SwitchyardError => new SwitchyardError({ code: 'invalid-argument', detail });

function assertPriority(priority: Priority | Level): void {
  if (!priorityWords.includes(priority)) throw invalid(`a priority is one of ${priorityWords.join(', ')}, not ${String(priority)}`);
}

function assertBytes(what: string, bytes: number): void {
  if (!(Number.isSafeInteger(bytes) && bytes >= 0)) throw invalid(`${what} is a whole number of bytes, not ${String(bytes)}`);
}

function assertQuota(kind: 'soft' | 'hard', bytes: number): void {
  if (bytes !== Infinity) assertBytes(`a ${kind} quota`, bytes);
}

function assertPolicy(policy: PolicyChoice): void {
  if (policy instanceof URL || policyNames.includes(policy)) return;
  throw invalid(`a policy is the URL of a module or one of ${policyNames.join(', ')}, not ${String(policy)}`);
}

/** A listener that throws harms nobody else. */
function tell<T>(listeners: ReadonlySet<(told: T) => void>, told: T): void {
  for (const listener of listeners) {
    try {
      listener(told);
    } catch (error) {
      reportError(error);
    }
  }
}

const loadAborted = (signal: AbortSignal): SwitchyardError =>
  new SwitchyardError({ code: 'aborted', detail: `loading was aborted: ${String(signal.reason)}` }, { cause: signal.reason });

/** Stops waiting when the signal says so. */
async function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  let abort!: () => void;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(loadAborted(signal));
    signal.addEventListener('abort', abort);
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
