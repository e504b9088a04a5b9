import { transfer, wrap } from 'comlink';
import type { Bytes } from '../base/units.ts';
import type { Failure } from '../wire/failure.ts';
import type { LaneId, PageToScheduler, SchedulerControl, SchedulerToPage, Tuning } from '../wire/messages.ts';
import type { PolicyChoice } from './policy.ts';
import { SwitchyardError } from './error.ts';
import { WorkerLife } from './worker-life.ts';

/** A scheduler that does not come up this often in a row stays away. */
const startAttempts = 3;

type TenantSet = PageToScheduler & { readonly kind: 'tenant-set' };
type Surroundings = Omit<PageToScheduler & { readonly kind: 'surroundings-changed' }, 'kind'>;

/** What the page does about what happens to its scheduler. */
export interface SchedulerWorld {
  spawn(): Worker;
  heard(message: SchedulerToPage): void;
  /** Another worker took over, with the same tuning, policy and tenants: everybody attaches again. */
  replaced(failure: Failure): void;
  /** None will take over. */
  gaveUp(failure: Failure): void;
}

/**
 * The scheduler worker, as the page holds it. When it goes, gates pass everything through by themselves, and a new worker takes over.
 * Everything the page says goes through one port, in the order it was said, and waits there while a worker starts.
 */
export class SchedulerHandle {
  /** Settles when the first worker runs, or none can be started. */
  readonly ready: Promise<void>;
  readonly #world: SchedulerWorld;
  #settle!: { resolve(): void; reject(error: SwitchyardError): void };
  #life: WorkerLife | undefined;
  #page!: MessagePort;
  #tuning: Partial<Tuning>;
  #policy: PolicyChoice | undefined;
  readonly #tenants = new Map<string, TenantSet>();
  #budget: Bytes | undefined;
  #surroundings: Surroundings = {};
  #failedStarts = 0;
  #failure: Failure | undefined;

  constructor(world: SchedulerWorld, tuning: Partial<Tuning>) {
    this.#world = world;
    this.#tuning = tuning;
    this.ready = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    this.#open();
  }

  /** Why there is no scheduler any more, nor will be. */
  get failure(): Failure | undefined {
    return this.#failure;
  }

  send(message: PageToScheduler, moved: Transferable[] = []): void {
    this.#page.postMessage(message, moved);
  }

  /** An end of a new channel to the scheduler, for a thread that holds gates, and perhaps a lane. */
  attach(lane?: LaneId): MessagePort {
    const { port1, port2 } = new MessageChannel();
    this.send({ kind: 'attach', lane, port: port1 }, [port1]);
    return port2;
  }

  tune(tuning: Partial<Tuning>): void {
    this.#tuning = { ...this.#tuning, ...tuning };
    this.send({ kind: 'tuned', tuning });
  }

  choose(policy: PolicyChoice): void {
    this.#policy = policy;
    if (policy instanceof URL) this.send({ kind: 'policy-written', url: policy.href });
    else this.send({ kind: 'tuned', tuning: { policy } });
  }

  setTenant(message: TenantSet): void {
    this.#tenants.set(message.tenant, { ...this.#tenants.get(message.tenant), ...message });
    this.send(message);
  }

  setBudget(bytes: Bytes): void {
    this.#budget = bytes;
    this.send({ kind: 'budget-set', bytes });
  }

  /** For as long as nobody sets one. */
  offerBudget(bytes: Bytes): void {
    if (this.#budget === undefined) this.setBudget(bytes);
  }

  setSurroundings(surroundings: Surroundings): void {
    this.#surroundings = { ...this.#surroundings, ...surroundings };
    this.send({ kind: 'surroundings-changed', ...surroundings });
  }

  close(failure: Failure): void {
    this.#failure ??= failure;
    this.#life?.end(failure);
    this.#page.close();
    this.#settle.reject(new SwitchyardError(failure));
  }

  #open(): void {
    const { port1, port2 } = new MessageChannel();
    this.#page = port1;
    port1.onmessage = ({ data }: MessageEvent<SchedulerToPage>) => this.#world.heard(data);
    this.send({ kind: 'tuned', tuning: this.#tuning });
    if (this.#policy !== undefined) this.choose(this.#policy);
    for (const tenant of this.#tenants.values()) this.send(tenant);
    if (this.#budget !== undefined) this.setBudget(this.#budget);
    this.setSurroundings(this.#surroundings);
    let worker: Worker;
    try {
      worker = this.#world.spawn();
    } catch (error) {
      this.#giveUp({ code: 'worker-crashed', worker: 'scheduler', detail: String(error) }, error);
      return;
    }
    const life: WorkerLife = new WorkerLife(worker, 'scheduler', (failure) => this.#died(failure));
    this.#life = life;
    const lock = `switchyard scheduler ${crypto.randomUUID()}`;
    const opened = wrap<SchedulerControl>(worker).open(transfer(port2, [port2]), lock, performance.timeOrigin);
    life.watch(lock, opened.then(() => {
      this.#failedStarts = 0;
      this.#settle.resolve();
    }));
    this.#failedStarts += 1;
  }

  #died(failure: Failure): void {
    this.#page.close();
    if (this.#failedStarts >= startAttempts) {
      this.#giveUp(failure);
      return;
    }
    this.#open();
    if (this.#failure === undefined) this.#world.replaced(failure);
  }

  #giveUp(failure: Failure, cause?: unknown): void {
    this.#failure = failure;
    this.#settle.reject(new SwitchyardError(failure, cause === undefined ? undefined : { cause }));
    this.#world.gaveUp(failure);
  }
}
