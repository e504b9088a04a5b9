/** Lets one piece of work run at a time, in the order asked. Work that fails fails alone: what waits behind it runs all the same. */
export class Lock {
  #last: Promise<unknown> = Promise.resolve();

  /** Settles as the work does. */
  hold<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}

/**
 * What guards onnxruntime-web's WASM instance. onnxruntime keeps that instance in module variables, one per thread, so its guard is one per thread
 * too: two runtimes on two devices in one thread still take turns.
 */
export const instance: {
  /** Held around every create, run and release: two at once corrupt the heap or never settle. */
  readonly lock: Lock;
  /** Why nothing will run in this thread again; the thread must be replaced. */
  broken: string | undefined;
} = { lock: new Lock(), broken: undefined };
