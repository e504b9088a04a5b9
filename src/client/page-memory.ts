import type { Bytes } from '../base/units.ts';
import { safeBudget } from '../gpu/safe-budget.ts';
import type { Failure } from '../wire/failure.ts';
import type { MemoryReport, Pressure, PressureLevel } from '../wire/memory.ts';
import type { SchedulerToPage } from '../wire/messages.ts';
import { SwitchyardError } from './error.ts';
import type { SchedulerHandle } from './scheduler-handle.ts';

/** How short GPU memory is: of one tenant under its own hard quota, or of all under the budget. */
export interface MemoryPressure extends Pressure {
  readonly tenant: string | undefined;
}

/** What the platform calls `PressureObserver`; not every browser has it. */
interface ComputePressure {
  new (callback: (records: readonly { readonly state: PressureLevel }[]) => void): {
    observe(source: 'cpu', options: { readonly sampleInterval: number }): Promise<void>;
    disconnect(): void;
  };
}

/** How often the platform is asked for compute pressure, in milliseconds. */
const sampleInterval = 2_000;

/** What the page tells the ledger of GPU memory, and hears from it. */
export class PageMemory {
  readonly #scheduler: SchedulerHandle;
  readonly #listeners = new Set<(pressure: MemoryPressure) => void>();
  readonly #questions = new Map<number, { resolve(report: MemoryReport): void; reject(error: SwitchyardError): void }>();
  readonly #closing = new AbortController();
  #asked = 0;

  /** `budget`: `undefined` for a safe one. */
  constructor(scheduler: SchedulerHandle, budget: Bytes | undefined) {
    this.#scheduler = scheduler;
    if (budget !== undefined) scheduler.setBudget(budget);
    else void safeBudget(navigator).then((safe) => this.#closing.signal.aborted || scheduler.offerBudget(safe));
    this.#watchVisibility();
    void this.#watchCompute().catch(() => undefined); // Not allowed here, or nothing to measure with.
  }

  report(): Promise<MemoryReport> {
    const request = (this.#asked += 1);
    return new Promise((resolve, reject) => {
      this.#questions.set(request, { resolve, reject });
      this.#scheduler.send({ kind: 'memory-wanted', request });
    });
  }

  onPressure(listener: (pressure: MemoryPressure) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Whom to tell of a change. */
  get listeners(): ReadonlySet<(pressure: MemoryPressure) => void> {
    return this.#listeners;
  }

  answered({ request, report }: SchedulerToPage & { readonly kind: 'memory' }): void {
    this.#questions.get(request)?.resolve(report);
    this.#questions.delete(request);
  }

  /** Another scheduler took over: it is asked what the last one did not answer. */
  replaced(): void {
    for (const request of this.#questions.keys()) this.#scheduler.send({ kind: 'memory-wanted', request });
  }

  close(failure: Failure): void {
    this.#closing.abort();
    for (const { reject } of this.#questions.values()) reject(new SwitchyardError(failure));
    this.#questions.clear();
  }

  /** A page that nobody sees should hold less. */
  #watchVisibility(): void {
    const { document } = globalThis as { document?: Document };
    if (document === undefined) return;
    const tell = (): void => this.#scheduler.setSurroundings({ hidden: document.visibilityState === 'hidden' });
    document.addEventListener('visibilitychange', tell, { signal: this.#closing.signal });
    if (document.visibilityState === 'hidden') tell();
  }

  async #watchCompute(): Promise<void> {
    const { PressureObserver } = globalThis as { PressureObserver?: ComputePressure };
    if (PressureObserver === undefined) return;
    const observer = new PressureObserver((records) => {
      const state = records.at(-1)?.state;
      if (state !== undefined) this.#scheduler.setSurroundings({ compute: state });
    });
    this.#closing.signal.addEventListener('abort', () => observer.disconnect());
    await observer.observe('cpu', { sampleInterval });
  }
}
