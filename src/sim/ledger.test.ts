import { expect, test } from 'vitest';
import type { GateId, LaneId, OpId } from '../core/op.ts';
import { checkLedger, checkLittle } from './ledger.ts';
import type { Log, Run } from './log.ts';

const run = (startAt: number, endAt: number, service = endAt - startAt): Run =>
  ({ op: 1 as OpId, attempt: 1, lane: 1 as LaneId, startAt, endAt, service, result: 'done' });

const slice = (startAt: number, endAt: number) => ({ gate: 1 as GateId, op: 1 as OpId, predicted: 1, submittedAt: startAt, startAt, endAt });

function log(runs: readonly Run[], gpu: Log['gpu'] = [], gate?: GateId): Log {
  const lanes = [{ lane: 1 as LaneId, laneKind: 'cpu' as const, tenant: undefined, gate, openedAt: 0, runs: [...runs] }];
  const life = { op: {} as never, played: {} as never, submittedAt: 10, endAt: 40, runs: [] };
  return { workload: 'doctored', seed: 0, steps: [], lives: new Map([[1 as OpId, life]]), lanes, gpu, faults: [], endAt: 100, ended: 'quiet' };
}

test('a lane is busy for as long as its runs take, together: an overlap or a gap is found', () => {
  expect(() => checkLedger(log([run(0, 10), run(10, 25)]))).not.toThrow();
  expect(() => checkLedger(log([run(0, 10), run(9, 25)]))).toThrow(/^lane-time/);
  expect(() => checkLedger(log([run(0, 10, 9)]))).toThrow(/^lane-time/);
});

test('behind a gate, encoding and slices are all that its ops take', () => {
  const encoded = { ...run(0, 50, 25), encodedAt: 5 };
  expect(() => checkLedger(log([encoded], [slice(5, 25)], 1 as GateId))).not.toThrow();
  expect(() => checkLedger(log([encoded], [slice(5, 24)], 1 as GateId))).toThrow(/^lane-time/);
});

test('one slice at a time is on the GPU', () => {
  expect(() => checkLedger(log([], [slice(0, 10), slice(10, 20)]))).not.toThrow();
  expect(() => checkLedger(log([], [slice(0, 10), slice(9, 20)]))).toThrow(/^gpu-time/);
});

test("Little's law: what was there, integrated, is what they stayed", () => {
  expect(() => checkLittle(30, log([]))).not.toThrow();
  expect(() => checkLittle(31, log([]))).toThrow(/^little/);
});
