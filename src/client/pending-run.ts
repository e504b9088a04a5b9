import { type Micros } from '../base/units.ts';
import type { Level, OpId, Priority } from '../core/op.ts';
import type { Failure, Outcome } from '../wire/failure.ts';
import type { Feeds, Tensor } from '../wire/tensor.ts';
import { SwitchyardError } from './error.ts';

export type Outputs = Readonly<Record<string, Tensor>>;

/** How often a run whose lane went away is tried again. */
const retryLimit = 1;

/** How many schedulers a run may outlive: were it the run that crashes them, this ends the circle. */
const schedulerLimit = 3;

/** One `model.run` from the call until its promise settles; it settles once, whatever happens to the workers. */
export class PendingRun {
  readonly op: OpId;
  readonly name: string;
  readonly feeds: Feeds;
  readonly transfer: readonly Transferable[];
  readonly priority: Priority | Level;
  /** On the page's clock; `Infinity` for none. */
  readonly deadlineAt: Micros;
  readonly promise: Promise<Outputs>;
  #settle!: { resolve(outputs: Outputs): void; reject(error: SwitchyardError): void };
  #isSettled = false;
  #retries = 0;
  #schedulers = 0;
  #onSettled: () => void = () => undefined;

  constructor(op: OpId, name: string, feeds: Feeds, options: { priority: Priority | Level; deadlineAt: Micros; transfer: readonly Transferable[] }) {
    this.op = op;
    this.name = name;
    this.feeds = feeds;
    this.priority = options.priority;
    this.deadlineAt = options.deadlineAt;
    this.transfer = options.transfer;
    this.promise = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Called when the promise settles, for what was set up for its sake. */
  whenSettled(call: () => void): void {
    this.#onSettled = call;
  }

  /** Whether it may be sent to a new lane: once, and only while its tensors are still here. */
  mayRetry({ wasSent }: { readonly wasSent: boolean }): boolean {
    this.#retries += 1;
    return this.#retries <= retryLimit && !(wasSent && this.transfer.length > 0);
  }

  /** Whether a scheduler that took over is to be told of it. */
  mayResubmit(): boolean {
    this.#schedulers += 1;
    return this.#schedulers <= schedulerLimit;
  }

  end(outcome: Outcome<Outputs>): void {
    if (outcome.ok) this.#finish(() => this.#settle.resolve(outcome.value));
    else this.fail(outcome.failure);
  }

  fail(failure: Failure, cause?: unknown): void {
    this.#finish(() => this.#settle.reject(new SwitchyardError(failure, cause === undefined ? undefined : { cause })));
  }

  #finish(how: () => void): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    how();
    this.#onSettled();
  }
}
