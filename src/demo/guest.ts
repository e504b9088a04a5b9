import type { Micros } from '../base/units.ts';
import type { Model, Scheduler } from '../client/index.ts';
import { priorities, type Priority } from '../client/priority.ts';
import { randomFeeds } from '../onnx/feeds.ts';
import { LatencyWindow, RateWindow } from '../trace/latency.ts';
import { elapsed, repeat, visible } from './repeat.ts';

const WINDOW: Micros = 10_000_000;

/** A model that a person brought, running in a loop on random feeds with a priority that may be changed. */
export class Guest {
  readonly tenant: string;
  priority: Priority;
  readonly #end = new AbortController();
  readonly #latency = new LatencyWindow(WINDOW);
  readonly #rate: RateWindow;

  constructor(tenant: string, priority: Priority) {
    this.tenant = tenant;
    this.priority = priority;
    this.#rate = new RateWindow(WINDOW, performance.now() * 1000);
  }

  /** Loads and then runs until `remove()`. Rejects when the model cannot be loaded; failed runs go to `onFailure`. */
  async run(scheduler: Scheduler, bytes: Uint8Array, sizes: Readonly<Record<string, number>>, onFailure: (error: unknown) => void): Promise<void> {
    const { signal } = this.#end;
    const model = await scheduler.loadModel(bytes, { tenant: this.tenant, priority: this.priority, freeDimensions: { ...sizes }, signal });
    await repeat(() => this.#step(model, sizes), { signal, onFailure, rest: () => elapsed(1000, signal) });
    await model.close();
  }

  async #step(model: Model, sizes: Readonly<Record<string, number>>): Promise<void> {
    await visible(this.#end.signal);
    const feeds = randomFeeds(model.inputs, sizes, Math.random);
    const beganAt = performance.now();
    await model.run(feeds, { priority: this.priority, signal: this.#end.signal });
    const endedAt = performance.now();
    this.#latency.add(endedAt * 1000, (endedAt - beganAt) * 1000);
    this.#rate.add(endedAt * 1000);
  }

  get isRemoved(): boolean { return this.#end.signal.aborted; }

  remove(): void {
    this.#end.abort();
  }

  /** Latency and rate as a person reads them. */
  reading(now: Micros): string {
    const latency = this.#latency.percentiles(now);
    if (latency === undefined) return 'loading, or its first run is not done';
    const millis = (micros: Micros): string => (micros / 1000).toFixed(micros < 99_500 ? 1 : 0);
    return `p50 ${millis(latency.p50)} ms · p95 ${millis(latency.p95)} ms · p99 ${millis(latency.p99)} ms · ${this.#rate.perSecond(now).toFixed(1)} runs/s`;
  }
}

/** A list of all priorities, most urgent first, that sets the guest's. */
export function prioritySelect(guest: Guest): HTMLSelectElement {
  const select = document.createElement('select');
  select.setAttribute('aria-label', `Priority of ${guest.tenant}`);
  select.append(...priorities.map((priority) => new Option(priority, priority, false, priority === guest.priority)));
  select.addEventListener('change', () => { guest.priority = select.value as Priority; });
  return select;
}

/** A tenant's name for a file: its own, without the ending, and numbered where another has it. */
export function tenantNameFor(file: string, taken: ReadonlySet<string>): string {
  const name = file.replace(/\.onnx$/i, '') || 'model';
  if (!taken.has(name)) return name;
  let number = 2;
  while (taken.has(`${name} ${number}`)) number++;
  return `${name} ${number}`;
}
