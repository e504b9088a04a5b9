import type { Micros } from '../base/units.ts';
import type { GateId } from '../core/op.ts';
import type { FromScheduler, GateIndex, ToScheduler } from '../wire/messages.ts';
import { whenGone } from '../wire/life-lock.ts';
import type { Port } from '../wire/port.ts';

/** One thread that holds gates, as the scheduler sees it: its port, its gates, and how far its clock is off. */
export class ThreadPort {
  readonly gates = new Map<GateIndex, { readonly gate: GateId; readonly tenant: string }>();
  readonly #port: Port<FromScheduler, ToScheduler>;
  readonly #timeOrigin: number;
  readonly #watch = new AbortController();
  #offset: Micros = 0;

  constructor(port: Port<FromScheduler, ToScheduler>, timeOrigin: number) {
    this.#port = port;
    this.#timeOrigin = timeOrigin;
  }

  hello(timeOrigin: number): void {
    this.#offset = Math.round((timeOrigin - this.#timeOrigin) * 1000);
  }

  /** The thread holds `lock` while it lives; calls back when it is gone, unless this is closed before. */
  watch(lock: string, gone: () => void): void {
    whenGone(lock, this.#watch.signal, gone);
  }

  /** An instant of that thread, on the scheduler's clock. */
  instant(at: Micros): Micros {
    return at + this.#offset;
  }

  send(message: FromScheduler): void {
    this.#port.postMessage(message);
  }

  close(): void {
    this.#watch.abort();
    this.#port.onmessage = null;
    this.#port.close();
  }
}
