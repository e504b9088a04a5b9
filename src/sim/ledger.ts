import type { Micros } from '../base/units.ts';
import { hold } from './breach.ts';
import type { LaneLife, Log, Run } from './log.ts';

interface Interval {
  readonly startAt: Micros;
  readonly endAt: Micros;
}

/** What must be true of a whole run, from its log alone: nothing overlaps, and nothing is lost between two accounts of the same time. */
export function checkLedger(log: Log): void {
  const served = covered(log.gpu);
  const sum = total(log.gpu.map(({ startAt, endAt }) => endAt - startAt));
  hold(isClose(served, sum), 'gpu-time', () => `it was busy for ${served}, and its slices took ${sum}`);
  for (const lane of log.lanes) checkLane(lane, log);
}

/** Integral of the number of ops that were there, against the sum of their stays. */
export function checkLittle(area: number, { lives }: Log): void {
  let stays = 0;
  for (const { submittedAt, endAt } of lives.values()) stays += endAt! - submittedAt;
  hold(isClose(area, stays), 'little', () => `on average there were as if they had stayed ${area} in all, and they stayed ${stays}`);
}

function checkLane({ lane, gate, runs }: LaneLife, { gpu }: Log): void {
  // What a lost lane had on the GPU is not accounted for, nor what never ended.
  if (runs.some(({ result }) => result === undefined || (gate !== undefined && result === 'lost'))) return;
  const busy = covered(runs.map((run) => ({ startAt: run.startAt, endAt: (gate === undefined ? run.endAt : run.encodedAt ?? run.endAt)! })));
  const onGpu = gate === undefined ? 0 : total(gpu.filter((run) => run.gate === gate).map(({ startAt, endAt }) => endAt - startAt));
  const service = total(runs.map((run: Run) => run.service));
  hold(isClose(busy + onGpu, service), 'lane-time', () => `lane ${lane} was busy for ${busy}, its slices took ${onGpu}, and its ops ${service}`);
}

/** Length of what they cover together. */
function covered(intervals: readonly Interval[]): Micros {
  let length = 0;
  let upTo = -Infinity;
  for (const { startAt, endAt } of intervals.toSorted((a, b) => a.startAt - b.startAt)) {
    length += Math.max(0, endAt - Math.max(startAt, upTo));
    upTo = Math.max(upTo, endAt);
  }
  return length;
}

function total(values: readonly number[]): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}

/** Instants of a workload need not be whole. */
const isClose = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(a));
