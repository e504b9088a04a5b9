import { describe, expect, test } from 'vitest';
import type { Command, SchedulerEvent } from '../core/event.ts';
import type { GangId, GateId, GraphId, LaneId, Op, OpId, Priority, ResourceId, TenantId } from '../core/op.ts';
import { Scheduler } from '../core/scheduler.ts';
import { type Rule, rules } from './breach.ts';
import type { Log } from './log.ts';
import { Watcher } from './watcher.ts';
import type { Arrival, LaneSpec, PlayedOp, Workload } from './workload.ts';
import { type Core, play } from './world.ts';

/** A scheduler with one rule broken. Everything else it leaves to the real one. */
type Spoil = (commands: readonly Command[], event: SchedulerEvent) => readonly Command[];

class Saboteur implements Core {
  readonly #honest = new Scheduler();
  readonly #spoil: Spoil;
  /** Added to what is said to be unfinished. */
  readonly #leak: number;

  constructor(spoil: Spoil, leak = 0) {
    this.#spoil = spoil;
    this.#leak = leak;
  }

  step(event: SchedulerEvent, now: number): readonly Command[] {
    return this.#spoil(this.#honest.step(event, now), event);
  }

  check(): void {
    this.#honest.check();
  }

  report(): { unfinished: number; inFlight: number } {
    const { unfinished, inFlight } = this.#honest.report();
    return { unfinished: unfinished + this.#leak, inFlight };
  }
}

const why = { policy: 'none', because: 'order', key: 0, waited: 0, cost: 0, latency: 0 } as const;
const start = (op: number, lane = 1, attempt = 1): Command => ({ kind: 'start', lane: lane as LaneId, op: op as OpId, priority: 'background', attempt, why });
const settle = (op: number): Command => ({ kind: 'settle', op: op as OpId, failure: { code: 'cancelled' } });
const without = (kind: Command['kind']): Spoil => (commands) => commands.filter((command) => command.kind !== kind);
const isOf = (command: Command, op: number): boolean => 'op' in command && command.op === op;
/** Adds a command when this op is submitted. */
const onArrival = (op: number, ...added: readonly Command[]): Spoil => (commands, event) =>
  (event.kind === 'op-submitted' && event.op.op === op ? [...commands, ...added] : commands);
const onEvent = (kind: SchedulerEvent['kind'], ...added: readonly Command[]): Spoil => (commands, event) =>
  (event.kind === kind ? [...commands, ...added] : commands);

const ada = 'ada' as TenantId;
const bob = 'bob' as TenantId;
const bytes = 'bytes' as ResourceId;
const graph = 1 as GraphId;

const op = (id: number, more: Partial<Op> = {}, played: Partial<PlayedOp> = {}): Arrival => ({
  at: 0, ops: [{ op: { op: id as OpId, tenant: ada, name: 'op', priority: 'background', deadlineAt: Infinity, costs: { cpu: { base: 1000, perItem: 0 } }, ...more }, ...played }],
});
const event = (at: number, what: SchedulerEvent): Arrival => ({ at, event: what });
const after = (id: number): Partial<Op> => ({ dependencies: [{ op: id as OpId, bytes: 0 }] });

const cpu: LaneSpec = { laneKind: 'cpu' };
const gpu = (tenant: TenantId, priority: Priority): LaneSpec => ({ laneKind: 'gpu', tenant, gated: { priority } });

const few = (arrivals: readonly Arrival[], more: Partial<Workload> = {}): Workload => ({ name: 'few', lanes: [cpu], source: { arrivals }, ...more });
const both = { lanes: [gpu(ada, 'background'), gpu(bob, 'user-blocking')] };
/** A long run in the background, and at 30 ms something urgent that is encoded for 5 ms. */
const beside = (): Workload => few([
  op(1, { lane: 1 as LaneId, costs: {} }, { slices: new Array<number>(60).fill(1000) }),
  { ...op(2, { lane: 2 as LaneId, tenant: bob, priority: 'user-blocking', costs: {} }, { slices: [500], encode: 5000 }), at: 30_000 },
], both);

/** The same, but the long run is longer than a train, may not be interrupted, and has begun. */
const besideWhole = (): Workload => few([
  op(1, { lane: 1 as LaneId, costs: {}, preemptible: false }, { slices: new Array<number>(200).fill(1000) }),
  { ...op(2, { lane: 2 as LaneId, tenant: bob, priority: 'user-blocking', costs: {} }, { slices: [500] }), at: 30_000 },
], both);

interface Row {
  readonly rule: Rule;
  readonly workload: () => Workload;
  readonly spoil: Spoil;
  readonly leak?: number;
}

const rows: readonly Row[] = [
  { rule: 'starts-unknown', workload: () => few([op(1)]), spoil: onArrival(1, start(9)) },
  { rule: 'starts-ended', workload: () => few([op(1)]), spoil: onEvent('op-finished', start(1)) },
  { rule: 'starts-ended', workload: () => few([op(1), op(2), event(500, { kind: 'op-cancelled', op: 2 as OpId })]), spoil: onEvent('op-finished', start(2)) },
  { rule: 'starts-twice', workload: () => few([op(1)]), spoil: onArrival(1, start(1)) },
  { rule: 'starts-twice', workload: () => few([op(1)]), spoil: (commands) => commands.map((c) => (c.kind === 'start' ? { ...c, attempt: 2 } : c)) },
  { rule: 'starts-too-often', workload: () => few([op(1, {}, { failures: 1 })]), spoil: (commands, { kind }) => (kind === 'op-failed' ? [start(1, 1, 2)] : commands) },
  { rule: 'starts-early', workload: () => few([op(1), op(2, after(1))], { lanes: [cpu, cpu] }), spoil: onArrival(2, start(2, 2)) },
  {
    rule: 'starts-paused', spoil: onArrival(1, start(1)),
    workload: () => few([
      event(0, { kind: 'graph-opened', graph, tenant: ada }), event(0, { kind: 'graph-paused', graph }), op(1, { graph }),
      event(5000, { kind: 'graph-resumed', graph }), event(5000, { kind: 'graph-sealed', graph }),
    ]),
  },
  {
    rule: 'starts-late', workload: () => few([op(1, { deadlineAt: 500 })], { tuning: { enabled: false } }),
    spoil: (commands) => commands.flatMap((c) => (c.kind === 'settle' ? [start(1)] : c.kind === 'start' ? [] : [c])),
  },
  { rule: 'wrong-lane', workload: () => few([op(1)]), spoil: (commands) => commands.map((c) => (c.kind === 'start' ? { ...c, lane: 7 as LaneId } : c)) },
  {
    rule: 'wrong-lane', workload: () => few([op(1)], { lanes: [cpu, { laneKind: 'cpu', tenant: bob }] }),
    spoil: (commands) => commands.map((c) => (c.kind === 'start' ? { ...c, lane: 2 as LaneId } : c)),
  },
  {
    rule: 'wrong-lane', workload: () => few([op(1)], { lanes: [cpu, { laneKind: 'remote' }] }),
    spoil: (commands) => commands.map((c) => (c.kind === 'start' ? { ...c, lane: 2 as LaneId } : c)),
  },
  { rule: 'occupied-lane', workload: () => few([op(1), op(2)]), spoil: onArrival(2, start(2)) },
  {
    rule: 'split-gang', workload: () => few([op(1, { gang: { gang: 1 as GangId, size: 2 } }), op(2, { gang: { gang: 1 as GangId, size: 2 } })], { lanes: [cpu, cpu] }),
    spoil: onArrival(1, start(1)),
  },
  {
    rule: 'over-capacity', spoil: onArrival(2, start(2, 2)),
    workload: () => few([1, 2].map((id) => op(id, { needs: [{ resource: bytes, amount: 6, until: 'op-ends' }] })), { lanes: [cpu, cpu], resources: [{ resource: bytes, capacity: 10 }] }),
  },
  {
    rule: 'over-slots', spoil: onArrival(2, start(2, 2)),
    workload: () => few([op(1), op(2)], { lanes: [cpu, cpu], tenants: [{ tenant: ada, slots: 1 }] }),
  },
  { rule: 'aborts-nothing', workload: () => few([op(1), op(2)]), spoil: onArrival(2, { kind: 'abort', lane: 1 as LaneId, op: 2 as OpId }) },
  { rule: 'settles-unknown', workload: () => few([op(1)]), spoil: onArrival(1, settle(9)) },
  { rule: 'settles-twice', workload: () => few([op(1)]), spoil: onEvent('op-finished', settle(1)) },
  { rule: 'settles-twice', workload: () => few([op(1), op(2, { deadlineAt: 500 })]), spoil: (commands) => commands.flatMap((c): readonly Command[] => (c.kind === 'settle' ? [c, c] : [c])) },
  {
    rule: 'strands', workload: () => few([op(1, {}, { failures: 1 }), op(2, after(1))]),
    spoil: (commands) => commands.filter((c) => !(c.kind === 'settle' && isOf(c, 2))),
  },
  { rule: 'overdue', workload: () => few([op(1), op(2, { deadlineAt: 500 })]), spoil: without('settle') },
  { rule: 'overruns', workload: () => few([op(1, { timeout: 500 })]), spoil: (commands) => commands.filter(({ kind }) => kind !== 'settle' && kind !== 'abort') },
  { rule: 'releases-unannounced', workload: beside, spoil: (commands) => commands.map((c) => (c.kind === 'release' ? { ...c, upTo: c.upTo + 100 } : c)) },
  { rule: 'releases-held', workload: beside, spoil: onEvent('slices-recalled', { kind: 'release', gate: 1 as GateId, upTo: 7, crowd: 1 }) },
  { rule: 'overtakes', workload: besideWhole, spoil: (commands) => commands.filter((c) => c.kind !== 'credit' || c.gate !== 2 || c.credit > 0) },
  {
    rule: 'overtakes', workload: besideWhole,
    spoil: (commands, told) => (told.kind === 'slices-ready' && told.gate === 2 ? [...commands, { kind: 'release', gate: 2 as GateId, upTo: 1, crowd: 2 }] : commands),
  },
  { rule: 'window', workload: beside, spoil: without('recall') },
  { rule: 'idle-lane', workload: () => few([op(1)]), spoil: without('start') },
  { rule: 'unfinished', workload: () => few([op(1)], { tuning: { enabled: false } }), spoil: without('start') },
  { rule: 'unfinished', workload: beside, spoil: without('release') },
  { rule: 'leaks', workload: () => few([op(1)]), spoil: (commands) => commands, leak: 1 },
];

describe.each(rows)('$rule', ({ rule, workload, spoil, leak }) => {
  const options = { seed: 1, noise: 0, watch: 'each-step' } as const;

  test('it is kept by the scheduler', () => {
    expect(play(workload(), options).ended).toBe('quiet');
  });

  test('whoever breaks it is caught, and the seed and the story are told', () => {
    expect(() => play(workload(), { ...options, core: new Saboteur(spoil, leak) })).toThrow(new RegExp(`Breach: ${rule}: .*\nin few, seed 1, at \\d+ µs, after\n`, 's'));
  });
});

test('slices that are left in a gate are missed', () => {
  const watcher = new Watcher();
  const gate = 1 as GateId;
  const steps: readonly SchedulerEvent[] = [
    { kind: 'gate-opened', gate, tenant: ada, priority: 'background' }, { kind: 'slices-ready', gate, priority: 'background', costs: [1000], released: 0 },
  ];
  for (const told of steps) watcher.saw({ at: 0, now: 0, event: told, commands: [] });
  const log: Log = { workload: '', seed: 1, steps: [], lives: new Map(), lanes: [], gpu: [], faults: [], endAt: 0, ended: 'quiet' };
  expect(() => watcher.ended(log, { unfinished: 0, inFlight: 0 })).toThrow(/^slices-lost/);
});

test('no rule is without a saboteur', () => {
  const elsewhere: readonly Rule[] = ['slices-lost', 'lane-time', 'gpu-time', 'little']; // Above, and in ledger.test.ts.
  expect(Object.keys(rules).filter((rule) => !rows.some((row) => row.rule === rule) && !elsewhere.some((other) => other === rule))).toEqual([]);
});
