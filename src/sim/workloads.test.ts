import { expect, test } from 'vitest';
import { takes } from './graphs.ts';
import type { Arrival } from './workload.ts';
import { summaryOf } from './summary.ts';
import { urgentBeside, workloads } from './workloads.ts';
import { play } from './world.ts';

const setting = { seed: 5, lanes: 4, until: 2_000_000 };
const opsIn = (arrivals: readonly Arrival[]) => arrivals.flatMap((arrival) => ('ops' in arrival ? arrival.ops : []));

test.each(Object.keys(workloads))('%s asks in the order of time, until it is told to stop, for ops that its lanes can run', (name) => {
  const { lanes, source } = workloads[name]!(setting);
  const instants = source.arrivals.map(({ at }) => at);
  expect(instants).toEqual(instants.toSorted((a, b) => a - b));
  expect(Math.max(...instants)).toBeLessThan(setting.until);
  const ops = opsIn(source.arrivals);
  expect(new Set(ops.map(({ op }) => op.op)).size).toBe(ops.length);
  for (const { op } of ops) {
    expect(lanes.some((lane) => op.costs![lane.laneKind] !== undefined && (lane.tenant ?? op.tenant) === op.tenant)).toBe(true);
  }
});

test.each(Object.keys(workloads))('%s is the same for the same seed, and another for another', (name) => {
  const arrivals = (seed: number) => JSON.stringify(workloads[name]!({ ...setting, seed }).source.arrivals);
  expect(arrivals(5)).toBe(arrivals(5));
  expect(arrivals(5)).not.toBe(arrivals(6));
});

test('the urgent tenant asks for 10 ms in 50, and no piece of the others is above a twentieth of that', () => {
  const urgent = opsIn(urgentBeside(setting, 'urgent').source.arrivals);
  expect(urgent).toHaveLength(40);
  expect(urgent.map((played) => takes({ ...played, encode: 0 }))).toEqual(urgent.map(() => 10_000));
  const others = opsIn(urgentBeside(setting, 'background').source.arrivals);
  expect(others).toHaveLength(6);
  expect(Math.max(...others.flatMap(({ slices }) => slices!))).toBeLessThanOrEqual(500);
});

test('mixed work keeps its plain lanes busy, and never asks for more than they can do', () => {
  const loads = Array.from({ length: 30 }, (_, seed) => {
    const until = 10_000_000;
    const plain = opsIn(workloads['mixed']!({ seed, lanes: 4, until }).source.arrivals).filter(({ op }) => op.costs!.cpu);
    return plain.reduce((sum, played) => sum + takes(played), 0) / (4 * until);
  });
  const mean = loads.reduce((sum, load) => sum + load, 0) / loads.length;
  expect(mean).toBeGreaterThan(0.75);
  expect(mean).toBeLessThan(0.95);
});

test.each(Object.keys(workloads))('%s plays to its end with every rule kept, and sums up to what was asked for', (name) => {
  const workload = workloads[name]!({ seed: 3, lanes: 3, until: 300_000 });
  const log = play(workload, { seed: 3, watch: 'each-step' });
  expect(log.ended).toBe('quiet');
  const { groups, uses, overLeast, fairness } = summaryOf(log, workload.tenants);
  expect(groups.reduce((sum, { count }) => sum + count, 0)).toBe(log.lives.size);
  for (const { count, done, failed, missed } of groups) {
    expect(done + failed).toBe(count);
    // Nothing fails here but what comes too late for its deadline.
    expect(failed).toBeLessThanOrEqual(missed);
  }
  for (const { busy, idle, utilisation } of uses) expect(busy >= 0 && idle >= 0 && utilisation <= 1).toBe(true);
  expect(overLeast).toBeGreaterThanOrEqual(1);
  expect(fairness).toBeGreaterThan(0);
  expect(fairness).toBeLessThanOrEqual(1);
});

test('tenants of weights 1, 2 and 4 have their shares', () => {
  const workload = workloads['fair']!({ seed: 1, lanes: 2, until: 3_000_000 });
  expect(summaryOf(play(workload, { seed: 1 }), workload.tenants).fairness).toBeGreaterThan(0.99);
});
