import { expect, test } from 'vitest';
import type { Micros } from '../base/units.ts';
import { asked, closedLoop, merged, periodic } from '../sim/arrivals.ts';
import type { Log } from '../sim/log.ts';
import type { Arrival, LaneSpec, PlayedOp, Workload } from '../sim/workload.ts';
import { play } from '../sim/world.ts';
import { type Asked, Driver, opOf, startsIn } from './driver.ts';
import type { SchedulerEvent } from './event.ts';
import { type GraphId, levels, type OpId, type Priority, type ResourceId, type TenantId } from './op.ts';

const cpu: LaneSpec = { laneKind: 'cpu' };
const ms = 1000;

/** Nothing takes time but the ops, and every rule of the false world is checked after every step. */
const story = (arrivals: readonly Arrival[], more: Partial<Workload> = {}): Log =>
  play({ name: 'inversion', lanes: [cpu], source: { arrivals }, ...more }, { seed: 1, noise: 0, delays: { message: 0, notify: 0 }, watch: 'each-step' });
const asks = (at: Micros, ...ops: readonly PlayedOp[]): Arrival => ({ at, ops });
const op = (id: number, asked: Asked = {}): PlayedOp => ({ op: opOf(id, asked) });
const opened = (graph: number): Arrival => ({ at: 0, event: { kind: 'graph-opened', graph: graph as GraphId, tenant: 'x' as TenantId } });
const sealed = (graph: number): Arrival => ({ at: 0, event: { kind: 'graph-sealed', graph: graph as GraphId } });
const ofOne = (...names: readonly string[]): Pick<Workload, 'resources'> => ({ resources: names.map((name) => ({ resource: name as ResourceId, capacity: 1 })) });
/** Ops 1000, 1001, … of 5 ms, all there from this instant on. */
const flood = (at: Micros, count = 100): Arrival => asks(at, ...Array.from({ length: count }, (_, i) => op(1000 + i, { cost: 5 * ms })));

const startOf = (log: Log, id: number): Micros => log.lives.get(id as OpId)!.runs[0]!.startAt;
const endOf = (log: Log, id: number): Micros => log.lives.get(id as OpId)!.endAt!;

test('what holds a buffer that someone urgent waits for goes before all that is in the middle', () => {
  const log = story([
    opened(1), asks(0, op(1, { priority: 'background', graph: 1, keeps: { buffer: 1 }, cost: 4 * ms })), asks(0, op(2, { priority: 'background', graph: 1, after: [1], cost: 4 * ms })), sealed(1),
    flood(1 * ms), asks(2 * ms, op(3, { priority: 'user-blocking', needs: { buffer: 1 } })),
  ], ofOne('buffer'));
  expect([startOf(log, 2), startOf(log, 3)], 'at once after what holds it').toEqual([4 * ms, 8 * ms]);
});

test('so does what is waited for by what holds it', () => {
  // The lowest keeps b; the low keeps a, and its second op waits for b; the urgent waits for a.
  const log = story([
    opened(1), asks(0, op(1, { priority: 'background', graph: 1, keeps: { b: 1 }, cost: 4 * ms })), asks(0, op(2, { priority: 'background', graph: 1, after: [1], cost: 4 * ms })), sealed(1),
    opened(2), asks(0, op(3, { priority: 'low', graph: 2, keeps: { a: 1 }, cost: 4 * ms })), asks(0, op(4, { priority: 'low', graph: 2, after: [3], needs: { b: 1 }, cost: 4 * ms })), sealed(2),
    flood(7 * ms), asks(7 * ms, op(5, { priority: 'critical', needs: { a: 1 } })),
  ], ofOne('a', 'b'));
  expect(Math.max(...[1, 2, 3, 4].map((id) => endOf(log, id)))).toBe(16 * ms);
  expect(startOf(log, 5)).toBe(16 * ms);
});

/** Ops 1…depth of half a millisecond, each after the last. */
const chain = (depth: number): readonly PlayedOp[] =>
  Array.from({ length: depth }, (_, i) => op(i + 1, { priority: 'background', cost: 500, ...(i > 0 ? { after: [i] } : {}) }));

test.each([1, 50])('an urgent op lifts all that it depends on, %i deep, over what is in the middle', (depth) => {
  const log = story([flood(0), asks(1, ...chain(depth), op(depth + 1, { priority: 'user-blocking', after: [depth] }))]);
  expect(startOf(log, depth + 1), 'all of its way, and what ran when it came').toBe(5 * ms + depth * 500);
});

test('when the urgent op is cancelled, what it lifted sinks back', () => {
  const log = story([
    flood(0), asks(1, ...chain(50), op(51, { priority: 'user-blocking', after: [50] })), { at: 10_200, event: { kind: 'op-cancelled', op: 51 as OpId } },
  ]);
  expect(startOf(log, 11), 'it ran already').toBe(10 * ms);
  expect(startOf(log, 12), 'after all of the middle').toBe(10_500 + 99 * 5 * ms);
});

test('a boost through a buffer is taken back too', () => {
  const log = story([
    opened(1), asks(0, op(1, { priority: 'background', graph: 1, keeps: { buffer: 1 } })), asks(0, op(2, { priority: 'background', graph: 1, after: [1] })),
    asks(0, op(3, { priority: 'background', graph: 1, after: [2] })), sealed(1),
    flood(500), asks(500, op(4, { priority: 'user-blocking', needs: { buffer: 1 } })), { at: 1500, event: { kind: 'op-cancelled', op: 4 as OpId } },
  ], ofOne('buffer'));
  expect(startOf(log, 2)).toBe(1 * ms);
  expect(startOf(log, 3)).toBe(2 * ms + 100 * 5 * ms);
});

test('who asks urgently for what somebody else has begun at leisure does not wait behind others', () => {
  const prefix = [1, 2, 3].map((id) => op(id, { priority: 'background', cost: 2 * ms, ...(id > 1 ? { after: [id - 1] } : {}) }));
  const log = story([asks(0, ...prefix), flood(500), asks(1 * ms, op(4, { tenant: 'y', priority: 'user-blocking', after: [3] }))]);
  expect(startOf(log, 4)).toBe(6 * ms);
  expect(log.steps.flatMap(({ commands }) => commands).filter((command) => command.kind === 'start' && command.op < 4).map((start) => start.kind === 'start' && start.why.because))
    .toEqual(['order', 'inherited', 'inherited']);
});

/** On the tenant's own device: slices of a millisecond. */
const model = (id: number, tenant: string, priority: Priority, count: number, more: Asked = {}): PlayedOp =>
  ({ op: opOf(id, { tenant, priority, kinds: ['gpu'], cost: count * ms, ...more }), slices: new Array<Micros>(count).fill(ms), encode: 500 });

/**
 * Devices of one class, so that none has credit over another. For a second `b` has three runs of 5 ms under way; where that is not the most urgent
 * class, there is a little of that too, so that gates go one at a time.
 */
function besides(priority: Priority, arrivals: readonly Arrival[]): Log {
  const gated = (tenant: string, of: Priority): LaneSpec => ({ laneKind: 'gpu', tenant: tenant as TenantId, gated: { priority: of } });
  let id = 2000;
  const loop = closedLoop({ inFlight: 3, until: 1000 * ms }, () => [model((id += 1), 'b', priority, 5)]);
  const blinks = asked(periodic(25 * ms, { until: 1000 * ms }), () => [model((id += 1), 'd', 'user-blocking', 1)]);
  const isUrgent = priority === 'user-blocking';
  return story([], {
    lanes: [...['a', 'b', 'c'].map((tenant) => gated(tenant, priority)), ...(isUrgent ? [] : [gated('d', 'user-blocking')])],
    source: merged({ arrivals }, loop, ...(isUrgent ? [] : [blinks])), ...ofOne('buffer'),
  });
}

test.each(['user-blocking', 'user-visible'] as const)('what stands before something %s in its own gate does not wait for what is as urgent in another', (priority) => {
  const log = besides(priority, [asks(5 * ms, model(1, 'a', 'background', 20)), asks(10 * ms, model(2, 'a', priority, 1))]);
  expect(endOf(log, 2), '21 ms of work, and what the others do meanwhile').toBeLessThan(80 * ms);
});

test.each(['user-blocking', 'user-visible'] as const)('nor does what holds a buffer that something %s waits for', (priority) => {
  const log = besides(priority, [asks(5 * ms, model(1, 'a', 'background', 20, { needs: { buffer: 1 } })), asks(10 * ms, model(2, 'c', priority, 1, { needs: { buffer: 1 } }))]);
  expect(endOf(log, 2)).toBeLessThan(80 * ms);
});

const changed = (id: number, priority: (typeof levels)[number]): SchedulerEvent => ({ kind: 'priority-changed', op: id as OpId, priority });

test('a changed priority counts at once for what waits, and does not restart what runs', () => {
  const driver = new Driver();
  driver.lane(1);
  driver.submit(opOf(1), opOf(2), opOf(3), opOf(4));
  for (const event of [changed(4, 'critical'), changed(1, 'background'), changed(4, 'critical'), changed(9, 'critical'), changed(3, 'nobody\'s' as 'low')]) {
    expect(startsIn(driver.tell(event))).toEqual([]);
  }
  driver.cancel(2);
  expect(startsIn(driver.tell(changed(2, 'critical'))), 'it was cancelled').toEqual([]);
  expect(startsIn(driver.finish(1))).toEqual([4]);
  expect(startsIn(driver.finish(4))).toEqual([3]);
});

test('a changed priority counts for what is held by its tenant\'s slots', () => {
  const driver = new Driver();
  driver.lane(1);
  driver.lane(2);
  driver.tell({ kind: 'tenant-set', tenant: 'x' as TenantId, slots: 1 });
  driver.submit(opOf(1), opOf(2), opOf(3));
  driver.tell(changed(3, 'critical'));
  expect(startsIn(driver.finish(1))).toEqual([3]);
});

test('what is asked for under the same priority keeps its place, and what is changed and changed back too', () => {
  const driver = new Driver();
  driver.lane(1);
  driver.submit(...Array.from({ length: 6 }, (_, i) => opOf(i + 1)));
  for (const [id, priority] of [[3, 'critical'], [5, 'normal'], [3, 'normal']] as const) driver.tell(changed(id, priority));
  expect([1, 2, 3, 4, 5].flatMap((id) => startsIn(driver.finish(id)))).toEqual([2, 3, 4, 5, 6]);
});

test('ten thousand changes of ten thousand ops, and each is where it belongs', { timeout: 20_000 }, () => {
  const { scheduler } = new Driver();
  scheduler.step({ kind: 'ops-submitted', ops: Array.from({ length: 10_000 }, (_, i) => opOf(i + 1)) }, 0);
  for (let i = 0; i < 10_000; i += 1) scheduler.step(changed(1 + ((i * 7919) % 10_000), levels[(i * 31) % 5]!), 0);
  scheduler.check();
  const expected = new Map<number, number>();
  for (let i = 0; i < 10_000; i += 1) expected.set(1 + ((i * 7919) % 10_000), (i * 31) % 5);
  const order = [...expected.keys()].toSorted((a, b) => expected.get(a)! - expected.get(b)! || a - b);
  const started = startsIn(scheduler.step({ kind: 'lane-opened', lane: 1 as never, laneKind: 'cpu' }, 0));
  for (let i = 0; i < 10_000; i += 1) started.push(...startsIn(scheduler.step({ kind: 'op-finished', op: started[i]! as OpId }, 0)));
  expect(started).toEqual(order);
});

test('equals go in the order they came, however many came before', { timeout: 30_000 }, () => {
  const { scheduler } = new Driver({ policy: 'fifo' });
  scheduler.step({ kind: 'lane-opened', lane: 1 as never, laneKind: 'cpu' }, 0);
  let running = 0;
  let isInOrder = true;
  for (let id = 1; id <= 200_000; id += 1) {
    for (const started of startsIn(scheduler.step({ kind: 'op-submitted', op: opOf(id) }, 0))) running = started;
    if (id % 10 === 0) continue; // Ten wait, then more and more.
    for (const started of startsIn(scheduler.step({ kind: 'op-finished', op: running as OpId }, 0))) {
      isInOrder &&= started === running + 1;
      running = started;
    }
  }
  expect([isInOrder, running, scheduler.report().unfinished]).toEqual([true, 180_001, 20_000]);
});
