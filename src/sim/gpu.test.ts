import { expect, test } from 'vitest';
import type { GateId, OpId } from '../core/op.ts';
import { FalseClock } from './clock.ts';
import { FalseGpu, type GpuRun } from './gpu.ts';

const none = 0 as OpId;

test('slices of all gates run one after another in the order of submission, each for what it really takes', () => {
  const clock = new FalseClock();
  const runs: GpuRun[] = [];
  const gpu = new FalseGpu(clock, runs);
  expect(gpu.submit(1 as GateId, none, 100, 150)).toBe(150);
  expect(gpu.submit(2 as GateId, none, 100, 50)).toBe(200);
  clock.at(120, () => gpu.submit(1 as GateId, none, 10, 10));
  clock.at(500, () => gpu.submit(2 as GateId, none, 10, 20));
  while (clock.step());
  expect(runs.map(({ gate, submittedAt, startAt, endAt }) => [gate, submittedAt, startAt, endAt])).toEqual([
    [1, 0, 0, 150], [2, 0, 150, 200], [1, 120, 200, 210], [2, 500, 500, 520],
  ]);
});
