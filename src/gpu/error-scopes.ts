/** What the device's own methods do, taken before they were wrapped. */
export interface NativeScopes {
  pushErrorScope(filter: GPUErrorFilter): undefined;
  popErrorScope(): Promise<GPUError | null>;
}

interface Scope {
  readonly filter: GPUErrorFilter;
  /** Answers of calls that waited in the gate, in the order they were made. */
  readonly late: Promise<GPUError | null>[];
}

/** Where the errors of a call belong: a scope of the application, or nowhere (`uncapturederror`). */
export type ErrorPlace = Scope | undefined;

/**
 * Keeps errors where the application expects them although calls wait in the gate.
 *
 * The application's scopes are opened and closed on the device at once, so whatever passes straight through lands by itself. A call
 * that waited is wrapped in a scope of its own when its turn comes, and what it catches is handed to the scope that was open when the
 * application made the call; `popErrorScope` answers after all those.
 */
export class ErrorScopes {
  readonly #native: NativeScopes;
  readonly #raise: (error: GPUError) => void;
  readonly #open: Scope[] = [];

  /** `raise` tells the device's `uncapturederror` listeners. */
  constructor(native: NativeScopes, raise: (error: GPUError) => void) {
    this.#native = native;
    this.#raise = raise;
  }

  push(filter: GPUErrorFilter): void {
    this.#native.pushErrorScope(filter);
    this.#open.push({ filter, late: [] });
  }

  pop(): Promise<GPUError | null> {
    const answer = this.#native.popErrorScope();
    const scope = this.#open.pop();
    if (scope === undefined || scope.late.length === 0) return answer;
    const { late } = scope;
    return answer.then(async (error) => {
      let first = error;
      for (const next of late) first ??= await next;
      return first;
    });
  }

  /** Where an error of a call made now would land. */
  place(filter: GPUErrorFilter = 'validation'): ErrorPlace {
    return this.#open.findLast((scope) => scope.filter === filter);
  }

  /** Says that a call made now will run later: a pop of its place waits for the answer. Returns how to give it. */
  expect(place: ErrorPlace): (error: Promise<GPUError | null>) => void {
    if (place === undefined) return (error) => void error.then((e) => e && this.#raise(e));
    let settle: (error: Promise<GPUError | null>) => void;
    place.late.push(new Promise((resolve) => (settle = resolve)));
    return settle!;
  }

  /** Runs calls whose time has come, so that their validation errors land in `place` and not in what is open by now. */
  run(place: ErrorPlace, answer: ((error: Promise<GPUError | null>) => void) | undefined, call: () => void): void {
    if (this.place() === place) {
      call();
      answer?.(noError);
      return;
    }
    (answer ?? this.expect(place))(this.capture(call));
  }

  /** Runs calls and keeps their validation error from everybody but the caller. */
  capture(call: () => void): Promise<GPUError | null> {
    this.#native.pushErrorScope('validation');
    try {
      call();
    } catch (error) {
      void this.#native.popErrorScope().catch(() => null);
      throw error;
    }
    return this.#native.popErrorScope().catch(() => null); // A device that is gone has no errors to tell.
  }
}

const noError: Promise<null> = Promise.resolve(null);
