import { describe, expect, test } from 'vitest';
import { type Asked, Driver, opOf, settledIn, startsIn } from './driver.ts';
import type { Command, SchedulerEvent } from './event.ts';
import type { GateId, GraphId, LaneId, OpId, ResourceId, TenantId } from './op.ts';
import { policies } from './policies.ts';
import type { PolicyKey } from './policy.ts';

const attempts = (commands: readonly Command[]): string[] => commands.flatMap((c) => (c.kind === 'start' ? [`${c.op} on ${c.lane}, attempt ${c.attempt}`] : []));
const codes = (commands: readonly Command[]): (readonly [number, string])[] => settledIn(commands).map(([op, { code }]) => [op, code] as const);
const closeLane = (driver: Driver, lane: number): readonly Command[] => driver.tell({ kind: 'lane-closed', lane: lane as LaneId });
const closeGate = (driver: Driver, gate: number): readonly Command[] => driver.tell({ kind: 'gate-closed', gate: gate as GateId });
const retried = (id: number, asked: Asked = {}): ReturnType<typeof opOf> => opOf(id, { ...asked, more: { retries: 1 } });

describe('when a worker dies', () => {
  test('what may run elsewhere does, at once; what may not fails, and what only it could run', () => {
    const driver = new Driver();
    driver.lane(1);
    driver.lane(2);
    driver.submit(retried(1), opOf(2, { cost: 9000 }), opOf(3, { lane: 1 }), opOf(4, { after: [3] }));
    const commands = closeLane(driver, 1);
    expect([attempts(commands), codes(commands)]).toEqual([[], [[3, 'lane-closed'], [4, 'dependency-failed']]]);
    expect(attempts(driver.finish(2))).toEqual(['1 on 2, attempt 2']);
    expect(codes(closeLane(driver, 2)), 'and once is enough').toEqual([[1, 'lane-closed']]);
    expect(driver.scheduler.report().unfinished).toBe(0);
  });

  test('what it says afterwards of what runs elsewhere is not heard', () => {
    const driver = new Driver();
    driver.lane(1);
    driver.lane(2);
    driver.submit(retried(1));
    closeLane(driver, 1);
    expect(driver.tell({ kind: 'op-failed', op: 1 as OpId, attempt: 1, detail: 'late', mayPass: false })).toEqual([]);
    expect(driver.tell({ kind: 'op-finished', op: 1 as OpId, attempt: 1 })).toEqual([]);
    driver.submit(opOf(2, { after: [1] }));
    expect(startsIn(driver.tell({ kind: 'op-finished', op: 1 as OpId, attempt: 2 }))).toEqual([2]);
  });

  test('what it drained is over, and what it held is free', () => {
    const driver = new Driver();
    driver.lane(1);
    driver.tell({ kind: 'resource-set', resource: 'r' as ResourceId, capacity: 1 });
    driver.submit(opOf(1, { needs: { r: 1 } }), opOf(2, { needs: { r: 1 } }));
    driver.cancel(1);
    driver.lane(2);
    expect(startsIn(driver.told)).toEqual([1]);
    expect(startsIn(closeLane(driver, 1))).toEqual([2]);
  });

  test.each(['gate first', 'lane first'])('with its device, %s, nothing of it is left', (order) => {
    const driver = new Driver();
    driver.gated(1, 'a', 'user-blocking');
    driver.gated(2, 'b');
    driver.submit(opOf(1, { tenant: 'a', lane: 1, priority: 'user-blocking' }), opOf(2, { tenant: 'a', lane: 1, priority: 'user-blocking' }));
    driver.tell({ kind: 'slices-ready', gate: 1 as GateId, op: 1 as OpId, priority: 'user-blocking', costs: [4000, 4000], released: 1 });
    driver.tell({ kind: 'slices-ready', gate: 2 as GateId, priority: 'background', costs: [4000], released: 0 });
    const commands = order === 'gate first' ? [...closeGate(driver, 1), ...closeLane(driver, 1)] : [...closeLane(driver, 1), ...closeGate(driver, 1)];
    expect(codes(commands).map(([op]) => op).toSorted()).toEqual([1, 2]);
    expect(commands.filter(({ kind }) => kind === 'release'), 'the others are not held any more').toEqual([{ kind: 'release', gate: 2, upTo: 1, crowd: 1 }]);
    driver.tell({ kind: 'slices-done', gate: 2 as GateId, upTo: 1 });
    expect(driver.scheduler.report()).toMatchObject({ inFlight: 0, ready: 0, unfinished: 0 });
    driver.gated(1, 'a', 'user-blocking');
    expect(attempts(driver.submit(opOf(3, { tenant: 'a', lane: 1 }))), 'another of the same number').toEqual(['3 on 1, attempt 1']);
  });
});

describe('an answer', () => {
  test('that never comes keeps the lane until the timeout is told and the lane closed', () => {
    const driver = new Driver();
    driver.lane(1);
    driver.submit(opOf(1, { more: { timeout: 1000 } }), opOf(2));
    driver.now = 1000;
    expect([codes(driver.tell({ kind: 'woke' })), startsIn(driver.told)]).toEqual([[[1, 'timeout']], [1]]);
    driver.lane(2);
    expect([startsIn(driver.told), codes(closeLane(driver, 1)), driver.scheduler.report().unfinished]).toEqual([[1, 2], [], 1]);
  });

  test('that comes twice, after an end, or of nothing is not heard', () => {
    const driver = new Driver();
    driver.lane(1);
    driver.submit(opOf(1), opOf(2));
    driver.finish(1);
    for (const told of [driver.finish(1), driver.fail(1), driver.finish(77), driver.tell({ kind: 'op-encoded', op: 1 as OpId })]) expect(told).toEqual([]);
    driver.cancel(2);
    expect(driver.tell({ kind: 'op-encoded', op: 2 as OpId })).toEqual([]);
    expect([driver.finish(2), driver.finish(2), driver.scheduler.report().unfinished]).toEqual([[], [], 0]);
  });

  test('gives back what was held once, however often it comes', () => {
    const driver = new Driver();
    for (const lane of [1, 2, 3]) driver.lane(lane);
    driver.tell({ kind: 'resource-set', resource: 'r' as ResourceId, capacity: 2 });
    driver.submit(...[1, 2, 3, 4].map((id) => opOf(id, { needs: { r: 1 } })));
    expect(startsIn(driver.told)).toEqual([1, 2]);
    expect([startsIn(driver.finish(1)), startsIn(driver.finish(1))]).toEqual([[3], []]);
    expect(startsIn(closeLane(driver, 1)), 'op 3 ran there, and what it held is free').toEqual([4]);
    expect([driver.finish(3), startsIn(driver.submit(opOf(5, { needs: { r: 1 } })))], 'two are held, by 2 and 4').toEqual([[], []]);
  });
});

/** Each kind of message, in a story in which all of them do something. */
const story: readonly SchedulerEvent[] = [
  { kind: 'gate-opened', gate: 1 as GateId, tenant: 'a' as TenantId, priority: 'background' }, { kind: 'gate-opened', gate: 2 as GateId, tenant: 'b' as TenantId, priority: 'user-blocking' },
  { kind: 'lane-opened', lane: 1 as LaneId, laneKind: 'gpu', tenant: 'a' as TenantId, gate: 1 as GateId }, { kind: 'lane-opened', lane: 2 as LaneId, laneKind: 'cpu' },
  { kind: 'tenant-set', tenant: 'a' as TenantId, weight: 2, slots: 3 }, { kind: 'resource-set', resource: 'r' as ResourceId, capacity: 2 },
  { kind: 'policy-defined', name: 'own', policy: policies.fifo }, { kind: 'tuned', tuning: { policy: 'own' } }, { kind: 'tuned', tuning: { policy: 'priority' } },
  { kind: 'graph-opened', graph: 1 as GraphId, tenant: 'a' as TenantId },
  { kind: 'ops-submitted', ops: [opOf(1, { tenant: 'a', graph: 1, lane: 1 }), opOf(2, { tenant: 'a', graph: 1, after: [1], needs: { r: 2 } }), opOf(3, { tenant: 'a', graph: 1 })] },
  { kind: 'op-submitted', op: opOf(4, { tenant: 'b', deadlineAt: 900 }) }, { kind: 'dependency-added', op: 2 as OpId, dependency: { op: 3 as OpId, bytes: 5 } },
  { kind: 'graph-sealed', graph: 1 as GraphId }, { kind: 'priority-changed', op: 4 as OpId, priority: 'critical' }, { kind: 'deadline-changed', op: 4 as OpId, deadlineAt: 90_000 },
  { kind: 'slices-ready', gate: 2 as GateId, priority: 'user-blocking', costs: [500, 500], released: 1 }, { kind: 'slices-released', gate: 2 as GateId, upTo: 2 },
  { kind: 'slices-done', gate: 2 as GateId, upTo: 2 }, { kind: 'slices-recalled', gate: 1 as GateId, upTo: 0 }, { kind: 'op-encoded', op: 1 as OpId, attempt: 1 },
  { kind: 'graph-paused', graph: 1 as GraphId }, { kind: 'op-finished', op: 1 as OpId, attempt: 1, cost: 700 }, { kind: 'op-failed', op: 3 as OpId, attempt: 1, detail: '', mayPass: false },
  { kind: 'graph-resumed', graph: 1 as GraphId }, { kind: 'graph-cancelled', graph: 1 as GraphId }, { kind: 'op-cancelled', op: 4 as OpId }, { kind: 'op-finished', op: 4 as OpId, attempt: 1 },
  { kind: 'woke' }, { kind: 'gate-closed', gate: 2 as GateId }, { kind: 'lane-closed', lane: 1 as LaneId }, { kind: 'gate-closed', gate: 1 as GateId },
];
/** It carries no number, so the next one may say the same; the edge tells it once. */
const oncePerTelling = new Set<SchedulerEvent['kind']>(['slices-ready']);

test.each(story.map((event, index) => [index, event.kind] as const).filter(([, kind]) => !oncePerTelling.has(kind)))('message %i told twice (%s) is one message', (index) => {
  const tellAll = (events: readonly SchedulerEvent[]): readonly unknown[] => {
    const driver = new Driver();
    for (const event of events) driver.tell(event);
    return [driver.told.filter(({ kind }) => kind !== 'wake' && kind !== 'refuse-dependency'), driver.scheduler.report()];
  };
  expect(tellAll([...story.slice(0, index + 1), story[index]!, ...story.slice(index + 1)])).toEqual(tellAll(story));
});

describe('of what a gate tells', () => {
  const tells = (driver: Driver, kind: 'slices-done' | 'slices-released' | 'slices-recalled', upTo: number): readonly Command[] => driver.tell({ kind, gate: 1 as GateId, upTo });
  /** Gate 1 has a train of four slices of 2 ms, beside a gate of the most urgent class. */
  const underWay = (): Driver => {
    const driver = new Driver();
    driver.gated(1, 'a');
    driver.gated(2, 'b', 'user-blocking');
    driver.tell({ kind: 'slices-ready', gate: 1 as GateId, priority: 'background', costs: [2000, 2000, 2000, 2000], released: 0 });
    return driver;
  };
  const urgent = opOf(1, { tenant: 'b', lane: 2, priority: 'user-blocking' });
  const encoded = { kind: 'op-encoded', op: 1 as OpId } as const;
  const recalled = { kind: 'recall', gate: 1 } as const;
  const whole = { kind: 'release', gate: 1, upTo: 4, crowd: 1 } as const;

  test('the next word makes good for one that is lost', () => {
    const driver = underWay();
    tells(driver, 'slices-done', 3);
    expect(driver.scheduler.report().inFlight, 'the first two were never told').toBe(2000);
    driver.submit(urgent);
    driver.tell({ kind: 'slices-ready', gate: 1 as GateId, priority: 'background', costs: [500, 500], released: 4 });
    expect(driver.scheduler.report().ready, 'they are held').toBe(2);
    tells(driver, 'slices-done', 6);
    expect(driver.scheduler.report(), 'the gate did not hold them, and that was never told').toMatchObject({ inFlight: 0, ready: 0 });
  });

  test('an old word that comes once more takes nothing back', () => {
    const driver = underWay();
    tells(driver, 'slices-done', 2);
    expect([tells(driver, 'slices-done', 1), tells(driver, 'slices-released', 2), driver.scheduler.report().inFlight]).toEqual([[], [], 4000]);
  });

  test('a second answer to one recall does not take back what was released again', () => {
    const driver = underWay();
    expect(driver.submit(urgent)).toContainEqual(recalled);
    expect([tells(driver, 'slices-recalled', 1), driver.scheduler.report().ready]).toEqual([[], 3]);
    expect(driver.tell(encoded)).toContainEqual(whole);
    expect([tells(driver, 'slices-recalled', 1), driver.scheduler.report().ready]).toEqual([[], 0]);
  });

  test('the answer to a recall is waited for, and if it is lost nobody else waits', () => {
    const driver = underWay();
    driver.gated(3, 'c');
    driver.submit(urgent);
    driver.tell(encoded);
    const commands = driver.tell({ kind: 'slices-ready', gate: 3 as GateId, priority: 'background', costs: [2000], released: 0 });
    tells(driver, 'slices-done', 4);
    expect([...commands, ...driver.told].filter((c) => c.kind === 'release').map((c) => `${c.gate}<${c.upTo}`)).toEqual(['1<4', '3<1']);
    closeGate(driver, 1);
    driver.tell({ kind: 'slices-done', gate: 3 as GateId, upTo: 1 });
    expect(driver.scheduler.report()).toMatchObject({ inFlight: 0, ready: 0 });
  });

  test('a recall of what the gate had submitted is not asked for', () => {
    const driver = underWay();
    tells(driver, 'slices-released', 4);
    expect(driver.submit(urgent)).not.toContainEqual(recalled);
  });
});

test('news of slices that were never announced, or released, moves nothing out of its bounds', () => {
  const driver = new Driver();
  driver.gated(1, 'a');
  driver.gated(2, 'b');
  for (const upTo of [5, NaN, -3, Infinity, 0.5]) {
    for (const kind of ['slices-done', 'slices-released', 'slices-recalled'] as const) driver.tell({ kind, gate: 1 as GateId, upTo });
  }
  driver.tell({ kind: 'slices-ready', gate: 1 as GateId, priority: 'background', costs: [1000, 1000, 1000], released: 99 });
  expect(driver.scheduler.report()).toMatchObject({ inFlight: 3000, ready: 0 });
  driver.tell({ kind: 'slices-done', gate: 1 as GateId, upTo: 2 });
  expect(driver.scheduler.report().inFlight).toBe(1000);
});

describe('a policy that misbehaves in the middle of its reign', () => {
  const rude = (after: number, deed: () => unknown): PolicyKey => {
    let calls = 0;
    return ({ readyAt }) => ((calls += 1) > after ? (deed() as number) : -readyAt);
  };
  const deeds: readonly (readonly [string, () => unknown])[] = [
    ['throws', () => { throw new Error('no'); }], ['gives NaN', () => NaN], ['gives a text', () => 'soon'], ['gives nothing', () => undefined],
  ];

  test.each(deeds.flatMap(([name, deed]) => (['ready', 'head'] as const).map((taken) => [name, taken, deed] as const)))('(%s, keys at %s) is replaced and told once, and all that was queued runs', (_, taken, deed) => {
    const driver = new Driver();
    driver.tell({ kind: 'policy-defined', name: 'rude', policy: { key: rude(15, deed), taken, classes: false, sideBySide: false } });
    driver.tune({ policy: 'rude' });
    driver.lane(1);
    for (let id = 1; id <= 40; id += 1) driver.submit(opOf(id, { tenant: `t${id % 4}` }));
    const order = startsIn(driver.told);
    for (let i = 0; i < 40; i += 1) order.push(...startsIn(driver.finish(order[i]!)));
    expect(new Set(order).size).toBe(40);
    expect(driver.told.filter(({ kind }) => kind === 'policy-replaced')).toEqual([{ kind: 'policy-replaced', policy: 'rude', by: 'priority', detail: expect.any(String) as string }]);
    expect(driver.scheduler.report().policy).toBe('priority');
  });

  test('can be chosen again when it was mended', () => {
    const driver = new Driver();
    const define = (key: PolicyKey): void => void driver.tell({ kind: 'policy-defined', name: 'own', policy: { ...policies.fifo, key } });
    define(() => NaN);
    driver.tune({ policy: 'own' });
    driver.submit(opOf(1));
    expect(driver.scheduler.report().policy).toBe('priority');
    define(({ readyAt }) => -readyAt);
    driver.tune({ policy: 'own' });
    expect(driver.scheduler.report().policy).toBe('own');
  });
});

test('what ends lets ten thousand more come, at the same instant', { timeout: 20_000 }, () => {
  const { scheduler } = new Driver();
  for (const lane of [1, 2]) scheduler.step({ kind: 'lane-opened', lane: lane as LaneId, laneKind: 'cpu' }, 0);
  const order = startsIn(scheduler.step({ kind: 'op-submitted', op: opOf(1) }, 0));
  for (let i = 0; i < 10_001; i += 1) {
    order.push(...startsIn(scheduler.step({ kind: 'op-finished', op: order[i]! as OpId }, 0)));
    if (i === 0) order.push(...startsIn(scheduler.step({ kind: 'ops-submitted', ops: Array.from({ length: 10_000 }, (_, id) => opOf(id + 2)) }, 0)));
  }
  expect([order.length, scheduler.report().unfinished]).toEqual([10_001, 0]);
});

test('what is refused leaves nothing: no timer, no hold, no place', () => {
  const driver = new Driver();
  driver.lane(1);
  driver.tell({ kind: 'resource-set', resource: 'r' as ResourceId, capacity: 1 });
  const asked: readonly Asked[] = [{ needs: { r: 2 } }, { cost: NaN }, { after: [99] }, { graph: 3 }, { more: { costBudget: 1 } }, { gang: [1, 0] }];
  for (const [i, what] of asked.entries()) expect(driver.submit(opOf(i + 1, { ...what, deadlineAt: 5000 })).map(({ kind }) => kind)).toEqual(['settle']);
  expect(settledIn(driver.submit(opOf(20, { deadlineAt: 5000 }), opOf(21, { deadlineAt: 5000, cost: -1 }))), 'all or none').toHaveLength(2);
  driver.now = 6000;
  expect([driver.tell({ kind: 'woke' }), driver.scheduler.report().unfinished, startsIn(driver.submit(opOf(20)))]).toEqual([[], 0, [20]]);
});

test('a member of a gang that is tried again does not wait for those that ran', () => {
  const driver = new Driver();
  driver.lane(1);
  driver.lane(2);
  driver.submit(retried(1, { gang: [1, 2] }), opOf(2, { gang: [1, 2] }));
  driver.finish(2);
  expect(attempts(driver.fail(1, true))).toEqual(['1 on 1, attempt 2']);
  driver.finish(1);
  expect(driver.scheduler.report().unfinished).toBe(0);
});
