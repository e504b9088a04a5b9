import { unreachable } from '../base/assert.ts';
import type { Micros } from '../base/units.ts';
import type { Command, SchedulerEvent } from '../core/event.ts';
import type { Policy, PolicyKey } from '../core/policy.ts';
import type { GateId, LaneId, Op, OpFailure, OpId } from '../core/op.ts';
import { policyOf } from '../core/policies.ts';
import { Scheduler } from '../core/scheduler.ts';
import type { TraceRecorder } from '../trace/recorder.ts';
import type { FromScheduler, GateIndex, PageToScheduler, SchedulerToPage, ToScheduler } from '../wire/messages.ts';
import { type Port, typedPort } from '../wire/port.ts';
import type { Clock } from './clock.ts';
import { MemoryDesk } from './memory-desk.ts';
import { ThreadPort } from './thread-port.ts';
import { TraceWriter } from './trace-writer.ts';

export interface LoopOptions {
  readonly clock: Clock;
  /** Where the clock starts, in epoch milliseconds: instants of other threads are moved onto it. */
  readonly timeOrigin: number;
  /** A Web Lock that is held while this scheduler lives; '' when it shares the thread of its gates. */
  readonly lock: string;
  readonly recorder: TraceRecorder;
  readonly tellPage: (message: SchedulerToPage) => void;
}

/**
 * The core's edge: puts every message on one clock, tells the core, does what it says, and records what happened. It
 * decides nothing.
 */
export class SchedulerLoop {
  readonly #core = new Scheduler();
  readonly #clock: Clock;
  readonly #timeOrigin: number;
  readonly #lock: string;
  readonly #tellPage: (message: SchedulerToPage) => void;
  readonly #trace: TraceWriter;
  readonly #memory: MemoryDesk;
  readonly #ports = new Set<ThreadPort>();
  readonly #gates = new Map<GateId, { readonly port: ThreadPort; readonly index: GateIndex }>();
  readonly #lanes = new Map<LaneId, { readonly thread: ThreadPort; isOpen: boolean }>();
  /** Ops whose lane was attached but has not spoken yet: what it says comes through another port than the op. */
  readonly #early = new Map<OpId, Op>();
  #gateCount = 0;
  #callOff: (() => void) | undefined;

  constructor({ clock, timeOrigin, lock, recorder, tellPage }: LoopOptions) {
    this.#clock = clock;
    this.#timeOrigin = timeOrigin;
    this.#lock = lock;
    this.#tellPage = tellPage;
    this.#trace = new TraceWriter(recorder);
    this.#memory = new MemoryDesk(clock, tellPage, (tenant, deferred) => this.#step({ kind: 'tenant-set', tenant: tenant as never, deferred }));
  }

  /** Takes the port of a thread that holds gates, and perhaps a lane. */
  attach(port: Port<FromScheduler, ToScheduler>, lane?: LaneId): void {
    const thread = new ThreadPort(port, this.#timeOrigin);
    this.#ports.add(thread);
    if (lane !== undefined) this.#lanes.set(lane, { thread, isOpen: false });
    port.onmessage = ({ data }) => this.#fromThread(thread, data);
    thread.send({ kind: 'welcome', lock: this.#lock });
  }

  fromPage(message: PageToScheduler): void {
    switch (message.kind) {
      case 'op-submitted': {
        const lane = this.#lanes.get(message.op.lane!);
        if (lane === undefined) return; // It is gone, and the page settles the op.
        const now = this.#clock.now();
        const op = { ...message.op, deadlineAt: now + message.deadline };
        this.#trace.submitted(op, now);
        if (lane.isOpen) this.#step({ kind: 'op-submitted', op });
        else this.#early.set(op.op, op);
        return;
      }
      case 'op-cancelled': {
        this.#early.delete(message.op);
        this.#trace.cancelled(message.op);
        this.#step(message);
        return;
      }
      case 'lane-closed': this.#closeLane(message.lane); return;
      case 'attach': this.attach(typedPort(message.port), message.lane); return;
      case 'tuned': this.#step(message); return;
      case 'tenant-set': {
        const { tenant, weight, slots } = message;
        this.#memory.fromPage(message);
        this.#step({ kind: 'tenant-set', tenant: tenant as never, ...(weight !== undefined && { weight }), ...(slots !== undefined && { slots }) });
        return;
      }
      case 'budget-set':
      case 'surroundings-changed': this.#memory.fromPage(message); return;
      case 'memory-wanted': this.#tellPage({ kind: 'memory', request: message.request, report: this.#memory.report }); return;
      case 'policy-written': void this.#definePolicy(message.url); return;
      default: unreachable(message);
    }
  }

  /** What is new in the trace goes to the page. */
  flushTrace(): void {
    const { inFlight, ready } = this.#core.report();
    this.#trace.gauge(inFlight, ready, this.#clock.now());
    const batch = this.#trace.drain();
    if (batch !== undefined) this.#tellPage({ kind: 'trace', batch });
  }

  #fromThread(thread: ThreadPort, message: ToScheduler): void {
    switch (message.kind) {
      case 'hello': thread.hello(message.timeOrigin); return;
      case 'alive': thread.watch(message.lock, () => this.#closeThread(thread)); return;
      case 'gate-opened': {
        const gate = (this.#gateCount += 1) as GateId;
        thread.gates.set(message.gate, { gate, tenant: message.tenant });
        this.#gates.set(gate, { port: thread, index: message.gate });
        this.#step({ kind: 'gate-opened', gate, tenant: message.tenant as never, priority: message.priority });
        this.#memory.open(gate, { index: message.gate, tenant: message.tenant, send: (told) => thread.send(told) }, message.lease);
        return;
      }
      case 'gate-closed': this.#closeGate(thread, message.gate); return;
      case 'slices-ready': {
        const known = thread.gates.get(message.gate);
        if (known) this.#step({ ...message, gate: known.gate });
        return;
      }
      case 'slices-recalled':
      case 'slices-released': {
        const known = thread.gates.get(message.gate);
        if (known) this.#step({ ...message, gate: known.gate });
        return;
      }
      case 'slices-done': {
        const known = thread.gates.get(message.gate);
        if (!known) return;
        this.#step({ kind: 'slices-done', gate: known.gate, upTo: message.upTo });
        this.#trace.trains(known.tenant, message.trains, thread);
        return;
      }
      case 'slices-timed': this.#trace.timed(thread.gates.get(message.gate)?.tenant, message.slices, thread); return;
      case 'memory-reported':
      case 'memory-asked':
      case 'memory-ran-out': {
        const known = thread.gates.get(message.gate);
        if (known === undefined) return;
        this.#memory.fromDevice(known.gate, message);
        if (message.kind === 'memory-reported') this.#trace.bytes(known.tenant, message.figures.live + message.figures.idle, this.#clock.now());
        return;
      }
      case 'lane-opened': {
        const known = thread.gates.get(message.gate);
        if (!known) return;
        this.#lanes.set(message.lane, { thread, isOpen: true });
        this.#step({ kind: 'lane-opened', lane: message.lane, laneKind: 'gpu', tenant: message.tenant as never, gate: known.gate });
        for (const op of this.#earlyOf(message.lane)) this.#step({ kind: 'op-submitted', op });
        return;
      }
      case 'op-started': this.#trace.started(message.op, thread.instant(message.at)); return;
      case 'op-encoded': {
        this.#step({ kind: 'op-encoded', op: message.op });
        this.#trace.encoded(message.op, thread.instant(message.at));
        return;
      }
      case 'op-finished': {
        this.#step({ kind: 'op-finished', op: message.op });
        this.#trace.finished(message.op, thread.instant(message.at));
        return;
      }
      default: unreachable(message);
    }
  }

  #step(event: SchedulerEvent): void {
    for (const command of this.#core.step(event, this.#clock.now())) this.#perform(command);
  }

  #perform(command: Command): void {
    switch (command.kind) {
      case 'start': this.#lanes.get(command.lane)?.thread.send({ kind: 'start', op: command.op, priority: command.priority }); return;
      case 'release': {
        const gate = this.#gates.get(command.gate);
        gate?.port.send({ kind: 'release', gate: gate.index, upTo: command.upTo, crowd: command.crowd });
        return;
      }
      case 'credit': {
        const gate = this.#gates.get(command.gate);
        gate?.port.send({ kind: 'credit', gate: gate.index, credit: command.credit, pace: command.pace, quantum: command.quantum });
        return;
      }
      case 'recall': {
        const gate = this.#gates.get(command.gate);
        gate?.port.send({ kind: 'recall', gate: gate.index });
        return;
      }
      case 'settle': this.#settle(command.op, command.failure); return;
      // The page hears that the op is settled, and tells the lane and whoever must forget its tensors.
      case 'abort': return;
      case 'refuse-dependency': return;
      case 'policy-replaced': this.#tellPage(command); return;
      case 'wake': this.#wake(command.at); return;
      default: unreachable(command);
    }
  }

  #settle(op: OpId, failure: OpFailure): void {
    this.#trace.forget(op);
    this.#tellPage({ kind: 'op-settled', op, failure });
  }

  /** Runs the application's own code in this thread: what it decides is the application's own loss. */
  async #definePolicy(url: string): Promise<void> {
    try {
      const { default: own }: { default: Policy | PolicyKey } = await import(/* @vite-ignore */ url);
      const policy = policyOf(own);
      if (typeof policy?.key !== 'function') throw new TypeError('its default export is neither a policy nor a key function');
      this.#step({ kind: 'policy-defined', name: url, policy });
      this.#step({ kind: 'tuned', tuning: { policy: url } });
    } catch (error) {
      this.#tellPage({ kind: 'policy-replaced', policy: url, by: this.#core.report().policy, detail: String(error) });
    }
  }

  #wake(at: Micros): void {
    this.#callOff?.();
    this.#callOff = at === Infinity ? undefined : this.#clock.after(Math.max(0, at - this.#clock.now()), () => this.#step({ kind: 'woke' }));
  }

  /** A lane's worker is gone, and with it its gates. */
  #closeLane(lane: LaneId): void {
    const thread = this.#lanes.get(lane)?.thread;
    if (thread !== undefined) this.#closeThread(thread);
  }

  /** Closes it with all lanes and gates in it; what it still says is not heard. */
  #closeThread(thread: ThreadPort): void {
    thread.close();
    this.#ports.delete(thread);
    for (const [lane, at] of this.#lanes) {
      if (at.thread !== thread) continue;
      this.#lanes.delete(lane);
      this.#earlyOf(lane);
      this.#trace.laneClosed(lane);
      this.#step({ kind: 'lane-closed', lane });
    }
    for (const index of [...thread.gates.keys()]) this.#closeGate(thread, index);
  }

  /** Takes them out. */
  #earlyOf(lane: LaneId): Op[] {
    const ops = [...this.#early.values()].filter((op) => op.lane === lane);
    for (const { op } of ops) this.#early.delete(op);
    return ops;
  }

  #closeGate(thread: ThreadPort, index: GateIndex): void {
    const known = thread.gates.get(index);
    if (known === undefined) return;
    thread.gates.delete(index);
    this.#gates.delete(known.gate);
    this.#memory.close(known.gate);
    this.#step({ kind: 'gate-closed', gate: known.gate });
  }
}
