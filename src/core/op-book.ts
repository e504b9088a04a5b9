import { assert } from '../base/assert.ts';
import { IdMap } from '../base/id-map.ts';
import type { Micros } from '../base/units.ts';
import { Backflow } from './backflow.ts';
import { checkOp } from './check-op.ts';
import { CostBook } from './cost-book.ts';
import { Dependencies } from './dependencies.ts';
import type { Command } from './event.ts';
import { Graph } from './graph.ts';
import type { Dependency, GraphId, LaneId, Level, Op, OpFailure, OpId, Priority, TenantId } from './op.ts';
import { leastUrgent, urgencyOf } from './op.ts';
import { OpRecord } from './op-record.ts';
import type { Resources } from './resources.ts';
import type { Shares } from './shares.ts';
import type { Starter } from './starter.ts';
import { Timers } from './timers.ts';

const cancelled: OpFailure = { code: 'cancelled' };

/** Every op that is unfinished, or whose graph is: how it is taken, what it waits for, and how it ends. */
export class OpBook {
  readonly #ops = new IdMap<OpRecord>();
  readonly #graphs = new Map<GraphId, Graph>();
  readonly #dependencies = new Dependencies();
  readonly #backflow = new Backflow();
  readonly #costs = new CostBook();
  readonly #timers = new Timers();
  readonly #starter: Starter;
  readonly #resources: Resources;
  readonly #shares: Shares;
  #arrivals = 0;

  constructor(starter: Starter, resources: Resources, shares: Shares) {
    this.#shares = shares;
    this.#starter = starter;
    this.#resources = resources;
  }

  get unfinished(): number {
    return this.#ops.size;
  }

  get timers(): Timers {
    return this.#timers;
  }

  /** An op that has not ended. */
  get(op: OpId): OpRecord | undefined {
    return this.#ops.get(op);
  }

  openGraph(id: GraphId, tenant: TenantId, now: Micros): void {
    if (!this.#graphs.has(id)) this.#graphs.set(id, new Graph(id, tenant, now));
  }

  sealGraph(id: GraphId): void {
    const graph = this.#graphs.get(id);
    if (graph === undefined) return;
    graph.isSealed = true;
    this.#closeIfOver(graph);
  }

  pauseGraph(id: GraphId): void {
    const graph = this.#graphs.get(id);
    if (graph === undefined || graph.isPaused) return;
    graph.isPaused = true;
    for (const record of graph.ops.values()) {
      if (record.state !== 'ready' && record.state !== 'held') continue;
      this.#starter.leave(record);
      record.to('paused');
    }
  }

  resumeGraph(id: GraphId, now: Micros): void {
    const graph = this.#graphs.get(id);
    if (graph === undefined) return;
    graph.isPaused = false;
    for (const record of graph.ops.values()) if (record.state === 'paused') this.#ready(record, now);
  }

  /** Whoever asked knows; so do those of its ops that run. */
  cancelGraph(id: GraphId, commands: Command[]): void {
    for (const record of [...(this.#graphs.get(id)?.ops.values() ?? [])]) if (!record.isEnded) this.#giveUp(record, cancelled, commands, 'silent');
  }

  /** Takes all of them, or none. What was submitted before (a scheduler that took over, a message told twice) stands as it is. */
  submit(ops: readonly Op[], now: Micros, commands: Command[]): void {
    const records: OpRecord[] = [];
    const failed = new Map<OpRecord, OpFailure>();
    const news = ops.filter(({ op, graph }) => !this.#has(op, graph));
    const failure = this.#take(news, records, failed);
    if (failure !== undefined) {
      for (const record of records) {
        this.#dependencies.remove(record);
        this.#ops.delete(record.op.op);
      }
      for (const { op } of news) commands.push({ kind: 'settle', op, failure });
      return;
    }
    for (const record of records) this.#enter(record, now);
    for (const [record, cause] of failed) if (!record.isEnded) this.#giveUp(record, cause, commands, 'told');
  }

  /** The same for one. */
  submitOne(op: Op, now: Micros, commands: Command[]): void {
    if (op.dependencies !== undefined && op.dependencies.length > 0) return this.submit([op], now, commands);
    if (this.#has(op.op, op.graph)) return;
    const record = this.#record(op);
    if (record instanceof OpRecord) this.#enter(record, now);
    else commands.push({ kind: 'settle', op: op.op, failure: record });
  }

  addDependency(id: OpId, dependency: Dependency, commands: Command[]): void {
    const record = this.#ops.get(id);
    const refuse = (failure: OpFailure): void => void commands.push({ kind: 'refuse-dependency', op: id, dependency: dependency.op, failure });
    if (record === undefined || record.isUnderWay) return refuse({ code: 'invalid', detail: `op ${id} has started, or never was` });
    const before = this.#find(dependency.op, record);
    if (before === undefined) return refuse({ code: 'unknown-dependency', op: dependency.op });
    if (before.state === 'done') return noteInput(record, before.lane, dependency.bytes);
    if (before.failure !== undefined) return this.#giveUp(record, becauseOf(before), commands, 'told');
    const path = this.#dependencies.connect(before, record, dependency.bytes);
    if (path !== undefined) return refuse({ code: 'cycle', path: path.map(({ op }) => op.op) });
    this.#backflow.touch(before);
    if (record.state === 'waiting') return;
    if (record.state !== 'paused') this.#starter.leave(record);
    record.to('waiting');
  }

  setPriority(id: OpId, priority: Priority | Level): void {
    const record = this.#ops.get(id);
    if (record === undefined || urgencyOf(priority) === undefined) return;
    record.ownUrgency = urgencyOf(priority);
    this.#backflow.touch(record);
  }

  setDeadline(id: OpId, deadlineAt: Micros): void {
    const record = this.#ops.get(id);
    if (record === undefined || Number.isNaN(deadlineAt)) return;
    record.ownDeadlineAt = deadlineAt;
    this.#backflow.touch(record);
    this.#timers.set(record);
  }

  encoded(id: OpId, attempt: number | undefined): void {
    const record = this.#heardOf(id, attempt);
    if (record?.state !== 'encoding') return;
    record.to('running');
    this.#starter.encoded(record);
  }

  finished(id: OpId, attempt: number | undefined, measured: Micros | undefined, now: Micros, commands: Command[]): void {
    const record = this.#heardOf(id, attempt);
    if (record === undefined) return;
    const cost = measured ?? (record.sliceCost > 0 ? record.sliceCost : undefined);
    if (cost !== undefined && record.op.costs === undefined) this.#costs.observe(record.op, cost);
    this.#starter.ended(record, cost, now);
    if (record.state === 'draining') return this.#forgetDrained(record);
    record.to('done');
    this.#dependencies.satisfied(record, (dependent) => this.#ready(dependent, now));
    this.#end(record);
  }

  /** It is tried again when that may help and it has retries left. */
  failed(id: OpId, attempt: number | undefined, detail: string, mayPass: boolean, now: Micros, commands: Command[]): void {
    const record = this.#heardOf(id, attempt);
    if (record === undefined) return;
    this.#starter.ended(record, undefined, now);
    if (record.state === 'draining') return this.#forgetDrained(record);
    if (mayPass && record.attempt <= (record.op.retries ?? 0)) return this.#ready(record, now);
    this.#fail(record, 'failed', { code: 'failed', detail }, commands, 'told');
  }

  cancel(id: OpId, commands: Command[]): void {
    const record = this.#ops.get(id);
    if (record !== undefined) this.#giveUp(record, cancelled, commands, 'silent');
  }

  /** What ran there runs elsewhere, if it may; what could only run there fails. */
  laneClosed(lane: LaneId, underWay: readonly OpRecord[], now: Micros, commands: Command[]): void {
    for (const record of underWay) {
      this.#starter.ended(record, undefined, now);
      if (record.state === 'draining') this.#forgetDrained(record);
      else if (record.op.lane === undefined && record.attempt <= (record.op.retries ?? 0)) this.#ready(record, now);
      else this.#fail(record, 'failed', { code: 'lane-closed' }, commands, 'told');
    }
    for (const record of [...this.#ops.values()]) {
      if (record.op.lane === lane && !record.isEnded) this.#giveUp(record, { code: 'lane-closed' }, commands, 'told');
    }
  }

  /** Whoever asked is told at the deadline; what already runs drains first. */
  expire(now: Micros, commands: Command[]): void {
    for (let record = this.#timers.expired(now); record !== undefined; record = this.#timers.expired(now)) {
      this.#giveUp(record, { code: record.ownDeadlineAt <= now ? 'deadline-passed' : 'timeout' }, commands, 'told');
    }
  }

  /** Lets urgency, deadlines and ranks flow back to what is waited for, and what was freed to those who wait for it. */
  flow(): void {
    for (const record of this.#resources.wake()) this.#starter.unhold(record);
    this.#resources.settle(this.#backflow, (record) => this.#starter.changed(record));
  }

  /** Refuses the youngest of those who would wait for each other for ever. `false` when nobody does. */
  breakDeadlock(commands: Command[]): boolean {
    const circle = this.#resources.deadlocked();
    if (circle === undefined) return false;
    this.#giveUp(circle[0]!, { code: 'deadlock', path: circle.map(({ op }) => op.op) }, commands, 'told');
    return true;
  }

  /** Re-derives what the indices claim. */
  check(): void {
    this.#resources.check();
    for (const record of this.#ops.values()) {
      let missing = 0;
      for (const { before } of record.dependencies) {
        missing += before.state === 'done' ? 0 : 1;
        assert(before.isEnded || before.order < record.order, 'an op comes after what it depends on');
      }
      assert(missing === record.missing, 'an op counts the dependencies that are not done');
      assert(!record.isEnded, 'an op that ended is forgotten');
      assert((record.state === 'waiting') === (missing > 0) || record.state === 'paused', 'an op waits while a dependency is not done');
      assert((record.queue === undefined) === (record.state !== 'ready'), 'an op is in a queue while it is ready');
    }
  }

  /** It was started: its timeout counts from now. */
  started(record: OpRecord): void {
    if (record.op.timeout !== undefined) this.#timers.set(record);
  }

  #take(ops: readonly Op[], records: OpRecord[], failed: Map<OpRecord, OpFailure>): OpFailure | undefined {
    for (const op of ops) {
      const record = this.#ops.get(op.op) === undefined ? this.#record(op) : { code: 'invalid', detail: `op ${op.op} is named twice` } as const;
      if (!(record instanceof OpRecord)) return record;
      records.push(record);
    }
    for (const record of records) {
      const failure = this.#connectAll(record, failed);
      if (failure !== undefined) return failure;
    }
    return undefined;
  }

  #record(op: Op): OpRecord | OpFailure {
    const known = op.costs === undefined ? this.#costs.of(op) : 0;
    const flaw = checkOp(op, this.#graphs, known);
    if (flaw !== undefined) return flaw;
    const record = new OpRecord(op, this.#arrivals++, op.graph === undefined ? undefined : this.#graphs.get(op.graph), this.#shares.of(op.tenant), known);
    const need = this.#resources.impossible(record);
    if (need !== undefined) return { code: 'over-capacity', resource: need.resource, amount: need.amount };
    this.#ops.set(op.op, record);
    this.#dependencies.add(record);
    return record;
  }

  #has(op: OpId, graph: GraphId | undefined): boolean {
    return this.#ops.get(op) !== undefined || (graph !== undefined && this.#graphs.get(graph)?.ops.has(op) === true);
  }

  #connectAll(record: OpRecord, failed: Map<OpRecord, OpFailure>): OpFailure | undefined {
    for (const { op, bytes } of record.op.dependencies ?? []) {
      const before = this.#find(op, record);
      if (before === undefined) return { code: 'unknown-dependency', op };
      if (before.state === 'done') noteInput(record, before.lane, bytes);
      else if (before.failure !== undefined) failed.set(record, becauseOf(before));
      else {
        const path = this.#dependencies.connect(before, record, bytes);
        if (path !== undefined) return { code: 'cycle', path: path.map((on) => on.op.op) };
      }
    }
    return undefined;
  }

  /** An op that is unfinished, or ended in the same graph. */
  #find(op: OpId, { graph }: OpRecord): OpRecord | undefined {
    return this.#ops.get(op) ?? graph?.ops.get(op);
  }

  #enter(record: OpRecord, now: Micros): void {
    const { graph } = record;
    if (graph !== undefined) {
      graph.ops.set(record.op.op, record);
      graph.unfinished += 1;
    }
    if (record.op.deadlineAt < Infinity) this.#timers.set(record);
    if (record.dependencies.length > 0) this.#backflow.withdraw(record);
    if (graph !== undefined && graph.boost < leastUrgent) this.#backflow.touch(record);
    if (record.missing === 0) this.#ready(record, now);
  }

  #ready(record: OpRecord, now: Micros): void {
    if (record.graph?.isPaused === true) {
      if (record.state !== 'paused') record.to('paused');
      return;
    }
    record.readyAt = now;
    record.to('ready');
    this.#starter.enter(record);
  }

  /** What a lane says of an op that it has. */
  #heardOf(id: OpId, attempt: number | undefined): OpRecord | undefined {
    const record = this.#ops.get(id);
    return record?.isUnderWay === true && (attempt === undefined || attempt === record.attempt) ? record : undefined;
  }

  /** Ends an op that has not ended, wherever it is. If it runs, it drains first. */
  #giveUp(record: OpRecord, failure: OpFailure, commands: Command[], telling: 'told' | 'silent'): void {
    if (record.state === 'draining') return;
    if (record.isUnderWay) {
      if (telling === 'told') commands.push({ kind: 'settle', op: record.op.op, failure });
      commands.push({ kind: 'abort', lane: record.lane!, op: record.op.op });
      record.failure = failure;
      record.to('draining');
      this.#starter.encoded(record);
      this.#timers.set(record);
      this.#failDependents(record, commands);
      return;
    }
    if (record.state === 'ready' || record.state === 'held') this.#starter.leave(record);
    this.#fail(record, failure.code === 'cancelled' ? 'cancelled' : 'failed', failure, commands, telling);
  }

  /** It ended without a result: so do all that depend on it, each once, with the cause. */
  #fail(record: OpRecord, state: 'failed' | 'cancelled', failure: OpFailure, commands: Command[], telling: 'told' | 'silent'): void {
    record.failure = failure;
    record.to(state);
    if (telling === 'told') commands.push({ kind: 'settle', op: record.op.op, failure });
    this.#failDependents(record, commands);
    this.#end(record);
  }

  /** Each once, with what it fails because of; so do those of its gang that have not started. */
  #failDependents(record: OpRecord, commands: Command[]): void {
    const failure = becauseOf(record);
    const doomed: OpRecord[] = [];
    this.#dependencies.eachDescendant(record, (dependent) => void doomed.push(dependent));
    for (const mate of this.#starter.matesOf(record)) if (!doomed.includes(mate)) doomed.push(mate);
    for (const dependent of doomed) {
      assert(!dependent.isUnderWay, 'nothing runs before what it depends on is done');
      if (dependent.state === 'ready' || dependent.state === 'held') this.#starter.leave(dependent);
      dependent.failure = failure;
      dependent.to('failed');
      commands.push({ kind: 'settle', op: dependent.op.op, failure });
    }
    for (const dependent of doomed) this.#end(dependent);
  }

  #forgetDrained(record: OpRecord): void {
    record.to(record.failure!.code === 'cancelled' ? 'cancelled' : 'failed');
    this.#end(record);
  }

  /** It is over: nobody waits for it, and it waits for nobody. */
  #end(record: OpRecord): void {
    if (!this.#ops.delete(record.op.op)) return;
    this.#timers.set(record);
    this.#backflow.withdraw(record);
    this.#dependencies.remove(record);
    const { graph } = record;
    if (graph === undefined) return;
    graph.unfinished -= 1;
    this.#closeIfOver(graph);
  }

  #closeIfOver(graph: Graph): void {
    if (!graph.isSealed || graph.unfinished > 0) return;
    this.#graphs.delete(graph.graph);
    this.#resources.releaseGraph(graph);
  }
}

/** What the dependents of an op that ended without a result fail with. */
const becauseOf = ({ op, failure }: OpRecord): OpFailure => ({ code: 'dependency-failed', because: op.op, cause: failure! });

/** Where the inputs of an op are, for its placement. */
function noteInput(record: OpRecord, lane: LaneId | undefined, bytes: number): void {
  if (lane === undefined || bytes === 0) return;
  record.inputs ??= new Map();
  record.inputs.set(lane, (record.inputs.get(lane) ?? 0) + bytes);
}
