import type { ErrorScopes } from './error-scopes.ts';

interface Batch<T> {
  readonly made: T[];
  readonly answer: (error: Promise<GPUError | null>) => void;
}

/** What the watch does to the device. */
export interface WatchedDevice {
  pushErrorScope(filter: GPUErrorFilter): undefined;
  popErrorScope(): Promise<GPUError | null>;
}

/**
 * Hears when the GPU has no memory for what was created. An error scope takes the GPU process longer than a creation, so one scope serves all
 * creations of a task; it is closed before the application opens or closes a scope of its own, and its error is handed on to where the
 * application expects it.
 */
export class OomWatch<T> {
  readonly #device: WatchedDevice;
  readonly #scopes: ErrorScopes;
  readonly #failed: (made: readonly T[]) => void;
  #batch: Batch<T> | undefined;

  /** `failed` is told of creations of which at least one got no memory. */
  constructor(device: WatchedDevice, scopes: ErrorScopes, failed: (made: readonly T[]) => void) {
    this.#device = device;
    this.#scopes = scopes;
    this.#failed = failed;
  }

  /** Creates inside the scope. */
  watch(create: () => T): T {
    const batch = (this.#batch ??= this.#open());
    const made = create();
    batch.made.push(made);
    return made;
  }

  /** The application is about to open or close a scope. */
  close(): void {
    const batch = this.#batch;
    if (batch === undefined) return;
    this.#batch = undefined;
    // A GPU process that is gone answers with null or rejects: that says nothing of memory, and the loss is told elsewhere.
    const error = this.#device.popErrorScope().catch(() => null);
    batch.answer(error);
    void error.then((found) => found && this.#failed(batch.made));
  }

  #open(): Batch<T> {
    this.#device.pushErrorScope('out-of-memory');
    queueMicrotask(() => this.close());
    return { made: [], answer: this.#scopes.expect(this.#scopes.place('out-of-memory')) };
  }
}
