/** How a loop is told to end, where its failures go, and how long it rests after one. */
export interface RepeatOptions {
  readonly signal: AbortSignal;
  readonly onFailure: (error: unknown) => void;
  /** Settles when the loop may try again after a failure. */
  readonly rest: () => Promise<void>;
}

/** Takes step after step until the signal aborts. A step that fails is told and rested from; the loop goes on. Never rejects. */
export async function repeat(step: () => Promise<void>, { signal, onFailure, rest }: RepeatOptions): Promise<void> {
  while (!signal.aborted) {
    try {
      await step();
    } catch (error) {
      // What fails because it was told to end is no news.
      if (signal.aborted) return;
      onFailure(error);
      await rest();
    }
  }
}

/** Settles after `millis`, or at once when the signal aborts. */
export function elapsed(millis: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, signal.aborted ? 0 : millis);
    signal.addEventListener('abort', done);
  });
}

/** Settles once the page can be seen: what nobody looks at need not run. */
export function visible(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (document.visibilityState === 'hidden' && !signal.aborted) return;
      document.removeEventListener('visibilitychange', look);
      signal.removeEventListener('abort', look);
      resolve();
    };
    document.addEventListener('visibilitychange', look);
    signal.addEventListener('abort', look);
    look();
  });
}
