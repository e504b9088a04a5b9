import { assert } from '../base/assert.ts';
import { IdMap } from '../base/id-map.ts';
import type { Micros } from '../base/units.ts';
import { Admission } from './admission.ts';
import { Backflow } from './backflow.ts';
import { isAmount } from './check-op.ts';
import { Dependencies } from './dependencies.ts';
import type { Command } from './event.ts';
import { Graph } from './graph.ts';
import type { Dependency, GraphId, LaneId, Level, Op, OpFailure, OpId, Priority, TenantId } from './op.ts';
import { leastUrgent, urgencyOf } from './op.ts';
import { isCost, OpRecord } from './op-record.ts';
import { Mates } from './mates.ts';
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
  readonly #timers = new Timers();
  readonly #mates = new Mates();
  readonly #starter: Starter;
  readonly #resources: Resources;
  readonly #admission: Admission;

  constructor(starter: Starter, resources: Resources, shares: Shares) {
    this.#starter = starter;
    this.#resources = resources;
    this.#admission = new Admission({ ops: this.#ops, graphs: this.#graphs, dependencies: this.#dependencies, resources, shares });
  }

  get unfinished(): number {
    return this.#ops.size;
  }

  get timers(): Timers {
    return this.#timers;
  }

  unfinishedOps(): Iterable<OpRecord> {
    return this.#ops.values();
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

  /** Whoever asked knows. Nothing will be added any more. */
  cancelGraph(id: GraphId, commands: Command[]): void {
    const graph = this.#graphs.get(id);
    if (graph === undefined) return;
    graph.isSealed = true;
    const given = [...graph.ops.values()].filter((record) => !record.isEnded && record.state !== 'draining');
    // All of them first, so that none of them is told that another was cancelled.
    for (const record of given) this.#stop(record, cancelled, commands, 'silent');
    for (const record of given) this.#failDependents(record, commands);
    for (const record of given) if (record.isEnded) this.#end(record);
    this.#closeIfOver(graph);
  }

  /** Takes all of them, or none. What was submitted before (a scheduler that took over, a message told twice) stands as it is. */
  submit(ops: readonly Op[], now: Micros, commands: Command[]): void {
    const news = ops.filter((op) => !this.#admission.knows(op));
    const failed = new Map<OpRecord, OpRecord>();
    const records = this.#admission.takeAll(news, failed);
    if ('code' in records) for (const op of new Set(news.map((refused) => refused.op))) commands.push({ kind: 'settle', op, failure: records });
    else for (const record of records) this.#enter(record, now);
    for (const [record, cause] of failed) if (!record.isEnded) this.#giveUp(record, becauseOf(cause), commands, 'told');
  }

  /** The same for one. */
  submitOne(op: Op, now: Micros, commands: Command[]): void {
    if (op.dependencies !== undefined && op.dependencies.length > 0) return this.submit([op], now, commands);
    if (this.#admission.knows(op)) return;
    const record = this.#admission.take(op);
    if (record instanceof OpRecord) this.#enter(record, now);
    else commands.push({ kind: 'settle', op: op.op, failure: record });
  }

  addDependency(id: OpId, dependency: Dependency, commands: Command[]): void {
    const record = this.#ops.get(id);
    const refuse = (failure: OpFailure): void => void commands.push({ kind: 'refuse-dependency', op: id, dependency: dependency.op, failure });
    if (record === undefined || record.isUnderWay) return refuse({ code: 'invalid', detail: `op ${id} has started, or never was` });
    if (!isAmount(dependency.bytes)) return refuse({ code: 'invalid', detail: `${dependency.bytes} is no number of bytes` });
    const before = this.#admission.find(dependency.op, record);
    if (before === undefined) return refuse({ code: 'unknown-dependency', op: dependency.op });
    if (before.state === 'done') return record.noteInput(before.lane, dependency.bytes);
    if (before.failure !== undefined) return this.#giveUp(record, becauseOf(before), commands, 'told');
    const path = this.#dependencies.connect(before, record, dependency.bytes);
    if (path !== undefined) return refuse({ code: 'cycle', path: path.map(({ op }) => op.op) });
    this.#backflow.touch(before);
    this.#resources.suspect();
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

  finished(id: OpId, attempt: number | undefined, measured: Micros | undefined, now: Micros): void {
    const record = this.#heardOf(id, attempt);
    if (record === undefined) return;
    const cost = measured !== undefined && isCost(measured) ? measured : record.sliceCost > 0 ? record.sliceCost : undefined;
    if (cost !== undefined && record.op.costs === undefined) this.#admission.costs.observe(record.op, cost);
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
    if (mayPass && record.attempt <= (record.op.retries ?? 0)) return this.#retry(record, now);
    this.#fail(record, { code: 'failed', detail }, commands);
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
      else if (record.op.lane === undefined && record.attempt <= (record.op.retries ?? 0)) this.#retry(record, now);
      else this.#fail(record, { code: 'lane-closed' }, commands);
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
  flow(commands: Command[]): void {
    for (const record of this.#resources.wake()) {
      const need = this.#resources.impossible(record);
      if (need === undefined) this.#starter.unhold(record);
      else this.#giveUp(record, { code: 'over-capacity', resource: need.resource, amount: need.amount }, commands, 'told');
    }
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
    for (const graph of this.#graphs.values()) {
      const unfinished = [...graph.ops.values()].filter((record) => !record.isEnded);
      assert(graph.unfinished === unfinished.length && unfinished.every(({ op }) => this.#ops.get(op.op)?.graph === graph), 'a graph counts its ops');
      assert(!graph.isSealed || graph.unfinished > 0, 'a graph to which nothing is added is forgotten when all of it has ended');
    }
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
    if (record.op.gang !== undefined) this.#mates.remove(record);
    if (record.op.timeout !== undefined) this.#timers.set(record);
  }

  #enter(record: OpRecord, now: Micros): void {
    const { graph } = record;
    if (graph !== undefined) {
      graph.ops.set(record.op.op, record);
      graph.unfinished += 1;
      this.#resources.suspect();
    }
    if (record.op.gang !== undefined) this.#mates.add(record);
    if (record.op.deadlineAt < Infinity) this.#timers.set(record);
    if (record.dependencies.length > 0) this.#backflow.withdraw(record);
    if (graph !== undefined && graph.boost < leastUrgent) this.#backflow.touch(record);
    if (record.missing === 0) this.#ready(record, now);
  }

  /** Its timeout counts again from its next start. */
  #retry(record: OpRecord, now: Micros): void {
    this.#ready(record, now);
    if (record.timer !== undefined) this.#timers.set(record);
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
    this.#stop(record, failure, commands, telling);
    this.#failDependents(record, commands);
    if (record.isEnded) this.#end(record);
  }

  /** It ends here, or drains. */
  #stop(record: OpRecord, failure: OpFailure, commands: Command[], telling: 'told' | 'silent'): void {
    if (telling === 'told') commands.push({ kind: 'settle', op: record.op.op, failure });
    record.failure = failure;
    if (record.isUnderWay) {
      commands.push({ kind: 'abort', lane: record.lane!, op: record.op.op });
      record.to('draining');
      this.#starter.encoded(record);
      this.#timers.set(record);
      return;
    }
    if (record.state === 'ready' || record.state === 'held') this.#starter.leave(record);
    record.to(failure.code === 'cancelled' ? 'cancelled' : 'failed');
  }

  /** Its lane has no result: nor do all that depend on it. */
  #fail(record: OpRecord, failure: OpFailure, commands: Command[]): void {
    record.failure = failure;
    record.to('failed');
    commands.push({ kind: 'settle', op: record.op.op, failure });
    this.#failDependents(record, commands);
    this.#end(record);
  }

  /** Each once, with what it fails because of. */
  #failDependents(record: OpRecord, commands: Command[]): void {
    const failure = becauseOf(record);
    const doomed = this.#mates.doomedBy(record, this.#dependencies);
    for (const dependent of doomed) {
      assert(!dependent.isUnderWay, 'nothing runs before what it depends on is done');
      this.#stop(dependent, failure, commands, 'told');
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
    if (record.op.gang !== undefined) this.#mates.remove(record);
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
