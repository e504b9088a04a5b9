/**
 * A Web Lock as a sign of life: a worker holds one while it lives, and the browser frees it however the worker ends
 * (closed, crashed, terminated from outside), of which no event tells. Gives how to let go of it earlier.
 */
export function holdForLife(lock: string): Promise<() => void> {
  return new Promise((resolve, reject) => {
    navigator.locks.request(lock, () => new Promise<void>((release) => resolve(release))).catch(reject);
  });
}

/** Calls back once the holder is gone, unless `signal` is aborted before. */
export function whenGone(lock: string, signal: AbortSignal, call: () => void): void {
  navigator.locks.request(lock, { mode: 'shared', signal }, call).catch(() => undefined); // Aborted: nobody asks any more.
}
