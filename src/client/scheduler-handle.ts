import { type Remote, transfer, wrap } from 'comlink';
import type { Tuning } from '../core/event.ts';
import { whenGone } from '../wire/life-lock.ts';
import type { PageToScheduler, SchedulerControl, SchedulerToPage } from '../wire/messages.ts';

/**
 * The scheduler worker, as the page holds it. When it goes, gates pass everything through by themselves; a new worker takes
 * over, with the same tuning, and `replaced` is called so that everybody attaches again.
 */
export class SchedulerHandle {
  /** Settles when the present worker can be used. */
  ready: Promise<void>;
  readonly #spawn: () => Worker;
  readonly #heard: (message: SchedulerToPage) => void;
  readonly #replaced: (detail: string) => void;
  #control!: Remote<SchedulerControl>;
  #page!: MessagePort;
  #worker!: Worker;
  #watch!: AbortController;
  #tuning: Partial<Tuning>;

  constructor(spawn: () => Worker, tuning: Partial<Tuning>, heard: (message: SchedulerToPage) => void, replaced: (detail: string) => void) {
    this.#spawn = spawn;
    this.#tuning = tuning;
    this.#heard = heard;
    this.#replaced = replaced;
    this.ready = this.#open();
  }

  send(message: PageToScheduler): void {
    this.#page.postMessage(message);
  }

  /** An end of a new channel to the scheduler, for a thread that holds gates. */
  port(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    void this.#control.attach(transfer(port1, [port1]));
    return port2;
  }

  async tune(tuning: Partial<Tuning>): Promise<void> {
    this.#tuning = { ...this.#tuning, ...tuning };
    await this.#control.tune(tuning);
  }

  /** For tests of what happens when it crashes. */
  get worker(): Worker {
    return this.#worker;
  }

  close(): void {
    this.#watch.abort();
    this.#worker.terminate();
    this.#page.close();
  }

  async #open(): Promise<void> {
    const worker = (this.#worker = this.#spawn());
    const watch = (this.#watch = new AbortController());
    const control = (this.#control = wrap<SchedulerControl>(worker));
    const { port1, port2 } = new MessageChannel();
    this.#page = port1;
    port1.onmessage = ({ data }: MessageEvent<SchedulerToPage>) => this.#heard(data);
    const lock = `switchyard scheduler ${crypto.randomUUID()}`;
    const failed = new Promise<never>((_, reject) => {
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message || 'the scheduler worker could not be started'));
      };
    });
    await Promise.race([control.open(transfer(port2, [port2]), lock, performance.timeOrigin), failed]);
    await control.tune(this.#tuning);
    const replace = (detail: string): void => {
      if (watch.signal.aborted) return;
      this.close();
      this.ready = this.#open();
      this.#replaced(detail);
    };
    failed.catch((error: Error) => replace(error.message));
    whenGone(lock, watch.signal, () => replace('it ended without a word'));
  }
}
