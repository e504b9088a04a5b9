import { assert } from '../base/assert.ts';
import type { Heap, HeapEntry } from '../base/heap.ts';
import type { Micros } from '../base/units.ts';
import type { Edge } from './dependencies.ts';
import type { Graph } from './graph.ts';
import { type CostEstimate, laneKinds, type LaneId, type LaneKind, leastUrgent, type Op, type OpFailure, type Urgency, urgencyOf } from './op.ts';
import type { ReadyQueue } from './ready-queue.ts';
import type { TenantShare } from './shares.ts';

/**
 * `waiting` for dependencies · `ready` in a queue · `held`: could run, but a resource or its gang says not yet · `paused` with its graph ·
 * `encoding` in its lane · `running`: all of it waits in the gate or runs on the GPU · `draining`: it was given up while it ran, and keeps its
 * place until the lane says it ended · the rest are ends.
 */
export type OpState = 'waiting' | 'ready' | 'held' | 'paused' | 'encoding' | 'running' | 'draining' | 'done' | 'failed' | 'cancelled';

const legal: Readonly<Record<OpState, readonly OpState[]>> = {
  waiting: ['ready', 'paused', 'failed', 'cancelled'],
  ready: ['waiting', 'held', 'paused', 'encoding', 'failed', 'cancelled'],
  held: ['waiting', 'ready', 'paused', 'failed', 'cancelled'],
  paused: ['waiting', 'ready', 'failed', 'cancelled'],
  encoding: ['ready', 'paused', 'running', 'draining', 'done', 'failed'],
  running: ['ready', 'paused', 'draining', 'done', 'failed'],
  draining: ['failed', 'cancelled'],
  done: [],
  failed: [],
  cancelled: [],
};

const none: readonly never[] = [];

/** What the core keeps of one op while it, or its graph, is unfinished. */
export class OpRecord {
  readonly op: Op;
  /** Order of submission: ties go by it. */
  readonly arrival: number;
  readonly graph: Graph | undefined;
  readonly share: TenantShare;
  /** What it costs where it is cheapest; 0 when nothing is known. */
  readonly cost: Micros;
  #state: OpState = 'waiting';
  attempt = 0;

  // Its place in the graph (dependencies.ts).
  /** Topological: greater than that of every unfinished dependency. */
  order = 0;
  /** Those that are done stay until it ends itself. */
  dependencies: readonly Edge[] = none;
  dependents: readonly Edge[] = none;
  /** Dependencies that are not done. */
  missing = 0;
  /** The last walk through the graph that met it. */
  walk = 0;

  // What flows back from its dependents (backflow.ts).
  /** Cost of the longest way from its start to an end of its graph: HEFT's upward rank. */
  upwardRank: Micros;
  /** The most urgent of its own, its dependents' and of those who wait for what it or its graph holds. */
  urgency: Urgency;
  /** The same without those who wait for what is held: the most urgent of its own and its dependents' claims. */
  claim: Urgency;
  /** The earliest at which it must end, so that it and all its dependents keep their deadlines. */
  deadlineAt: Micros;
  /** Its own urgency, which may be changed while it is unfinished. */
  ownUrgency: Urgency;
  ownDeadlineAt: Micros;
  /** The most urgent op that waits for what this one holds. */
  boost: Urgency = leastUrgent;
  isTouched = false;

  // Its place in a queue.
  readyAt: Micros = 0;
  key = 0;
  /** It waited longer than its class is patient, and goes before more urgent ones. */
  isOverdue = false;
  queue: ReadyQueue | undefined;
  heap: Heap<OpRecord> | undefined;
  entry: HeapEntry<OpRecord> | undefined;

  // Its run.
  failure: OpFailure | undefined;
  lane: LaneId | undefined;
  startedAt: Micros = 0;
  /** What its tenant was charged when it started, and at what weight. */
  charged: Micros = 0;
  chargedWeight = 1;
  /** Predicted GPU time of the slices it became. */
  sliceCost: Micros = 0;
  /** Bytes that it reads, by the lane they are on. */
  inputs: Map<LaneId, number> | undefined;
  timer: HeapEntry<OpRecord> | undefined;

  /** `known`: what ops like it cost, for one that does not say. */
  constructor(op: Op, arrival: number, graph: Graph | undefined, share: TenantShare, known: Micros = 0) {
    this.op = op;
    this.arrival = arrival;
    this.graph = graph;
    this.share = share;
    this.urgency = this.claim = this.ownUrgency = urgencyOf(op.priority);
    this.deadlineAt = this.ownDeadlineAt = op.deadlineAt;
    this.upwardRank = this.cost = estimateOf(op) ?? known;
  }

  get state(): OpState {
    return this.#state;
  }

  /** The only way an op changes its state. */
  to(state: OpState): void {
    assert(legal[this.#state].includes(state), `an op that is ${this.#state} does not become ${state}`);
    this.#state = state;
  }

  get isEnded(): boolean {
    return this.#state === 'done' || this.#state === 'failed' || this.#state === 'cancelled';
  }

  /** In a lane, or draining there. */
  get isUnderWay(): boolean {
    return this.#state === 'encoding' || this.#state === 'running' || this.#state === 'draining';
  }

  /** So much of what it reads is on that lane. */
  noteInput(lane: LaneId | undefined, bytes: number): void {
    if (lane === undefined || bytes === 0) return;
    this.inputs ??= new Map();
    this.inputs.set(lane, (this.inputs.get(lane) ?? 0) + bytes);
  }

  /** What it costs on this kind of lane; `undefined` when such a lane cannot run it. */
  costOn(kind: LaneKind): Micros | undefined {
    const estimate = this.op.costs?.[kind];
    return estimate && costOf(estimate, this.op.items ?? 1);
  }
}

export const costOf = ({ base, perItem }: CostEstimate, items: number): Micros => base + perItem * items;

/** Eleven days. What says more is a mistake of units, and would drown what is added to it. */
const longestCost: Micros = 1e12;

export const isCost = (cost: Micros): boolean => cost >= 0 && cost < longestCost;

/** What an op says it costs where it is cheapest; `undefined` when it does not say, and no number when one of its costs is none. */
export function estimateOf({ costs, items = 1 }: Op): Micros | undefined {
  if (costs === undefined) return undefined;
  let least: Micros | undefined;
  for (const kind of laneKinds) {
    const estimate = costs[kind];
    if (estimate === undefined) continue;
    const cost = costOf(estimate, items);
    if (!isCost(cost)) return NaN;
    least = least === undefined ? cost : Math.min(least, cost);
  }
  return least;
}
