import { type Remote, transfer, wrap } from 'comlink';
import { describe, type Failure, type Outcome } from '../wire/failure.ts';
import type { DeviceMemoryView } from '../wire/memory.ts';
import type { LaneControl, LaneId, LaneToPage, LoadedModel, LoadRequest, OpFailure, OpId, PageToLane } from '../wire/messages.ts';
import type { PendingRun } from './pending-run.ts';
import type { Priority } from './priority.ts';
import type { SchedulerHandle } from './scheduler-handle.ts';
import { WorkerLife } from './worker-life.ts';

/** A model that was loaded, and is loaded again on every new worker; `number` is what the present one calls it, or why it would not load there. */
export interface KeptModel {
  readonly request: LoadRequest;
  number: Outcome<number>;
}

export interface LaneWorld {
  readonly scheduler: SchedulerHandle;
  spawn(tenant: string): Worker;
  nextLane(): LaneId;
  notice(notice: { code: string; tenant?: string; message: string }): void;
}

/** A lane that dies this often without ending a run well rests: for `restTime` (ms) what is asked of it fails at once, then the next call starts it again. */
const deathLimit = 5;
const restTime = 2_000;

/** How often a load whose worker went away is tried again. */
const retryLimit = 1;

/** The worker behind a lane, as long as it lives. */
interface Living {
  readonly lane: LaneId;
  readonly life: WorkerLife;
  readonly control: Remote<LaneControl>;
  readonly page: MessagePort;
  /** Settles when all models are loaded, or it died on the way. */
  readonly ready: Promise<void>;
}

interface Pending {
  readonly run: PendingRun;
  readonly model: KeptModel;
  isSent: boolean;
}

/**
 * One tenant's lane, as the page holds it. When the worker or its device goes, a new worker is started, the models are
 * loaded again, and the runs in flight are tried once more; meanwhile nothing of other tenants is touched.
 */
export class LaneHandle {
  readonly tenant: string;
  readonly priority: Priority;
  readonly #world: LaneWorld;
  readonly #models = new Set<KeptModel>();
  readonly #runs = new Map<OpId, Pending>();
  #living: Living | undefined;
  #loadCount = 0;
  #deathCount = 0;
  #lastDeath: { readonly at: number; readonly failure: Failure } | undefined;
  #isClosed = false;

  constructor(tenant: string, priority: Priority, world: LaneWorld) {
    this.tenant = tenant;
    this.priority = priority;
    this.#world = world;
  }

  async load(request: LoadRequest): Promise<Outcome<{ readonly kept: KeptModel; readonly loaded: LoadedModel }>> {
    this.#loadCount += 1;
    try {
      for (let attempt = 0; ; attempt += 1) {
        const living = this.#alive();
        if ('code' in living) return { ok: false, failure: living };
        await living.ready;
        const outcome = await living.life.settle<Outcome<LoadedModel>>(living.control.load(request));
        if (outcome.ok && living === this.#living) {
          const kept: KeptModel = { request, number: { ok: true, value: outcome.value.model } };
          this.#models.add(kept);
          return { ok: true, value: { kept, loaded: outcome.value } };
        }
        if (!outcome.ok && !isDeath(outcome.failure)) return outcome;
        const failure = await living.life.gone; // A lane that reports its device lost is replaced, perhaps a little later.
        if (!isDeath(failure) || attempt >= retryLimit) return { ok: false, failure };
      }
    } finally {
      this.#loadCount -= 1;
    }
  }

  /** What the lane's device holds; `undefined` while there is none. */
  async memory(): Promise<DeviceMemoryView | undefined> {
    const living = this.#living;
    if (living === undefined) return undefined;
    const asked = living.control.memory().then((value): Outcome<DeviceMemoryView | undefined> => ({ ok: true, value }));
    const outcome = await living.life.settle(asked);
    return outcome.ok ? outcome.value : undefined;
  }

  /** Sends a run on its way; its promise settles in any case. */
  start(run: PendingRun, model: KeptModel): void {
    if (this.#isClosed || !this.#models.has(model)) {
      run.fail(closed);
      return;
    }
    const pending: Pending = { run, model, isSent: false };
    this.#runs.set(run.op, pending);
    void this.#send(pending);
  }

  /** The caller has been told; the lane need not go on. */
  cancel(op: OpId, reason: string): void {
    const pending = this.#runs.get(op);
    this.#runs.delete(op);
    if (pending?.isSent !== true) return;
    this.#world.scheduler.send({ kind: 'op-cancelled', op });
    this.#post({ kind: 'abort', op, reason });
  }

  expired(op: OpId): void {
    const pending = this.#runs.get(op);
    this.cancel(op, 'its deadline passed');
    pending?.run.fail({ code: 'deadline-passed', detail: 'the deadline passed before the result was there' });
  }

  /** The scheduler gave it up. */
  settled(op: OpId, failure: OpFailure): void {
    if (failure.code === 'deadline-passed') return this.expired(op);
    if (failure.code === 'lane-closed') return; // Whoever ended the lane has seen to its runs.
    const pending = this.#runs.get(op);
    if (pending !== undefined) this.#fail(pending.run, { code: 'run-failed', detail: `the scheduler did not take it: ${JSON.stringify(failure)}` });
  }

  async unload(model: KeptModel): Promise<void> {
    if (!this.#models.delete(model)) return;
    for (const [op, pending] of [...this.#runs]) {
      if (pending.model !== model) continue;
      this.cancel(op, 'the model was closed');
      pending.run.fail(closed);
    }
    const living = this.#living;
    await living?.ready;
    if (living === this.#living && model.number.ok) await living?.life.settle(living.control.release(model.number.value));
  }

  get isEmpty(): boolean {
    return this.#models.size === 0 && this.#loadCount === 0;
  }

  /** Another scheduler took over: it learns of the lane and of all that is unfinished. */
  reattach(): void {
    const living = this.#living;
    if (living === undefined) return;
    const port = this.#world.scheduler.attach(living.lane);
    living.control.attach(transfer(port, [port])).catch((error: unknown) => living.life.crash(String(error)));
    for (const { run, isSent } of [...this.#runs.values()]) {
      if (!isSent) continue;
      if (run.mayResubmit()) this.#submit(run, living);
      else this.#fail(run, { code: 'worker-crashed', worker: 'scheduler', detail: 'it crashed again and again during this run' });
    }
  }

  failRuns(failure: Failure): void {
    for (const { run } of [...this.#runs.values()]) this.#fail(run, failure);
  }

  close(failure: Failure = closed): void {
    this.#isClosed = true;
    this.failRuns(failure);
    this.#living?.life.end(failure);
    this.#leave();
  }

  async #send(pending: Pending): Promise<void> {
    const { run, model } = pending;
    const living = this.#alive();
    if ('code' in living) {
      this.#fail(run, living);
      return;
    }
    await living.ready;
    // It was settled meanwhile; or the worker died, and whoever saw that has seen to the run.
    if (this.#runs.get(run.op) !== pending || living !== this.#living) return;
    if (!model.number.ok) {
      this.#fail(run, model.number.failure);
      return;
    }
    try {
      this.#post({ kind: 'feed', op: run.op, model: model.number.value, feeds: run.feeds }, [...run.transfer]);
    } catch (error) {
      this.#fail(run, { code: 'invalid-argument', detail: `the feeds cannot be sent: ${String(error)}` }, error);
      return;
    }
    pending.isSent = true;
    this.#submit(run, living);
  }

  #submit({ op, name, priority, deadlineAt }: PendingRun, { lane }: Living): void {
    const deadline = Math.round(deadlineAt - performance.now() * 1000);
    this.#world.scheduler.send({ kind: 'op-submitted', op: { op, lane, name, priority, tenant: this.tenant as never }, deadline });
  }

  #post(message: PageToLane, moved: Transferable[] = []): void {
    this.#living?.page.postMessage(message, moved);
  }

  #fail(run: PendingRun, failure: Failure, cause?: unknown): void {
    this.cancel(run.op, describe(failure));
    run.fail(failure, cause);
  }

  /** The worker, started when there is none; or why there can be none now. */
  #alive(): Living | Failure {
    if (this.#isClosed) return closed;
    const { scheduler } = this.#world;
    if (scheduler.failure !== undefined) return scheduler.failure;
    if (this.#living !== undefined) return this.#living;
    if (this.#deathCount >= deathLimit && performance.now() < this.#lastDeath!.at + restTime) return this.#lastDeath!.failure;
    try {
      return (this.#living = this.#open(this.#world.spawn(this.tenant)));
    } catch (error) {
      return { code: 'worker-crashed', worker: 'lane', detail: String(error) };
    }
  }

  #open(worker: Worker): Living {
    const life: WorkerLife = new WorkerLife(worker, 'lane', (failure) => this.#died(failure));
    const control = wrap<LaneControl>(worker);
    const lane = this.#world.nextLane();
    const { port1: page, port2 } = new MessageChannel();
    page.onmessage = ({ data }: MessageEvent<LaneToPage>) => {
      if (data.kind === 'lost') life.die(data.failure);
      else this.#ended(data);
    };
    const lock = `switchyard lane ${crypto.randomUUID()}`;
    life.watch(lock, control.live(lock));
    const port = this.#world.scheduler.attach(lane);
    const { tenant, priority } = this;
    const opened = control.open({ lane, tenant, priority }, transfer(port, [port]), transfer(port2, [port2]));
    const ready = life.settle<Outcome<null>>(opened).then(async (outcome) => {
      if (outcome.ok) await this.#reload(living);
      else life.die(outcome.failure);
    });
    const living: Living = { lane, life, control, page, ready };
    return living;
  }

  /** The models of the worker before. One that does not load again fails its runs and no others. */
  async #reload({ life, control }: Living): Promise<void> {
    for (const model of this.#models) {
      const loaded = await life.settle<Outcome<LoadedModel>>(control.load(model.request));
      model.number = loaded.ok ? { ok: true, value: loaded.value.model } : loaded;
    }
  }

  #ended({ op, outcome }: LaneToPage & { kind: 'result' }): void {
    const pending = this.#runs.get(op);
    if (pending === undefined) return;
    if (!outcome.ok && isDeath(outcome.failure)) return; // The lane is replaced, and this run is tried again there.
    if (outcome.ok) this.#deathCount = 0;
    this.#runs.delete(op);
    pending.run.end(outcome);
  }

  /** The worker ended, or can do no more: what it had in flight goes to the next one. */
  #died(failure: Failure): void {
    this.#leave();
    this.#deathCount += 1;
    this.#lastDeath = { at: performance.now(), failure };
    this.#world.notice({ code: failure.code, tenant: this.tenant, message: `${this.tenant}: ${describe(failure)}` });
    const again: Pending[] = [];
    for (const pending of [...this.#runs.values()]) {
      const mayRetry = isDeath(failure) && pending.run.mayRetry({ wasSent: pending.isSent });
      pending.isSent = false;
      if (mayRetry) again.push(pending);
      else this.#fail(pending.run, failure);
    }
    if (isDeath(failure) && this.#models.size > 0) this.#alive(); // Also when nothing is in flight: the next call finds it ready.
    for (const pending of again) void this.#send(pending);
  }

  #leave(): void {
    const living = this.#living;
    if (living === undefined) return;
    this.#living = undefined;
    living.page.close();
    this.#world.scheduler.send({ kind: 'lane-closed', lane: living.lane });
    for (const model of this.#models) model.number = { ok: false, failure: closed };
  }
}

const closed: Failure = { code: 'closed', detail: 'it was closed' };

/** Whether the worker that said so is of no more use. */
const isDeath = ({ code }: Failure): boolean => code === 'device-lost' || code === 'worker-crashed';
