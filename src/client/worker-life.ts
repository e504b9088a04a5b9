import type { Failure } from '../wire/failure.ts';
import { whenGone } from '../wire/life-lock.ts';

/** A worker that has not said a word for this long never will. Generous, because its script may come over a slow network. */
const startLimit = 20_000;

/** Notices the end of a worker, however it comes: no script, an error nobody caught, a termination from outside, a start that never ends. */
export class WorkerLife {
  readonly worker: Worker;
  /** How it ended. */
  readonly gone: Promise<Failure>;
  readonly #kind: 'scheduler' | 'lane';
  readonly #died: (failure: Failure) => void;
  readonly #watch = new AbortController();
  readonly #start: ReturnType<typeof setTimeout>;
  #tell!: (failure: Failure) => void;
  #isOver = false;

  /** `died` is called before anyone who waits for the worker hears of its end; not when `end` was called. */
  constructor(worker: Worker, kind: 'scheduler' | 'lane', died: (failure: Failure) => void) {
    this.worker = worker;
    this.#kind = kind;
    this.#died = died;
    this.gone = new Promise((resolve) => (this.#tell = resolve));
    worker.onerror = (event) => {
      event.preventDefault();
      this.crash(event.message || 'it could not be started');
    };
    this.#start = setTimeout(() => this.crash(`it did not start within ${startLimit / 1000} s`), startLimit);
  }

  /** From when `held` resolves on the worker holds `lock`; then its end is noticed at once. */
  watch(lock: string, held: Promise<unknown>): void {
    held.then(
      () => {
        clearTimeout(this.#start);
        if (!this.#isOver) whenGone(lock, this.#watch.signal, () => this.crash('it ended without a word'));
      },
      (error: unknown) => this.crash(String(error)),
    );
  }

  /** What `work`, asked of the worker, comes to: its own value, or a failure when it throws or the worker ends before. */
  async settle<T>(work: Promise<T>): Promise<T | { readonly ok: false; readonly failure: Failure }> {
    try {
      return await Promise.race([work, this.gone.then((failure) => ({ ok: false, failure }) as const)]);
    } catch (error) {
      return { ok: false, failure: { code: 'run-failed', detail: String(error) } };
    }
  }

  crash(detail: string): void {
    this.die({ code: 'worker-crashed', worker: this.#kind, detail });
  }

  die(failure: Failure): void {
    if (this.#isOver) return;
    this.end(failure);
    this.#died(failure);
  }

  /** Ends the worker; whoever waits for it hears `failure`. */
  end(failure: Failure): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#start);
    this.#watch.abort();
    this.worker.terminate();
    this.#tell(failure);
  }
}
