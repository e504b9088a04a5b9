import { expect, test } from 'vitest';
import type { Command, SchedulerEvent } from '../core/event.ts';
import type { LaneId, Op, OpId, TenantId } from '../core/op.ts';
import { calm, drawFaults } from './faults.ts';
import { hashOf, type Log } from './log.ts';
import { medley } from './medley.ts';
import type { Arrival, LaneSpec, PlayedOp, Workload } from './workload.ts';
import { type Core, play, type WorldOptions } from './world.ts';

const ada = 'ada' as TenantId;
const why = { policy: 'none', because: 'order', key: 0, waited: 0, cost: 0, latency: 0 } as const;

const quiet = { check: () => undefined, report: () => ({ unfinished: 0, inFlight: 0 }) };

/** Starts each op on lane 1 when it is told of it, and then does what a test wants. */
const starter = (then: (event: SchedulerEvent) => readonly Command[] = () => []): Core => ({
  step(event) {
    const start = (op: OpId): Command => ({ kind: 'start', lane: 1 as LaneId, op, priority: 'user-visible', attempt: 1, why });
    return [...(event.kind === 'op-submitted' ? [start(event.op.op)] : []), ...then(event)];
  },
  ...quiet,
});

const op = (id: number, more: Partial<Op> = {}): Op =>
  ({ op: id as OpId, tenant: ada, name: 'op', priority: 'user-visible', deadlineAt: Infinity, costs: { cpu: { base: 1000, perItem: 0 } }, ...more });

function playOps(ops: readonly PlayedOp[], lane: LaneSpec, core: Core, options: Partial<WorldOptions> = {}): Log {
  const arrivals = ops.map((played): Arrival => ({ at: 0, ops: [played] }));
  const workload: Workload = { name: 'few', lanes: [lane], source: { arrivals } };
  return play(workload, { seed: 1, noise: 0, delays: { message: 0, notify: 0 }, core, ...options });
}

const plain: LaneSpec = { laneKind: 'cpu' };
const gated: LaneSpec = { laneKind: 'gpu', tenant: ada, gated: { priority: 'background' } };
const told = ({ steps }: Log): readonly string[] => steps.map(({ at, event }) => `${at} ${event.kind}`).filter((line) => line.includes(' op-') || line.includes('slices'));

test('a lane without a gate runs an op for what it really takes, and says what that was', () => {
  const log = playOps([{ op: op(1), factor: 1.5 }], plain, starter());
  expect(told(log)).toEqual(['0 op-submitted', '1500 op-finished']);
  expect(log.steps.at(-1)!.event).toEqual({ kind: 'op-finished', op: 1, attempt: 1, cost: 1500 });
  expect(log.lives.get(1 as OpId)).toMatchObject({ end: 'done', endAt: 1500, readyAt: 0, runs: [{ startAt: 0, endAt: 1500, service: 1500, result: 'done' }] });
});

test('a lane with a gate encodes, puts the slices into the gate, and hears of the end from the GPU', () => {
  const log = playOps([{ op: op(1), slices: [200, 300], encode: 50, factor: 2 }], gated, starter());
  expect(told(log)).toEqual(['0 op-submitted', '50 slices-ready', '50 op-encoded', '1050 slices-done', '1050 op-finished']);
  expect(log.gpu).toMatchObject([{ predicted: 500, startAt: 50, endAt: 1050 }]);
  expect(log.lives.get(1 as OpId)!.runs).toMatchObject([{ encodedAt: 50, endAt: 1050, service: 1050 }]);
});

test('messages take their time, each way, and so does the notice that the GPU is done', () => {
  const log = playOps([{ op: op(1), slices: [1000] }], gated, starter(), { delays: { message: 100, notify: 40 } });
  const { runs: [run], endAt } = log.lives.get(1 as OpId)!;
  expect(run!.startAt).toBeGreaterThanOrEqual(50);
  expect(run!.startAt).toBeLessThanOrEqual(150);
  expect(run!.endAt! - run!.encodedAt!).toBeGreaterThanOrEqual(1020);
  expect(run!.endAt! - run!.encodedAt!).toBeLessThanOrEqual(1060);
  expect(endAt! - run!.endAt!).toBeGreaterThanOrEqual(50);
});

test('an attempt that fails says that trying again may help', () => {
  const log = playOps([{ op: op(1), failures: 1 }], plain, starter((event) =>
    (event.kind === 'op-failed' ? [{ kind: 'start', lane: 1 as LaneId, op: event.op, priority: 'background', attempt: 2, why }] : [])));
  expect(log.steps.map(({ event }) => event)).toContainEqual({ kind: 'op-failed', op: 1, attempt: 1, detail: 'failed', mayPass: true });
  expect(log.lives.get(1 as OpId)!.runs.map(({ attempt, result }) => [attempt, result])).toEqual([[1, 'failed'], [2, 'done']]);
});

test('what is aborted ends all the same, now or at its end, and is not done', () => {
  const results = new Set<string>();
  for (let seed = 0; seed < 8; seed += 1) {
    const core = starter((event) => (event.kind === 'op-cancelled' ? [{ kind: 'abort', lane: 1 as LaneId, op: event.op }] : []));
    const source = { arrivals: [{ at: 0, ops: [{ op: op(1) }] }, { at: 400, event: { kind: 'op-cancelled', op: 1 as OpId } as const }] };
    const log = play({ name: 'abort', lanes: [plain], source }, { seed, noise: 0, delays: { message: 0, notify: 0 }, core });
    const life = log.lives.get(1 as OpId)!;
    expect(life.end).toBe('cancelled');
    results.add(`${life.runs[0]!.endAt} ${life.runs[0]!.result}`);
  }
  expect([...results].sort()).toEqual(['1000 done', '400 aborted']);
});

test('whoever asked hears of the end, once, and may ask for more', () => {
  const heard: string[] = [];
  const source = {
    arrivals: [{ at: 0, ops: [{ op: op(1) }] }],
    ended: (id: OpId, result: string, now: number): readonly Arrival[] => {
      heard.push(`${id} ${result} ${now}`);
      return id < 3 ? [{ at: now + 10, ops: [{ op: op(id + 1) }] }] : [];
    },
  };
  const core = starter((event) => (event.kind === 'op-submitted' && event.op.op === 2 ? [{ kind: 'settle', op: 2 as OpId, failure: { code: 'cancelled' } }] : []));
  play({ name: 'loop', lanes: [plain], source }, { seed: 1, noise: 0, delays: { message: 0, notify: 0 }, core });
  expect(heard).toEqual(['1 done 1000', '2 failed 1010', '3 done 2020']);
});

test('it wakes the scheduler when that asked, unless it asked anew', () => {
  const asked = [{ kind: 'wake', at: 500 }, { kind: 'wake', at: 300 }] as const;
  const log = playOps([{ op: op(1) }], plain, starter((event) => (event.kind === 'op-submitted' ? asked : [])));
  expect(told(log)).toHaveLength(2);
  expect(log.steps.filter(({ event }) => event.kind === 'woke').map(({ at }) => at)).toEqual([300]);
});

test('a lane is named by its place; who asks after it was lost finds the next one there', () => {
  const seen: (LaneId | undefined)[] = [];
  const source = { arrivals: [0, 20_000_000].map((at, index) => ({ at, ops: [{ op: op(index + 1, { lane: 1 as LaneId }) }] })) };
  const core: Core = {
    step(event) {
      if (event.kind !== 'op-submitted') return [];
      seen.push(event.op.lane);
      return [{ kind: 'settle', op: event.op.op, failure: { code: 'cancelled' } }];
    },
    ...quiet,
  };
  const log = play({ name: 'places', lanes: [plain], source }, { seed: 3, core, faults: { ...calm, losses: 0.5 } });
  expect(seen[0]).toBe(1);
  expect(seen[1]).toBe(log.lanes.findLast(({ openedAt }) => openedAt <= 20_000_000)!.lane);
  expect(seen[1]).toBeGreaterThan(1);
});

test('a lane that says nothing while something is due is closed, and another opens', () => {
  const core = starter((event) => (event.kind === 'lane-closed' ? [{ kind: 'settle', op: 1 as OpId, failure: { code: 'lane-closed' } }] : []));
  const log = playOps([{ op: op(1) }], plain, core, { faults: { ...calm, hung: 1 } });
  expect(log.ended).toBe('quiet');
  expect(log.faults.map(({ fault }) => fault)).toEqual(['lane 1 is lost: it says nothing']);
  expect(log.faults[0]!.at).toBeGreaterThanOrEqual(2_000_000);
  expect(log.lives.get(1 as OpId)).toMatchObject({ end: 'failed', failure: { code: 'lane-closed' }, runs: [{ result: 'lost' }] });
});

test('a world in which nothing more will happen is stalled, and one that was stopped says so', () => {
  const idle: Core = { step: () => [], ...quiet };
  expect(playOps([{ op: op(1) }], plain, idle).ended).toBe('stalled');
  expect(playOps([{ op: op(1) }], plain, starter(), { until: 500 }).ended).toBe('time-limit');
});

test('the scheduler is told a time that jumps, and deadlines as they are on its clock', () => {
  const source = { arrivals: [1, 2, 3, 4, 5, 6].map((id) => ({ at: id * 1_000_000, ops: [{ op: op(id, { deadlineAt: id * 1_000_000 + 500 }) }] })) };
  const log = play({ name: 'jumps', lanes: [plain], source }, { seed: 5, core: starter(), faults: { ...calm, jumps: 1 } });
  const told = log.steps.filter(({ event }) => event.kind === 'op-submitted');
  expect(new Set(told.map(({ at, now }) => now - at)).size).toBeGreaterThan(2);
  for (const { now, event } of told) if (event.kind === 'op-submitted') expect(event.op.deadlineAt).toBe(now + 500);
});

test('the same seed gives the same log, with and without misfortunes; another gives another', () => {
  const hash = (seed: number, faults = calm): string => hashOf(play(medley(seed), { seed, faults, until: 10_000_000 }));
  expect(hash(1)).toBe(hash(1));
  expect(hash(2, drawFaults(2))).toBe(hash(2, drawFaults(2)));
  expect(hash(1)).not.toBe(hash(2));
  expect(hashOf(play(medley(1), { seed: 2, until: 10_000_000 })), 'the same work in another world').not.toBe(hash(1));
});
