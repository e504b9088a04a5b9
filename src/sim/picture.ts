import type { Micros } from '../base/units.ts';
import type { SchedulerEvent } from '../core/event.ts';
import { costOf } from '../core/op-record.ts';
import {
  classRankOf, type GangId, type GateId, type GraphId, type LaneId, type LaneKind, type Need, type Op, type OpId, type ResourceId, type TenantId,
  urgencyOf,
} from '../core/op.ts';

/**
 * Where an op is: `pending` until it starts, and again between two attempts · `under-way` on a lane · `over`. Exactly one of them, because it is
 * one word.
 */
export type Place = 'pending' | 'under-way' | 'over';

/** One op, as anybody can see who hears every event and command. */
export interface SeenOp {
  readonly op: Op;
  readonly dependencies: Set<OpId>;
  place: Place;
  /** Whoever asked was told that there will be no result, or knows. While it is under way it keeps its lane all the same. */
  isGivenUp: boolean;
  isDone: boolean;
  urgency: number;
  deadlineAt: Micros;
  attempt: number;
  lane: LaneId | undefined;
  /** All of it is in the gate. */
  isEncoded: boolean;
  readonly submittedAt: Micros;
  startedAt: Micros;
}

export interface SeenLane {
  readonly lane: LaneId;
  readonly laneKind: LaneKind;
  readonly tenant: TenantId | undefined;
  readonly gate: GateId | undefined;
  readonly underWay: Set<SeenOp>;
}

/** So much of a resource, that an op took when it started. */
interface Hold {
  readonly seen: SeenOp;
  readonly need: Need;
}

export interface SeenGraph {
  isPaused: boolean;
  isSealed: boolean;
  readonly ops: Set<SeenOp>;
  unfinished: number;
}

/** The world from outside the scheduler: kept in the plainest way there is, and in no way the scheduler keeps it. */
export class Picture {
  readonly ops = new Map<OpId, SeenOp>();
  /** Those of `ops` that are not over. */
  readonly unfinished = new Set<SeenOp>();
  readonly lanes = new Map<LaneId, SeenLane>();
  readonly graphs = new Map<GraphId, SeenGraph>();
  readonly slots = new Map<TenantId, number>();
  readonly capacities = new Map<ResourceId, number>();
  readonly #holds = new Set<Hold>();
  readonly gangs = new Map<GangId, Set<SeenOp>>();
  isEnabled = true;
  policy = 'priority';
  /** How many ops somebody still waits for. */
  wanted = 0;

  /** What an event changes, before the scheduler has said anything. */
  heard(event: SchedulerEvent, now: Micros): void {
    switch (event.kind) {
      case 'op-submitted': this.#submitted(event.op, now); return;
      case 'ops-submitted': for (const op of event.ops) this.#submitted(op, now); return;
      case 'lane-opened':
        this.lanes.set(event.lane, { lane: event.lane, laneKind: event.laneKind, tenant: event.tenant, gate: event.gate, underWay: new Set() });
        return;
      case 'lane-closed': this.#laneClosed(event.lane); return;
      case 'graph-opened': this.#graph(event.graph); return;
      case 'graph-sealed':
        this.#graph(event.graph).isSealed = true;
        this.#graphMayEnd(event.graph);
        return;
      case 'graph-paused': this.#graph(event.graph).isPaused = true; return;
      case 'graph-resumed': this.#graph(event.graph).isPaused = false; return;
      case 'graph-cancelled':
        this.#graph(event.graph).isSealed = true;
        for (const seen of this.#graph(event.graph).ops) this.giveUp(seen);
        this.#graphMayEnd(event.graph);
        return;
      case 'op-cancelled': this.giveUp(this.ops.get(event.op)); return;
      case 'op-encoded': this.#encoded(event.op, event.attempt); return;
      case 'op-finished': this.#left(event.op, event.attempt, 'done'); return;
      case 'op-failed': this.#left(event.op, event.attempt, 'failed'); return;
      case 'priority-changed': this.#change(event.op, { urgency: urgencyOf(event.priority) }); return;
      case 'deadline-changed': this.#change(event.op, { deadlineAt: event.deadlineAt }); return;
      case 'tenant-set':
        if (event.slots !== undefined) this.slots.set(event.tenant, event.slots);
        return;
      case 'resource-set': this.capacities.set(event.resource, event.capacity); return;
      case 'tuned':
        this.isEnabled = event.tuning.enabled ?? this.isEnabled;
        this.policy = event.tuning.policy ?? this.policy;
        return;
      default:
    }
  }

  depend(op: OpId, dependency: OpId): void {
    this.ops.get(op)?.dependencies.add(dependency);
  }

  /** Returns what it takes now. */
  start(seen: SeenOp, lane: SeenLane, attempt: number, now: Micros): readonly Need[] {
    seen.place = 'under-way';
    seen.lane = lane.lane;
    seen.attempt = attempt;
    seen.startedAt = now;
    lane.underWay.add(seen);
    // What it kept from an earlier attempt it has.
    const kept = new Set([...this.#holds].filter((hold) => hold.seen === seen).map(({ need }) => need));
    const taken = (seen.op.needs ?? []).filter((need) => !kept.has(need));
    for (const need of taken) this.#holds.add({ seen, need });
    return taken;
  }

  /** There will be no result. */
  giveUp(seen: SeenOp | undefined): void {
    if (seen === undefined || seen.place === 'over' || seen.isGivenUp) return;
    seen.isGivenUp = true;
    this.wanted -= 1;
    if (seen.place === 'pending') this.#over(seen);
  }

  isReady(seen: SeenOp): boolean {
    if (seen.place !== 'pending' || (seen.op.graph !== undefined && this.graphs.get(seen.op.graph)?.isPaused)) return false;
    for (const dependency of seen.dependencies) if (!this.ops.get(dependency)?.isDone) return false;
    return true;
  }

  /** Class of its own priority. */
  rankOf(seen: SeenOp): number {
    return classRankOf(seen.urgency);
  }

  /** Class of the most urgent op that waits for each unfinished op, itself included: for what it hands over, or for what it or its graph has taken. */
  inherited(): ReadonlyMap<SeenOp, number> {
    const ranks = new Map([...this.unfinished].map((seen) => [seen, this.rankOf(seen)]));
    const urge = (seen: SeenOp | undefined, rank: number): boolean => {
      if (seen === undefined || rank >= (ranks.get(seen) ?? -1)) return false;
      ranks.set(seen, rank);
      return true;
    };
    for (let isMoving = true; isMoving;) {
      isMoving = false;
      for (const [seen, rank] of ranks) {
        for (const dependency of seen.dependencies) isMoving = urge(this.ops.get(dependency), rank) || isMoving;
        if (seen.place === 'pending') for (const holder of this.#holdersBefore(seen)) isMoving = urge(holder, rank) || isMoving;
      }
    }
    return ranks;
  }

  /** Whoever has some of what it needs, and all of their graphs. */
  * #holdersBefore({ op }: SeenOp): Iterable<SeenOp> {
    for (const { seen, need } of this.#holds) {
      if (!op.needs?.some(({ resource }) => resource === need.resource)) continue;
      yield seen;
      if (seen.op.graph !== undefined) yield* this.graphs.get(seen.op.graph)!.ops;
    }
  }

  /** Whether a lane may run an op at all. */
  isEligible({ op }: SeenOp, { lane, laneKind, tenant }: SeenLane): boolean {
    if (tenant !== undefined && tenant !== op.tenant) return false;
    return op.lane === undefined ? op.costs?.[laneKind] !== undefined : op.lane === lane;
  }

  /** What it costs there; `undefined` when nobody knows. */
  costOn({ op }: SeenOp, kind: LaneKind): Micros | undefined {
    const estimate = op.costs?.[kind];
    return estimate && costOf(estimate, op.items ?? 1);
  }

  usedOf(resource: ResourceId): number {
    let used = 0;
    for (const { need } of this.#holds) used += need.resource === resource ? need.amount : 0;
    return used;
  }

  underWayOf(tenant: TenantId): number {
    let count = 0;
    for (const lane of this.lanes.values()) for (const { op } of lane.underWay) count += op.tenant === tenant ? 1 : 0;
    return count;
  }

  #submitted(op: Op, now: Micros): void {
    if (this.ops.has(op.op)) return;
    const seen: SeenOp = {
      op, dependencies: new Set(op.dependencies?.map((dependency) => dependency.op)), place: 'pending', isGivenUp: false, isDone: false,
      urgency: urgencyOf(op.priority), deadlineAt: op.deadlineAt, attempt: 0, lane: undefined, isEncoded: false, submittedAt: now, startedAt: 0,
    };
    this.ops.set(op.op, seen);
    this.unfinished.add(seen);
    this.wanted += 1;
    if (op.graph !== undefined) {
      this.#graph(op.graph).ops.add(seen);
      this.#graph(op.graph).unfinished += 1;
    }
    if (op.gang !== undefined) this.gangs.set(op.gang.gang, (this.gangs.get(op.gang.gang) ?? new Set()).add(seen));
  }

  #graph(graph: GraphId): SeenGraph {
    const known = this.graphs.get(graph);
    if (known !== undefined) return known;
    const seen: SeenGraph = { isPaused: false, isSealed: false, ops: new Set(), unfinished: 0 };
    this.graphs.set(graph, seen);
    return seen;
  }

  #change(op: OpId, change: Partial<Pick<SeenOp, 'urgency' | 'deadlineAt'>>): void {
    const seen = this.ops.get(op);
    if (seen !== undefined && seen.place !== 'over') Object.assign(seen, change);
  }

  #encoded(op: OpId, attempt: number | undefined): void {
    const seen = this.#counting(op, attempt);
    if (seen !== undefined) seen.isEncoded = true;
  }

  /** The op, if this attempt is the one under way. */
  #counting(op: OpId, attempt: number | undefined): SeenOp | undefined {
    const seen = this.ops.get(op);
    return seen?.place === 'under-way' && (attempt ?? seen.attempt) === seen.attempt ? seen : undefined;
  }

  #left(op: OpId, attempt: number | undefined, result: 'done' | 'failed'): void {
    const seen = this.#counting(op, attempt);
    if (seen === undefined) return;
    this.lanes.get(seen.lane!)?.underWay.delete(seen);
    this.#leftLane(seen, result);
  }

  #laneClosed(lane: LaneId): void {
    for (const seen of this.lanes.get(lane)?.underWay ?? []) this.#leftLane(seen, 'failed');
    this.lanes.delete(lane);
  }

  /** It may be tried again, unless the scheduler settles it. */
  #leftLane(seen: SeenOp, result: 'done' | 'failed'): void {
    seen.place = 'pending';
    seen.lane = undefined;
    seen.isEncoded = false;
    this.#free(({ seen: holder, need }) => holder === seen && (need.until === 'op-ends' || seen.op.graph === undefined));
    if (result === 'done' && !seen.isGivenUp) {
      seen.isDone = true;
      this.wanted -= 1;
    }
    if (seen.isDone || seen.isGivenUp) this.#over(seen);
  }

  #over(seen: SeenOp): void {
    seen.place = 'over';
    this.unfinished.delete(seen);
    const { graph } = seen.op;
    if (graph === undefined) return;
    this.#graph(graph).unfinished -= 1;
    this.#graphMayEnd(graph);
  }

  /** What its ops kept until its end is free. */
  #graphMayEnd(graph: GraphId): void {
    const { isSealed, unfinished, ops } = this.#graph(graph);
    if (!isSealed || unfinished > 0) return;
    this.#free(({ seen }) => ops.has(seen));
  }

  #free(isFree: (hold: Hold) => boolean): void {
    for (const hold of this.#holds) if (isFree(hold)) this.#holds.delete(hold);
  }
}
