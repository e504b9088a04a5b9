import { type Remote, transfer, wrap } from 'comlink';
import type { LaneId, OpId, Priority } from '../core/op.ts';
import { describe, type Failure, type Outcome } from '../wire/failure.ts';
import { whenGone } from '../wire/life-lock.ts';
import type { LaneControl, LaneToPage, LoadedModel, LoadRequest, PageToLane } from '../wire/messages.ts';
import type { PendingRun } from './pending-run.ts';
import type { SchedulerHandle } from './scheduler-handle.ts';

/** A model that was loaded, and is loaded again on every new worker; `number` is what the present one calls it. */
export interface KeptModel {
  readonly request: LoadRequest;
  number: number | undefined;
}

export interface LaneWorld {
  readonly scheduler: SchedulerHandle;
  spawn(tenant: string): Worker;
  nextLane(): LaneId;
  notice(notice: { code: string; tenant?: string; message: string }): void;
}

/** A lane that dies this often within `restartWindow` stays dead. */
const restartLimit = 5;
const restartWindow = 60_000;

/** The worker behind a lane, as long as it lives. */
interface Living {
  readonly lane: LaneId;
  readonly worker: Worker;
  readonly control: Remote<LaneControl>;
  readonly page: MessagePort;
  readonly watch: AbortController;
  readonly gone: Promise<Failure>;
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
  readonly #runs = new Map<OpId, { readonly run: PendingRun; readonly model: KeptModel }>();
  readonly #deaths: number[] = [];
  #living: Promise<Outcome<Living>>;
  #isClosed = false;

  constructor(tenant: string, priority: Priority, world: LaneWorld) {
    this.tenant = tenant;
    this.priority = priority;
    this.#world = world;
    this.#living = this.#open();
  }

  async load(request: LoadRequest): Promise<Outcome<{ readonly kept: KeptModel; readonly loaded: LoadedModel }>> {
    for (let attempt = 0; ; attempt += 1) {
      const living = await this.#living;
      if (!living.ok) return living;
      const outcome = await Promise.race([living.value.control.load(request), failedWhen(living.value.gone)]);
      if (outcome.ok) {
        const kept: KeptModel = { request, number: outcome.value.model };
        this.#models.add(kept);
        return { ok: true, value: { kept, loaded: outcome.value } };
      }
      const { code } = outcome.failure;
      if ((code !== 'device-lost' && code !== 'worker-crashed') || attempt > 0) return outcome;
    }
  }

  /** Sends a run on its way; its promise settles in any case. */
  start(run: PendingRun, model: KeptModel): void {
    this.#runs.set(run.op, { run, model });
    void this.#send(run, model);
  }

  /** The caller has been told; the lane need not go on. */
  cancel(op: OpId, reason: string): void {
    if (!this.#runs.delete(op)) return;
    this.#world.scheduler.send({ kind: 'op-cancelled', op });
    void this.#living.then((living) => living.ok && this.#post(living.value, { kind: 'abort', op, reason }));
  }

  expired(op: OpId): void {
    const pending = this.#runs.get(op);
    this.cancel(op, 'its deadline passed');
    pending?.run.fail({ code: 'deadline-passed', detail: 'the deadline passed before the result was there' });
  }

  async unload(model: KeptModel): Promise<void> {
    if (!this.#models.delete(model)) return;
    for (const [op, pending] of [...this.#runs]) {
      if (pending.model !== model) continue;
      this.cancel(op, 'the model was closed');
      pending.run.fail(closed);
    }
    const living = await this.#living;
    if (living.ok && model.number !== undefined) await Promise.race([living.value.control.release(model.number), living.value.gone]);
  }

  get isEmpty(): boolean {
    return this.#models.size === 0;
  }

  /** Another scheduler took over: it learns of the lane and of all that is unfinished. */
  async reattach(): Promise<void> {
    const living = await this.#living;
    if (!living.ok) return;
    const port = this.#world.scheduler.port();
    void living.value.control.attach(transfer(port, [port]));
    for (const { run } of this.#runs.values()) this.#submit(run, living.value);
  }

  close(failure: Failure = closed): void {
    this.#isClosed = true;
    for (const { run } of this.#runs.values()) run.fail(failure);
    this.#runs.clear();
    void this.#living.then((living) => living.ok && this.#end(living.value));
  }

  async #send(run: PendingRun, model: KeptModel): Promise<void> {
    const living = await this.#living;
    if (!this.#runs.has(run.op)) return; // Cancelled meanwhile.
    const failure = !living.ok ? living.failure : model.number === undefined ? closed : undefined;
    if (failure !== undefined) {
      this.#runs.delete(run.op);
      run.fail(failure);
      return;
    }
    const { value } = living as { value: Living };
    try {
      this.#post(value, { kind: 'feed', op: run.op, model: model.number!, feeds: run.feeds }, [...run.transfer]);
    } catch (error) {
      this.#runs.delete(run.op);
      run.fail({ code: 'invalid-argument', detail: `the feeds cannot be sent: ${String(error)}` }, error);
      return;
    }
    this.#submit(run, value);
  }

  #submit({ op, name, priority, deadlineAt }: PendingRun, { lane }: Living): void {
    const deadline = Math.round(deadlineAt - performance.now() * 1000);
    this.#world.scheduler.send({ kind: 'op-submitted', op: { op, lane, name, priority, tenant: this.tenant as never }, deadline });
  }

  #post({ page }: Living, message: PageToLane, moved: Transferable[] = []): void {
    page.postMessage(message, moved);
  }

  async #open(): Promise<Outcome<Living>> {
    const { scheduler } = this.#world;
    await scheduler.ready;
    const lane = this.#world.nextLane();
    const worker = this.#world.spawn(this.tenant);
    const control = wrap<LaneControl>(worker);
    const { port1: page, port2 } = new MessageChannel();
    const port = scheduler.port();
    const watch = new AbortController();
    const lock = `switchyard lane ${crypto.randomUUID()}`;
    const crashed = (detail: string): Failure => ({ code: 'worker-crashed', worker: 'lane', detail });
    let tell!: (failure: Failure) => void;
    const gone = new Promise<Failure>((resolve) => (tell = resolve));
    worker.onerror = (event) => {
      event.preventDefault();
      tell(crashed(event.message || 'the worker could not be started'));
    };
    page.onmessage = ({ data }: MessageEvent<LaneToPage>) => {
      if (data.kind === 'lost') tell(data.failure);
      else this.#ended(data);
    };
    const { tenant, priority } = this;
    const opening = control.open({ lane, tenant, priority, lock }, transfer(port, [port]), transfer(port2, [port2]));
    const opened = await Promise.race([opening, failedWhen(gone)]);
    const living: Living = { lane, worker, control, page, watch, gone };
    if (!opened.ok) {
      this.#end(living);
      return opened;
    }
    whenGone(lock, watch.signal, () => tell(crashed('it ended without a word')));
    void gone.then((failure) => this.#replace(living, failure));
    return { ok: true, value: living };
  }

  #ended({ op, outcome }: LaneToPage & { kind: 'result' }): void {
    const pending = this.#runs.get(op);
    if (pending === undefined) return;
    const isDeath = !outcome.ok && (outcome.failure.code === 'device-lost' || outcome.failure.code === 'worker-crashed');
    if (isDeath) return; // The lane is replaced, and this run is tried again there.
    this.#runs.delete(op);
    pending.run.end(outcome);
  }

  #replace(dead: Living, failure: Failure): void {
    this.#end(dead);
    if (this.#isClosed) return;
    const now = performance.now();
    this.#deaths.push(now);
    const recent = this.#deaths.filter((at) => at > now - restartWindow).length;
    this.#world.notice({ code: failure.code, tenant: this.tenant, message: `${this.tenant}: ${describe(failure)}` });
    for (const { run } of this.#runs.values()) {
      if (run.mayRetry()) continue;
      this.#runs.delete(run.op);
      run.fail(failure);
    }
    if (recent > restartLimit) {
      this.#living = Promise.resolve({ ok: false, failure });
      for (const { run } of this.#runs.values()) run.fail(failure);
      this.#runs.clear();
      return;
    }
    this.#living = this.#reopen();
    for (const { run, model } of this.#runs.values()) void this.#send(run, model);
  }

  /** A new worker with all models of the old one. A model that does not load again fails its runs and no others. */
  async #reopen(): Promise<Outcome<Living>> {
    const opened = await this.#open();
    if (!opened.ok) return opened;
    for (const model of this.#models) {
      const loaded = await Promise.race([opened.value.control.load(model.request), failedWhen(opened.value.gone)]);
      model.number = loaded.ok ? loaded.value.model : undefined;
    }
    return opened;
  }

  #end({ worker, watch, page, lane }: Living): void {
    watch.abort();
    page.close();
    worker.terminate();
    this.#world.scheduler.send({ kind: 'lane-closed', lane });
  }
}

const closed: Failure = { code: 'closed', detail: 'it was closed' };

const failedWhen = async (gone: Promise<Failure>): Promise<{ readonly ok: false; readonly failure: Failure }> => ({ ok: false, failure: await gone });
