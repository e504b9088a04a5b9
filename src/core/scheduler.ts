import { unreachable } from '../base/assert.ts';
import type { Micros } from '../base/units.ts';
import { Census } from './census.ts';
import type { Command, SchedulerEvent, Tuning } from './event.ts';
import { Lane } from './lane.ts';
import { classRankOf, type LaneId, type Op, type OpId, urgencyOf } from './op.ts';
import { OpBook } from './op-book.ts';
import { defaultPolicy } from './policies.ts';
import type { Policy } from './policy.ts';
import { PolicyDesk } from './policy-desk.ts';
import { Release } from './release.ts';
import { Reserve } from './reserve.ts';
import { Resources } from './resources.ts';
import { Shares } from './shares.ts';
import { Starter } from './starter.ts';

/** The number of an op that is none. */
const noOp = 0 as OpId;

export const defaultTuning: Tuning = { enabled: true, policy: defaultPolicy, quantum: 2_000 };

/** What a dashboard or a test may know at any time. */
export interface SchedulerReport {
  /** Predicted GPU time that was released and is not known to be done. */
  readonly inFlight: Micros;
  /** Slices that wait in gates. */
  readonly ready: number;
  readonly roundTrip: Micros;
  /** Ops that have not ended. */
  readonly unfinished: number;
  readonly policy: string;
}

/**
 * Decides what runs next. `step` is the only door: no clock, no chance, no promise inside, so the same events at the same
 * times give the same commands.
 *
 * Two levels: an op waits for a lane (`Starter`), and what it submits there waits, in slices, in the gate of the lane's device (`Release`). The
 * `OpBook` knows what waits for what.
 */
export class Scheduler {
  #tuning: Tuning;
  readonly #shares = new Shares();
  readonly #desk = new PolicyDesk(this.#shares);
  readonly #census = new Census();
  readonly #resources = new Resources();
  readonly #starter: Starter;
  readonly #release: Release;
  readonly #book: OpBook;
  #now: Micros = 0;
  #wakeAt: Micros = Infinity;

  constructor(tuning: Partial<Tuning> = {}) {
    this.#tuning = { ...defaultTuning, ...tuning };
    this.#desk.choose(this.#tuning.policy);
    const world = { desk: this.#desk, shares: this.#shares, census: this.#census, resources: this.#resources };
    // Two reserves, since lanes and the GPU are two things that overdue work may be kept from.
    this.#starter = new Starter({ ...world, reserve: new Reserve(), isEnabled: () => this.#tuning.enabled, whenStarted: (record) => this.#book.started(record) });
    this.#release = new Release({ ...world, reserve: new Reserve(), tuning: () => this.#tuning });
    this.#book = new OpBook(this.#starter, this.#resources, this.#shares);
  }

  /** The only way state changes. A clock that runs back, or tells no time, is taken to stand still. */
  step(event: SchedulerEvent, at: Micros): readonly Command[] {
    if (at > this.#now && at < Infinity) this.#now = at;
    const now = this.#now;
    const commands: Command[] = [];
    this.#noteWake(event, now);
    this.#apply(event, now, commands);
    this.#book.expire(now, commands);
    do {
      this.#start(now, commands);
      this.#release.decide(now, commands);
    } while (this.#replacePolicy(commands));
    this.#wake(commands);
    return commands;
  }

  report(): SchedulerReport {
    const { inFlight, roundTrip } = this.#release.window;
    return { inFlight, ready: this.#release.readyCount, roundTrip, unfinished: this.#book.unfinished, policy: this.#desk.name };
  }

  /** Re-derives what the indices claim; a broken claim is a bug. */
  check(): void {
    this.#release.check();
    this.#book.check();
    this.#starter.check(this.#book.unfinishedOps(), this.#release.tenantsInLine());
  }

  #apply(event: SchedulerEvent, now: Micros, commands: Command[]): void {
    switch (event.kind) {
      case 'gate-opened': return this.#release.openGate(event.gate, event.tenant, event.priority);
      case 'gate-closed': return this.#release.closeGate(event.gate);
      case 'slices-ready':
        return this.#release.ready(event.gate, event.priority, this.#book.get(event.op ?? noOp), event.costs, event.released, now);
      case 'slices-released': return this.#release.released(event.gate, event.upTo, now);
      case 'slices-done': return this.#release.done(event.gate, event.upTo, now);
      case 'slices-recalled': return this.#release.recalled(event.gate, event.upTo);
      case 'lane-opened': return this.#starter.openLane(new Lane(event.lane, event.laneKind, event.tenant, event.gate));
      case 'lane-closed': return this.#closeLane(event.lane, now, commands);
      case 'graph-opened': return this.#book.openGraph(event.graph, event.tenant, now);
      case 'graph-sealed': return this.#book.sealGraph(event.graph);
      case 'graph-paused': return this.#book.pauseGraph(event.graph);
      case 'graph-resumed': return this.#book.resumeGraph(event.graph, now);
      case 'graph-cancelled': return this.#book.cancelGraph(event.graph, commands);
      case 'op-submitted': return this.#submitOne(event.op, now, commands);
      case 'ops-submitted': return this.#submit(event.ops, now, commands);
      case 'dependency-added': return this.#book.addDependency(event.op, event.dependency, commands);
      case 'priority-changed': return this.#book.setPriority(event.op, event.priority);
      case 'deadline-changed': return this.#book.setDeadline(event.op, event.deadlineAt);
      case 'op-encoded': return this.#book.encoded(event.op, event.attempt);
      case 'op-finished': return this.#book.finished(event.op, event.attempt, event.cost, now);
      case 'op-failed': return this.#book.failed(event.op, event.attempt, event.detail, event.mayPass, now, commands);
      case 'op-cancelled': return this.#book.cancel(event.op, commands);
      case 'tenant-set': return this.#setTenant(event);
      case 'resource-set': return event.capacity >= 0 ? this.#resources.setCapacity(event.resource, event.capacity) : undefined;
      case 'policy-defined': return this.#definePolicy(event.name, event.policy);
      case 'tuned': return this.#tune(event.tuning);
      case 'woke': return;
      default: return unreachable(event);
    }
  }

  #start(now: Micros, commands: Command[]): void {
    do this.#book.flow(commands);
    while (this.#starter.start(now, commands) || this.#book.breakDeadlock(commands));
  }

  #submitOne(op: Op, now: Micros, commands: Command[]): void {
    this.#noteArrival(op, now);
    this.#book.submitOne(op, now, commands);
  }

  #submit(ops: readonly Op[], now: Micros, commands: Command[]): void {
    for (const op of ops) this.#noteArrival(op, now);
    this.#book.submit(ops, now, commands);
  }

  /** The GPU will be asked for by this class. */
  #noteArrival({ op, lane, priority }: Op, now: Micros): void {
    if (lane === undefined || this.#starter.lanes.get(lane)?.gate === undefined || this.#book.get(op) !== undefined) return;
    const urgency = urgencyOf(priority);
    if (urgency !== undefined) this.#release.opArrived(classRankOf(urgency), now);
  }

  #closeLane(id: LaneId, now: Micros, commands: Command[]): void {
    const lane = this.#starter.lanes.get(id);
    if (lane === undefined) return;
    this.#starter.closeLane(lane);
    this.#book.laneClosed(id, [...lane.underWay], now, commands);
  }

  #setTenant({ tenant, weight, slots, deferred }: SchedulerEvent & { kind: 'tenant-set' }): void {
    if (deferred !== undefined) this.#shares.of(tenant).isDeferred = deferred;
    if (weight !== undefined && weight > 0 && weight < Infinity) this.#shares.of(tenant).weight = weight;
    if (slots !== undefined && slots >= 0) this.#starter.setSlots(tenant, slots);
  }

  #tune(tuning: Partial<Tuning>): void {
    const { policy, quantum } = this.#tuning;
    this.#tuning = { ...this.#tuning, ...tuning };
    if (!(this.#tuning.quantum > 0 && this.#tuning.quantum < Infinity)) this.#tuning = { ...this.#tuning, quantum };
    if (this.#tuning.policy !== policy) this.#choosePolicy(this.#tuning.policy);
  }

  #definePolicy(name: string, policy: Policy): void {
    this.#desk.define(name, policy);
    if (this.#tuning.policy === name) this.#choosePolicy(name);
  }

  #choosePolicy(name: string): void {
    this.#desk.choose(name);
    this.#rebuild();
  }

  #rebuild(): void {
    this.#starter.rebuild();
    this.#release.rebuild();
  }

  /** What a policy that was dismissed has keyed means nothing any more. `false` when none was. */
  #replacePolicy(commands: Command[]): boolean {
    const misconduct = this.#desk.takeMisconduct();
    if (misconduct === undefined) return false;
    commands.push({ kind: 'policy-replaced', ...misconduct });
    this.#tuning = { ...this.#tuning, policy: this.#desk.name };
    this.#rebuild();
    return true;
  }

  /** What is told first after a sleep need not be that it is over. */
  #noteWake({ kind }: SchedulerEvent, now: Micros): void {
    const isOver = this.#book.timers.noteSleep(this.#wakeAt, now);
    if (isOver || kind === 'woke') this.#wakeAt = Infinity;
  }

  #wake(commands: Command[]): void {
    const at = this.#book.timers.nextAt;
    if (at >= this.#wakeAt) return; // An early wake does no harm.
    this.#wakeAt = at;
    commands.push({ kind: 'wake', at });
  }
}
