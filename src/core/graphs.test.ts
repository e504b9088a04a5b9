import { describe, expect, test } from 'vitest';
import { Driver, opOf, settledIn, startsIn } from './driver.ts';
import type { Command } from './event.ts';
import type { GraphId, LaneId, Op, OpId, TenantId } from './op.ts';
import type { Scheduler } from './scheduler.ts';

type Circle = readonly (readonly [op: number, after: readonly number[]])[];

function withGraph(...lanes: readonly number[]): Driver {
  const driver = new Driver();
  driver.tell({ kind: 'graph-opened', graph: 1 as GraphId, tenant: 'x' as TenantId });
  for (const lane of lanes) driver.lane(lane);
  return driver;
}
const node = (id: number, ...after: readonly number[]): Op => opOf(id, { graph: 1, after });
const seal = (driver: Driver): readonly Command[] => driver.tell({ kind: 'graph-sealed', graph: 1 as GraphId });
const refusals = (commands: readonly Command[]): string[] =>
  commands.flatMap((command) => (command.kind === 'refuse-dependency' ? [`${command.op} on ${command.dependency}: ${command.failure.code}`] : []));

describe('a dependency that comes late', () => {
  test('is refused with the way round when it closes a circle, and nothing has changed', () => {
    const driver = withGraph(1, 2);
    driver.submit(node(1), node(2, 1), node(3, 2), node(4, 3));
    expect(driver.depend(2, 4)).toEqual([{ kind: 'refuse-dependency', op: 2, dependency: 4, failure: { code: 'cycle', path: [2, 3, 4, 2] } }]);
    expect([startsIn(driver.finish(1)), startsIn(driver.finish(2)), startsIn(driver.finish(3))]).toEqual([[2], [3], [4]]);
  });

  test('on itself is a circle of one', () => {
    const driver = withGraph();
    driver.submit(node(1));
    expect(driver.depend(1, 1)).toEqual([{ kind: 'refuse-dependency', op: 1, dependency: 1, failure: { code: 'cycle', path: [1, 1] } }]);
  });

  test('told twice is one', () => {
    const driver = withGraph(1);
    driver.submit(node(1), node(2, 1));
    expect([driver.depend(2, 1), driver.depend(2, 1)]).toEqual([[], []]);
    expect(startsIn(driver.finish(1))).toEqual([2]);
  });

  test('on an op that is done changes nothing; on one that is unknown it is refused', () => {
    const driver = withGraph(1);
    driver.submit(node(1), node(2));
    driver.submit(node(3, 2));
    driver.finish(1);
    expect([refusals(driver.depend(3, 1)), refusals(driver.depend(3, 77))]).toEqual([[], ['3 on 77: unknown-dependency']]);
    expect(startsIn(driver.finish(2))).toEqual([3]);
  });

  test('on an op that failed, was cancelled or drains ends it with the cause', () => {
    const driver = withGraph(1, 2, 3);
    driver.submit(...[1, 2, 3].map((id) => node(id)), ...[4, 5, 6].map((id) => opOf(id, { graph: 1, lane: 9 })));
    driver.fail(1);
    driver.cancel(2);
    driver.fail(2);
    driver.cancel(3);
    expect([1, 2, 3].map((on) => settledIn(driver.depend(on + 3, on)).map(([op, failure]) => [op, failure.code === 'dependency-failed' && failure.cause.code])))
      .toEqual([[[4, 'failed']], [[5, 'cancelled']], [[6, 'cancelled']]]);
  });

  test('to an op that has started, or never was, is refused', () => {
    const driver = withGraph(1);
    driver.submit(node(1), node(2));
    expect([refusals(driver.depend(1, 2)), refusals(driver.depend(9, 2))]).toEqual([['1 on 2: invalid'], ['9 on 2: invalid']]);
  });

  test.each([NaN, -1, Infinity])('with %d bytes is refused', (bytes) => {
    const driver = withGraph();
    driver.submit(node(1), node(2));
    expect(refusals(driver.tell({ kind: 'dependency-added', op: 2 as OpId, dependency: { op: 1 as OpId, bytes } }))).toEqual(['2 on 1: invalid']);
  });

  test('takes an op that is ready, held or paused back out of line', () => {
    const driver = withGraph(1);
    driver.tell({ kind: 'tenant-set', tenant: 'x' as TenantId, slots: 1 });
    driver.submit(opOf(1));
    driver.submit(node(2), node(3));
    driver.submit(node(4));
    driver.depend(2, 4);
    driver.tell({ kind: 'graph-paused', graph: 1 as GraphId });
    driver.depend(3, 2);
    expect(startsIn(driver.finish(1))).toEqual([]);
    expect(startsIn(driver.tell({ kind: 'graph-resumed', graph: 1 as GraphId }))).toEqual([4]);
    expect([startsIn(driver.finish(4)), startsIn(driver.finish(2))]).toEqual([[2], [3]]);
  });
});

const circles: readonly (readonly [Circle])[] = [[[[1, [1]]]], [[[1, [2]], [2, [1]]]], [[[1, [3]], [2, [1]], [3, [2]], [4, []]]]];

test.each(circles)('of %j told at once none is taken, and each is told why', (ops) => {
  const driver = withGraph(1);
  expect(settledIn(driver.submit(...ops.map(([id, after]) => node(id, ...after)))).map(([op, { code }]) => [op, code])).toEqual(ops.map(([op]) => [op, 'cycle']));
  expect(driver.scheduler.report().unfinished).toBe(0);
  expect(startsIn(driver.submit(node(1))), 'the ids are free').toEqual([1]);
});

describe('an op without a result', () => {
  test('ends all that depends on it, each once, with the first cause', () => {
    const driver = withGraph(1);
    driver.submit(node(1), node(2, 1), node(3, 1), node(4, 2, 3), node(5));
    const failure = { code: 'failed', detail: 'no luck' } as const;
    const because = { code: 'dependency-failed', because: 1, cause: failure } as const;
    expect(settledIn(driver.fail(1))).toEqual([[1, failure], [2, because], [3, because], [4, because]]);
    expect(driver.scheduler.report().unfinished).toBe(1);
  });

  test('ends what depends on it although another dependency still runs, and that runs on', () => {
    const driver = withGraph(1, 2);
    driver.submit(node(1), node(2), node(3, 1, 2));
    expect(settledIn(driver.fail(1)).map(([op]) => op)).toEqual([1, 3]);
    expect(driver.finish(2)).toEqual([]);
    expect(driver.scheduler.report().unfinished).toBe(0);
  });

  test('is not resurrected by a later success, nor is what depended on it', () => {
    const driver = withGraph(1);
    driver.submit(node(1), node(2, 1));
    driver.fail(1, true);
    expect([startsIn(driver.finish(1)), driver.scheduler.report().unfinished]).toEqual([[], 0]);
  });

  test('that is tried again ends nobody until its last attempt', () => {
    const driver = withGraph(1);
    driver.submit(opOf(1, { graph: 1, more: { retries: 2 } }), node(2, 1));
    expect([startsIn(driver.fail(1, true)), startsIn(driver.fail(1, true)), settledIn(driver.fail(1, true)).map(([op]) => op)]).toEqual([[1], [1], [1, 2]]);
  });

  test('that is cancelled is not told, and what depends on it is', () => {
    const driver = withGraph();
    driver.submit(node(1), node(2, 1));
    expect(settledIn(driver.cancel(1))).toEqual([[2, { code: 'dependency-failed', because: 1, cause: { code: 'cancelled' } }]]);
  });
});

test('whoever cancels a graph knows, and only ops of others are told', () => {
  const driver = withGraph(1);
  driver.submit(node(1), node(2, 1), node(3, 2), opOf(4, { after: [3] }));
  const commands = driver.tell({ kind: 'graph-cancelled', graph: 1 as GraphId });
  expect(settledIn(commands).map(([op]) => op)).toEqual([4]);
  expect(commands).toContainEqual({ kind: 'abort', lane: 1, op: 1 });
  expect(settledIn(driver.submit(node(5))).map(([, { code }]) => code), 'nothing is added any more').toEqual(['invalid']);
  driver.finish(1);
  expect(driver.scheduler.report().unfinished).toBe(0);
});

test('an op that runs may let its graph grow, before and behind what waits there', () => {
  const driver = withGraph(1);
  driver.submit(node(1), node(2, 1));
  driver.submit(node(3, 1));
  expect(driver.depend(2, 3)).toEqual([]);
  driver.submit(node(4, 2));
  expect([1, 3, 2].flatMap((id) => startsIn(driver.finish(id)))).toEqual([3, 2, 4]);
  driver.submit(node(5, 1, 4));
  expect(startsIn(driver.finish(4)), 'on one that is done and one that was').toEqual([5]);
});

test('graphs of nothing, of parts that know nothing of each other, and of what is done are sealed and forgotten', () => {
  const driver = withGraph(1, 2);
  seal(driver);
  expect(settledIn(driver.submit(node(1))).length, 'it is closed').toBe(1);
  driver.tell({ kind: 'graph-opened', graph: 1 as GraphId, tenant: 'x' as TenantId });
  driver.submit(node(1), node(2));
  driver.finish(1);
  driver.finish(2);
  driver.submit(node(1), node(2));
  expect(driver.scheduler.report().unfinished, 'they were told before').toBe(0);
  seal(driver);
  driver.tell({ kind: 'graph-opened', graph: 1 as GraphId, tenant: 'x' as TenantId });
  expect(startsIn(driver.submit(node(1), node(2))), 'another graph of the same number').toEqual([1, 2]);
});

// These end within the second if the work grows with the graph, and never if it grows with its square or its paths.

/** Runs all of it on one lane; the order of the starts. */
function runAll(scheduler: Scheduler, count: number): number[] {
  const order = startsIn(scheduler.step({ kind: 'lane-opened', lane: 1 as LaneId, laneKind: 'cpu' }, 0));
  for (let i = 0; i < order.length; i += 1) order.push(...startsIn(scheduler.step({ kind: 'op-finished', op: order[i]! as OpId }, i)));
  expect(order).toHaveLength(count);
  expect(scheduler.report().unfinished).toBe(0);
  return order;
}

interface Shape {
  readonly name: string;
  readonly after: readonly (readonly number[])[];
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const large: readonly Shape[] = [
  { name: 'a chain of 100 000', after: range(100_000).map((i) => (i === 0 ? [] : [i])) },
  { name: 'a star of 100 000 leaves', after: range(100_001).map((i) => (i === 0 ? [] : [1])) },
  { name: 'a sink of 100 000 sources', after: [...range(100_000).map(() => []), range(100_000).map((i) => i + 1)] },
  { name: '300 that each of 300 depends on', after: range(600).map((i) => (i < 300 ? [] : range(300).map((j) => j + 1))) },
  // There are 2^40 ways through.
  { name: '40 diamonds on top of each other', after: [[], ...range(40).flatMap((i) => [[3 * i + 1], [3 * i + 1], [3 * i + 2, 3 * i + 3]])] },
];

describe.each(large)('$name', ({ after }) => {
  const ops = after.map((on, i) => opOf(i + 1, { graph: 1, ...(on.length > 0 ? { after: on } : {}) }));

  test.each(['as they are', 'the other way round'])('can be told %s, and all of it runs in an order that its edges allow', { timeout: 30_000 }, (way) => {
    const { scheduler } = withGraph();
    scheduler.step({ kind: 'ops-submitted', ops: way === 'as they are' ? ops : ops.toReversed() }, 0);
    scheduler.step({ kind: 'priority-changed', op: ops.length as OpId, priority: 'critical' }, 0);
    scheduler.check();
    const place = new Map(runAll(scheduler, ops.length).map((id, index) => [id, index]));
    expect(after.every((on, i) => on.every((before) => place.get(before)! < place.get(i + 1)!))).toBe(true);
  });

  test('fails from its first op, each once', { timeout: 30_000 }, () => {
    const { scheduler } = withGraph(1);
    scheduler.step({ kind: 'ops-submitted', ops }, 0);
    const settled = settledIn(scheduler.step({ kind: 'op-failed', op: 1 as OpId, detail: 'no', mayPass: false }, 0)).map(([op]) => op);
    expect(new Set(settled).size).toBe(settled.length);
    for (const { op } of ops) scheduler.step({ kind: 'op-cancelled', op }, 0);
    scheduler.step({ kind: 'op-finished', op: 2 as OpId }, 0);
    scheduler.check();
    expect(scheduler.report().unfinished).toBe(0);
  });
});

test('ten thousand are cancelled at one instant, one by one', { timeout: 30_000 }, () => {
  const { scheduler } = withGraph(1);
  scheduler.step({ kind: 'ops-submitted', ops: range(10_000).map((i) => opOf(i + 1, { deadlineAt: 1e6 + i, ...(i % 3 === 0 ? { needs: { r: 1 } } : {}) })) }, 0);
  for (let id = 10_000; id >= 1; id -= 1) scheduler.step({ kind: 'op-cancelled', op: id as OpId }, 0);
  scheduler.step({ kind: 'op-finished', op: 1 as OpId }, 0);
  scheduler.check();
  expect(scheduler.report().unfinished).toBe(0);
  expect(scheduler.step({ kind: 'woke' }, 2e6), 'no timer is left').toEqual([]);
});
