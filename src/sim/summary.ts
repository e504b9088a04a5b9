import type { Micros } from '../base/units.ts';
import { type LaneId, type LaneKind, type OpId, type Priority, priorities, priorityOf, type TenantId, urgencyOf } from '../core/op.ts';
import { percentileOf } from '../trace/latency.ts';
import { criticalPath } from './graphs.ts';
import type { LaneLife, Life, Log } from './log.ts';
import type { Workload } from './workload.ts';

/** Nearest rank: each is one that happened. `undefined` of nothing. */
export interface Spread {
  readonly p50: Micros;
  readonly p95: Micros;
  readonly p99: Micros;
}

/** How the ops of one tenant and class fared. */
export interface Group {
  readonly tenant: TenantId;
  readonly priority: Priority;
  readonly count: number;
  readonly done: number;
  /** Ended without a result, cancelled ones included. */
  readonly failed: number;
  /** From ready to its first start. */
  readonly wait: Spread | undefined;
  /** From submitted to done. */
  readonly latency: Spread | undefined;
  /** What lanes and GPU did for them, attempts that failed included. */
  readonly service: Micros;
  /** With a deadline, and not done by then. */
  readonly missed: number;
}

/** A lane, or (`lane` is undefined) the GPU that all gates share. */
export interface Use {
  readonly lane: LaneId | undefined;
  readonly laneKind: LaneKind;
  readonly busy: Micros;
  /** Of the time from the first op's arrival to the last one's end that it was open. */
  readonly idle: Micros;
  readonly utilisation: number;
}

export interface Summary {
  readonly groups: readonly Group[];
  readonly uses: readonly Use[];
  /** From the first op's arrival to the last one's end. */
  readonly makespan: Micros;
  /**
   * The makespan over the least that these ops could have had: the longest way from an arrival through dependencies, or the work where it ran,
   * shared evenly among the lanes there. 1 is perfect.
   */
  readonly overLeast: number;
  /** Jain's index of service over weight: 1 when every tenant had its share, 1/n when one had everything. Means something where all wanted more. */
  readonly fairness: number;
}

const sum = (values: Iterable<number>): number => {
  let total = 0;
  for (const value of values) total += value;
  return total;
};

export function spreadOf(values: readonly Micros[]): Spread | undefined {
  if (values.length === 0) return undefined;
  const sorted = values.toSorted((a, b) => a - b);
  return { p50: percentileOf(sorted, 0.5), p95: percentileOf(sorted, 0.95), p99: percentileOf(sorted, 0.99) };
}

/** Jain, Chiu and Hawe 1984. 1 of nothing. */
export function jain(shares: readonly number[]): number {
  const squares = sum(shares.map((share) => share * share));
  return squares === 0 ? 1 : sum(shares) ** 2 / (shares.length * squares);
}

const serviceOf = (life: Life): Micros => sum(life.runs.map(({ service }) => service));
const isLate = ({ op, end, endAt = Infinity }: Life): boolean => op.deadlineAt < Infinity && (end !== 'done' || endAt > op.deadlineAt);

function groupOf(tenant: TenantId, priority: Priority, lives: readonly Life[]): Group {
  const done = lives.filter(({ end }) => end === 'done');
  const waits = lives.flatMap(({ readyAt, runs: [first] }) => (readyAt === undefined || !first ? [] : [Math.max(0, first.startAt - readyAt)]));
  return {
    tenant, priority, count: lives.length, done: done.length,
    failed: lives.filter(({ end }) => end === 'failed' || end === 'cancelled').length,
    wait: spreadOf(waits),
    latency: spreadOf(done.map(({ submittedAt, endAt }) => endAt! - submittedAt)),
    service: sum(lives.map(serviceOf)),
    missed: lives.filter(isLate).length,
  };
}

function groupsOf(lives: readonly Life[]): readonly Group[] {
  const tenants = [...new Set(lives.map(({ op }) => op.tenant))];
  return tenants.flatMap((tenant) => priorities.flatMap((priority) => {
    const own = lives.filter(({ op }) => op.tenant === tenant && priorityOf(urgencyOf(op.priority)) === priority);
    return own.length > 0 ? [groupOf(tenant, priority, own)] : [];
  }));
}

interface Interval {
  readonly startAt: Micros;
  readonly endAt: Micros;
}

/** How much of `window` the intervals, which do not overlap, take. */
const within = (intervals: readonly Interval[], window: Interval): Micros =>
  sum(intervals.map(({ startAt, endAt }) => Math.max(0, Math.min(endAt, window.endAt) - Math.max(startAt, window.startAt))));

function useOf(lane: LaneId | undefined, laneKind: LaneKind, intervals: readonly Interval[], window: Interval): Use {
  const open = Math.max(0, window.endAt - window.startAt);
  const busy = within(intervals, window);
  return { lane, laneKind, busy, idle: open - busy, utilisation: open > 0 ? busy / open : 0 };
}

function laneUse({ lane, laneKind, gate, runs, openedAt, closedAt = Infinity }: LaneLife, { startAt, endAt }: Interval): Use {
  const window = { startAt: Math.max(openedAt, startAt), endAt: Math.min(closedAt, endAt) };
  // A lane with a gate is free for the next op when this one is encoded.
  const intervals = runs.map((run) => ({ startAt: run.startAt, endAt: (gate === undefined ? run.endAt : run.encodedAt ?? run.endAt) ?? endAt }));
  return useOf(lane, laneKind, intervals, window);
}

function leastOf(lives: readonly Life[], { lanes, gpu }: Log, startAt: Micros): Micros {
  const byId = new Map(lives.map((life) => [life.op.op, life]));
  const lastRun = (op: OpId): Micros => byId.get(op)?.runs.findLast(({ result }) => result === 'done')?.service ?? 0;
  const done = lives.filter(({ end }) => end === 'done');
  const path = criticalPath(done.map(({ played }) => played), ({ op }) => lastRun(op.op), ({ op }) => byId.get(op.op)!.submittedAt - startAt);
  const plain = lanes.filter(({ gate }) => gate === undefined);
  const onPlain = sum(plain.flatMap(({ runs }) => runs.map(({ service }) => service)));
  const onGpu = sum(gpu.map((run) => run.endAt - run.startAt));
  return Math.max(path, onGpu, plain.length > 0 ? onPlain / plain.length : 0);
}

/** What came of a run. `tenants`: their weights, where they are not 1. */
export function summaryOf(log: Log, tenants: Workload['tenants'] = []): Summary {
  const lives = [...log.lives.values()];
  // Loops, not spreads: a run may hold more ops than a call may have arguments.
  let [startAt, endAt] = [Infinity, 0];
  for (const life of lives) {
    startAt = Math.min(startAt, life.submittedAt);
    endAt = Math.max(endAt, life.endAt ?? log.endAt);
  }
  const window = { startAt: Math.min(startAt, endAt), endAt };
  const groups = groupsOf(lives);
  const service = new Map<TenantId, Micros>();
  for (const group of groups) service.set(group.tenant, (service.get(group.tenant) ?? 0) + group.service);
  const weightOf = (name: TenantId): number => tenants.find(({ tenant }) => tenant === name)?.weight ?? 1;
  const makespan = window.endAt - window.startAt;
  const least = leastOf(lives, log, window.startAt);
  return {
    groups, makespan,
    uses: [
      ...log.lanes.map((lane) => laneUse(lane, window)),
      ...(log.lanes.some(({ gate }) => gate !== undefined) ? [useOf(undefined, 'gpu', log.gpu, window)] : []),
    ],
    overLeast: least > 0 ? makespan / least : 1,
    fairness: jain([...service].map(([tenant, served]) => served / weightOf(tenant))),
  };
}
