import { expect, test } from 'vitest';
import type { GateId, LaneId, Op, OpId, TenantId } from '../core/op.ts';
import type { LaneLife, Life, Log, Run } from './log.ts';
import { jain, spreadOf, summaryOf } from './summary.ts';

const run = (op: number, lane: number, startAt: number, endAt: number, more: Partial<Run> = {}): Run =>
  ({ op: op as OpId, lane: lane as LaneId, attempt: 1, startAt, endAt, service: endAt - startAt, result: 'done', ...more });

interface Told extends Partial<Omit<Op, 'op' | 'tenant'>> {
  readonly tenant?: string;
}

function life(op: number, told: Told, submittedAt: number, runs: Run[], rest: Partial<Life> = {}): Life {
  const own: Op = { name: 'n', priority: 'user-visible', deadlineAt: Infinity, costs: { cpu: { base: 1, perItem: 0 } }, ...told,
    op: op as OpId, tenant: (told.tenant ?? 'a') as TenantId };
  const endAt = runs.at(-1)?.endAt;
  return { op: own, played: { op: own }, submittedAt, readyAt: submittedAt, runs, end: 'done', ...(endAt === undefined ? {} : { endAt }), ...rest };
}

function logOf(lives: readonly Life[], laneCount: number, more: Partial<Log> = {}): Log {
  const lanes = Array.from({ length: laneCount }, (_, index): LaneLife => ({
    lane: (index + 1) as LaneId, laneKind: 'cpu', tenant: undefined, gate: undefined, openedAt: 0,
    runs: lives.flatMap(({ runs }) => runs).filter(({ lane }) => lane === index + 1),
  }));
  return { workload: 'w', seed: 1, steps: [], lives: new Map(lives.map((one) => [one.op.op, one])), lanes, gpu: [], faults: [], endAt: 100, ended: 'quiet', ...more };
}

test('each tenant and class has its own figures', () => {
  const summary = summaryOf(logOf([
    life(1, { tenant: 'a', priority: 'critical', deadlineAt: 12 }, 0, [run(1, 1, 2, 12)]),
    life(2, { tenant: 'a', priority: 'high', deadlineAt: 21 }, 0, [run(2, 1, 12, 22)]),
    life(3, { tenant: 'a' }, 5, [run(3, 1, 22, 25, { result: 'failed' }), run(3, 2, 30, 40, { attempt: 2 })]),
    life(4, { tenant: 'b', deadlineAt: 9 }, 0, [], { end: 'failed', endAt: 9, failure: { code: 'deadline-passed' } }),
  ], 2));
  expect(summary.groups).toEqual([
    { tenant: 'a', priority: 'user-blocking', count: 2, done: 2, failed: 0, missed: 1, service: 20, wait: { p50: 2, p95: 12, p99: 12 }, latency: { p50: 12, p95: 22, p99: 22 } },
    { tenant: 'a', priority: 'user-visible', count: 1, done: 1, failed: 0, missed: 0, service: 13, wait: { p50: 17, p95: 17, p99: 17 }, latency: { p50: 35, p95: 35, p99: 35 } },
    { tenant: 'b', priority: 'user-visible', count: 1, done: 0, failed: 1, missed: 1, service: 0, wait: undefined, latency: undefined },
  ]);
});

test('an op waits from when it was ready, not from when it was submitted', () => {
  const [group] = summaryOf(logOf([life(1, {}, 0, [run(1, 1, 50, 60)], { readyAt: 45 }), life(2, {}, 0, [], { end: 'cancelled', endAt: 70 })], 1)).groups;
  expect(group).toMatchObject({ wait: { p99: 5 }, latency: { p99: 60 }, count: 2, done: 1, failed: 1 });
});

test('lanes are busy or idle from the first arrival to the last end, while they are open', () => {
  const log = logOf([life(1, {}, 10, [run(1, 1, 10, 30)]), life(2, {}, 10, [run(2, 2, 20, 50)])], 2);
  log.lanes[1]!.closedAt = 50;
  expect(summaryOf(log).uses).toEqual([
    { lane: 1, laneKind: 'cpu', busy: 20, idle: 20, utilisation: 0.5 },
    { lane: 2, laneKind: 'cpu', busy: 30, idle: 10, utilisation: 0.75 },
  ]);
});

test('a lane with a gate is busy while it encodes, and the GPU is a row of its own', () => {
  const log = logOf([life(1, {}, 0, [run(1, 1, 0, 40, { encodedAt: 10 })])], 1);
  const lanes = [{ ...log.lanes[0]!, gate: 1 as GateId, laneKind: 'gpu' as const }];
  const gpu = [{ gate: 1 as GateId, op: 1 as OpId, predicted: 20, submittedAt: 10, startAt: 10, endAt: 30 }];
  expect(summaryOf({ ...log, lanes, gpu }).uses).toEqual([
    { lane: 1, laneKind: 'gpu', busy: 10, idle: 30, utilisation: 0.25 },
    { lane: undefined, laneKind: 'gpu', busy: 20, idle: 20, utilisation: 0.5 },
  ]);
});

test('the makespan is compared with the longest way, and with the work on lanes that are never idle', () => {
  const dependsOn = (op: number) => ({ dependencies: [{ op: op as OpId, bytes: 0 }] });
  const path = logOf([life(1, {}, 0, [run(1, 1, 0, 10)]), life(2, dependsOn(1), 0, [run(2, 1, 12, 22)]), life(3, {}, 0, [run(3, 2, 0, 5)])], 2);
  expect(summaryOf(path)).toMatchObject({ makespan: 22, overLeast: 22 / 20 });
  const work = logOf([life(1, {}, 0, [run(1, 1, 0, 10)]), life(2, {}, 0, [run(2, 1, 10, 20)]), life(3, {}, 0, [run(3, 2, 0, 10)])], 2);
  expect(summaryOf(work)).toMatchObject({ makespan: 20, overLeast: 20 / 15 });
  const late = logOf([life(1, {}, 0, [run(1, 1, 0, 10)]), life(2, {}, 30, [run(2, 1, 30, 40)])], 1);
  expect(summaryOf(late)).toMatchObject({ makespan: 40, overLeast: 1 });
});

test('who had a share after its weight is treated fairly', () => {
  const shares = (weight: number) => summaryOf(logOf([life(1, { tenant: 'a' }, 0, [run(1, 1, 0, 10)]), life(2, { tenant: 'b' }, 0, [run(2, 1, 10, 40)])], 1),
    [{ tenant: 'b' as TenantId, weight }]).fairness;
  expect(shares(3)).toBe(1);
  expect(shares(1)).toBeCloseTo(1600 / (2 * 1000));
});

test("Jain's index is 1 for equals, 1/n when one has everything, and 1 of nothing", () => {
  expect([jain([5, 5, 5]), jain([0, 0, 7, 0]), jain([]), jain([0, 0])]).toEqual([1, 0.25, 1, 1]);
});

test('a run in which nothing was asked for is summed up too', () => {
  expect(summaryOf(logOf([], 1))).toMatchObject({ groups: [], makespan: 0, overLeast: 1, fairness: 1, uses: [{ busy: 0, idle: 0, utilisation: 0 }] });
  expect(spreadOf([])).toBeUndefined();
});
