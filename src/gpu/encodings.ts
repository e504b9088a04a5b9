import { assert } from '../base/assert.ts';
import { Fifo } from '../base/fifo.ts';

/** Commands that are being encoded, from the first thing that they name until they were submitted or given up. */
export interface Encoding {
  /** Counted up in the order in which they were opened. */
  readonly serial: number;
}

interface Waiting {
  /** Encodings up to this one may still name what is waited for. */
  readonly upTo: number;
  readonly call: () => void;
}

/**
 * What one device's owner has encoded and not submitted yet. The queue keeps the order of what was submitted, so memory may be written anew as soon as
 * everything that was encoded against it was **submitted**; before that a write would overtake its readers. Only the owner knows, and tells it here.
 *
 * ```
 * const encoding = encodings.open();
 * … resolve weights, put parameters, encode …
 * encodings.submit(encoding, [encoder.finish()]);   // or close(encoding), when the commands will not be submitted
 * ```
 * An encoding that is never closed holds back all that was given up since it was opened: nothing wrong comes of it, but memory does not return.
 */
export class Encodings {
  readonly #queue: GPUQueue;
  /** In the order of their serials. */
  readonly #open = new Set<Encoding>();
  readonly #waiting = new Fifo<Waiting>();
  readonly #uploads: (() => void)[] = [];
  #last = 0;

  constructor(queue: GPUQueue) {
    this.#queue = queue;
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** Calls that wait for encodings to be closed. */
  get waitingCount(): number {
    return this.#waiting.size;
  }

  open(): Encoding {
    const encoding = { serial: (this.#last += 1) };
    this.#open.add(encoding);
    return encoding;
  }

  isOpen(encoding: Encoding): boolean {
    return this.#open.has(encoding);
  }

  /** Whether every encoding up to this serial was closed. */
  areClosed(upTo: number): boolean {
    return upTo < this.#oldest;
  }

  /** Brings what was written for it onto the queue, submits, and closes it. */
  submit(encoding: Encoding, commands: Iterable<GPUCommandBuffer>): void {
    this.flush();
    try {
      this.#queue.submit(commands);
    } finally {
      this.close(encoding);
    }
  }

  /** The commands were submitted otherwise (after `flush`), or never will be. Twice is a bug. */
  close(encoding: Encoding): void {
    assert(this.#open.delete(encoding), 'an encoding is closed once, by those who opened it');
    for (let next = this.#waiting.peek(); next !== undefined && this.areClosed(next.upTo); next = this.#waiting.peek()) {
      this.#waiting.shift();
      next.call();
    }
  }

  /** Calls when every encoding that is open now was closed: at once when there is none. */
  whenClosed(call: () => void): void {
    if (this.#open.size === 0) call();
    else this.#waiting.push({ upTo: this.#last, call });
  }

  /** `upload` brings onto the queue what was written and waits, before anything is submitted here. */
  beforeSubmit(upload: () => void): void {
    this.#uploads.push(upload);
  }

  /** Everything that was written before is on the queue. */
  flush(): void {
    for (const upload of this.#uploads) upload();
  }

  /** The serial of the oldest that is open. */
  get #oldest(): number {
    for (const { serial } of this.#open) return serial;
    return Infinity;
  }
}
