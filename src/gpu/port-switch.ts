import { unreachable } from '../base/assert.ts';
import type { Micros } from '../base/units.ts';
import type { FromScheduler, GateIndex, Priority, ToScheduler } from '../wire/messages.ts';
import { holdForLife, whenGone } from '../wire/life-lock.ts';
import type { Port } from '../wire/port.ts';
import type { AccountControl, GateControl, GateLink, Switch } from './link.ts';

/** What a thread does besides passing messages to its gates. */
export interface PortDuties {
  /** An op of the lane in this thread may start. */
  start?(message: FromScheduler & { kind: 'start' }): void;
  /** The scheduler is gone, and the gates pass everything through. Called once. */
  gone?(): void;
}

/** Connects all gates of one thread to the scheduler at the other end of a port. */
export class PortSwitch implements Switch {
  readonly #port: Port<ToScheduler, FromScheduler>;
  readonly #gates = new Map<GateIndex, { readonly gate: GateControl; readonly account: AccountControl }>();
  readonly #duties: PortDuties;
  readonly #watching = new AbortController();
  /** Lets go of the lock that tells the scheduler of this thread's end. */
  #release: (() => void) | undefined;
  #opened = 0;
  #isGone = false;

  constructor(port: Port<ToScheduler, FromScheduler>, duties: PortDuties = {}) {
    this.#port = port;
    this.#duties = duties;
    port.onmessage = ({ data }) => {
      if (data.kind === 'welcome') this.#watch(data.lock);
      else if (data.kind === 'start') duties.start?.(data);
      else this.#heard(data);
    };
    this.tell({ kind: 'hello', timeOrigin: performance.timeOrigin });
  }

  tell(message: ToScheduler): void {
    this.#port.postMessage(message);
  }

  /** The number of the gate that was opened last. */
  get lastGate(): GateIndex {
    return this.#opened;
  }

  open(tenant: string, priority: Priority, control: GateControl, account: AccountControl): GateLink {
    const gate = (this.#opened += 1);
    this.#gates.set(gate, { gate: control, account });
    this.tell({ kind: 'gate-opened', gate, tenant, priority, lease: account.opening() });
    return {
      ready: (op, priority, costs, released) => this.tell({ kind: 'slices-ready', gate, op, priority, costs, released }),
      released: (upTo) => this.tell({ kind: 'slices-released', gate, upTo }),
      recalled: (upTo) => this.tell({ kind: 'slices-recalled', gate, upTo }),
      done: (upTo, trains) => this.tell({ kind: 'slices-done', gate, upTo, trains }),
      timed: (slices) => this.tell({ kind: 'slices-timed', gate, slices }),
      account: {
        reported: (figures) => this.tell({ kind: 'memory-reported', gate, figures }),
        asked: (request, need, wish) => this.tell({ kind: 'memory-asked', gate, request, need, wish }),
        ranOut: (charged) => this.tell({ kind: 'memory-ran-out', gate, charged }),
      },
      closed: () => {
        this.#gates.delete(gate);
        this.tell({ kind: 'gate-closed', gate });
      },
    };
  }

  /** Gives all gates to another scheduler. */
  moveTo(next: PortSwitch): void {
    this.#leave();
    const gates = [...this.#gates.values()];
    this.#gates.clear();
    for (const { gate } of gates) gate.attach(next);
  }

  /** The scheduler is gone: every gate passes everything through from now on. */
  abandon(): void {
    if (this.#isGone) return;
    this.#leave();
    for (const { gate } of this.#gates.values()) gate.abandon();
    this.#duties.gone?.();
  }

  #heard(message: Exclude<FromScheduler, { readonly kind: 'welcome' | 'start' }>): void {
    const known = this.#gates.get(message.gate);
    if (known === undefined) return;
    const { gate, account } = known;
    switch (message.kind) {
      case 'release': return gate.release(message.upTo, message.crowd);
      case 'credit': return gate.credit(message.credit, message.pace, message.quantum);
      case 'recall': return gate.recall();
      case 'lease': return account.leased(message.granted, message.request);
      case 'memory-refused': return account.refused(message.request, message.refusal);
      case 'trim': return account.trimmed(message.trim, message.to, message.unload);
      case 'pressure': return account.pressed(message.pressure);
      case 'soft-quota': return account.wentOverSoft(message.isOver);
      default: unreachable(message);
    }
  }

  /** A lock that is held while the scheduler lives falls free when it ends, however it ends. */
  #watch(lock: string): void {
    if (lock === '') return;
    whenGone(lock, this.#watching.signal, () => this.abandon());
    const life = `switchyard thread ${crypto.randomUUID()}`;
    void holdForLife(life).then((release) => {
      this.#release = release;
      if (this.#isGone) release();
      else this.tell({ kind: 'alive', lock: life });
    });
  }

  #leave(): void {
    this.#isGone = true;
    this.#watching.abort();
    this.#port.close();
    this.#release?.();
  }
}

/** This thread's clock. */
export const threadNow = (): Micros => Math.round(performance.now() * 1000);
