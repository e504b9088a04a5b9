import { describe, expect, test } from 'vitest';
import type { Micros } from '../base/units.ts';
import { asked, closedLoop, merged, periodic } from '../sim/arrivals.ts';
import type { Log } from '../sim/log.ts';
import type { Arrival, LaneSpec, PlayedOp, Source, Workload } from '../sim/workload.ts';
import { play, type WorldOptions } from '../sim/world.ts';
import { type Asked, Driver, opOf, startsIn } from './driver.ts';
import type { Command } from './event.ts';
import type { GateId, LaneKind, OpId, Priority, ResourceId, TenantId } from './op.ts';

const ms = 1000;
const second = 1_000_000;
const lane = (laneKind: LaneKind): LaneSpec => ({ laneKind });
const gated = (tenant: string, priority: Priority): LaneSpec => ({ laneKind: 'gpu', tenant: tenant as TenantId, gated: { priority } });

const run = (source: Source, lanes: Workload['lanes'], options: Partial<WorldOptions> = {}): Log =>
  play({ name: 'convoy', lanes, source }, { seed: 1, noise: 0, watch: 'each-step', ...options });
/** What a message each way and the notice of the GPU take at most, where they take time. */
const messages = 1.5 * ms;
/** Messages and notices take no time. */
const free = { delays: { message: 0, notify: 0 } } as const;
const asks = (at: Micros, ...ops: readonly PlayedOp[]): Arrival => ({ at, ops });
const op = (id: number, more: Asked = {}): PlayedOp => ({ op: opOf(id, more) });
/** A run on the tenant's own device, in slices of so long. */
const model = (id: number, tenant: string, priority: Priority, count: number, slice = ms, more: Asked = {}): PlayedOp =>
  ({ op: opOf(id, { tenant, priority, kinds: ['gpu'], cost: count * slice, ...more }), slices: new Array<Micros>(count).fill(slice), encode: 300 });
const waitOf = (log: Log, id: number): Micros => log.lives.get(id as OpId)!.runs[0]!.startAt - log.lives.get(id as OpId)!.submittedAt;
const latencyOf = (log: Log, id: number): Micros => log.lives.get(id as OpId)!.endAt! - log.lives.get(id as OpId)!.submittedAt;

describe('behind one op of half a second', () => {
  const convoy = [asks(0, op(1, { cost: 500 * ms })), asks(0, ...Array.from({ length: 1000 }, (_, i) => op(2 + i, { cost: ms, priority: 'background' })))];

  test('a thousand short ones wait where there is one lane, and an urgent one goes before them', () => {
    const log = run({ arrivals: [...convoy, asks(200 * ms, op(2000, { priority: 'user-blocking' }))] }, [lane('cpu')], free);
    expect(waitOf(log, 2000)).toBe(300 * ms);
  });

  test('they take the other lane where there are two', () => {
    const log = run({ arrivals: convoy }, [lane('cpu'), lane('cpu')], free);
    expect(Math.max(...Array.from({ length: 499 }, (_, i) => waitOf(log, 2 + i)))).toBeLessThan(499 * ms);
    expect(log.endAt).toBe(750 * ms);
  });

  test('on the GPU an urgent one waits for what was submitted, not for all', () => {
    const log = run({ arrivals: [asks(0, model(1, 'long', 'background', 500)), asks(200 * ms, model(2, 'short', 'user-blocking', 1))] },
      [gated('long', 'background'), gated('short', 'user-blocking')]);
    // Nobody urgent was about, so slices take 8 ms and the pace is one and a half of them: that, one slice more, and itself.
    expect(latencyOf(log, 2)).toBeLessThan(12 * ms + 8 * ms + ms + messages);
  });
});

test('an op that waits for a resource keeps no lane from those behind it', () => {
  const driver = new Driver();
  driver.lane(1);
  driver.lane(2);
  driver.tell({ kind: 'resource-set', resource: 'r' as ResourceId, capacity: 1 });
  driver.submit(opOf(1, { needs: { r: 1 } }));
  driver.submit(opOf(2, { priority: 'critical', needs: { r: 1 } }), opOf(3));
  expect(startsIn(driver.told)).toEqual([1, 3]);
  expect(startsIn(driver.finish(1)), 'and is the first when it can be').toEqual([2]);
});

test('ops that wait for a faster lane that is busy let others have the slow one', () => {
  const driver = new Driver();
  driver.lane(1, 'gpu');
  driver.lane(2, 'cpu');
  const costs = { gpu: { base: 2 * ms, perItem: 0 }, cpu: { base: 100 * ms, perItem: 0 } };
  driver.submit(...[1, 2, 3, 4, 5].map((id) => opOf(id, { more: { costs } })), opOf(6));
  expect(startsIn(driver.told)).toEqual([1, 6]);
});

test('a tenant that fills its gate before another of its class comes has no more ahead than its pace and one slice', () => {
  let floods = 100;
  const flood = closedLoop({ inFlight: 2, until: second }, () => [model((floods += 1), 'flood', 'user-visible', 50, 2 * ms)]);
  const log = run(merged(flood, { arrivals: [asks(300 * ms, model(1, 'late', 'user-visible', 1, 2 * ms))] }), [gated('flood', 'user-visible'), gated('late', 'user-visible')]);
  // One and a half slices of 8 ms for each of the two, one slice more, and its own 2 ms.
  expect(latencyOf(log, 1)).toBeLessThan(24 * ms + 8 * ms + 2 * ms + messages);
});

describe('beside somebody who asks every 50 ms', () => {
  const beats = periodic(50 * ms, { from: 10 * ms, until: 3 * second });
  const camera = asked(beats, (_, beat) => [model(1 + beat, 'camera', 'user-blocking', 4)]);
  const lanes = [gated('camera', 'user-blocking'), gated('background', 'background')];
  const latencies = (log: Log): Micros[] => Array.from({ length: 40 }, (_, i) => latencyOf(log, 20 + i));

  test('work that never ends delays no beat by more than one short slice and the pace', () => {
    let ids = 10_000;
    const background = closedLoop({ inFlight: 2, until: 3 * second }, () => [model((ids += 1), 'background', 'background', 30)]);
    const log = run(merged(camera, background), lanes);
    // The encoding goes on meanwhile.
    expect(Math.max(...latencies(log))).toBeLessThan(4 * ms + 2 * ms + ms + messages);
  });

  test('a long op that reaches its gate one microsecond before the beat delays it by its first slice', () => {
    const encode = 300;
    const background = asked(beats.map((at) => at - 1 - encode), (_, index) => [model(10_000 + index, 'background', 'background', 30)]);
    const log = run(merged(camera, background), lanes, free);
    expect(latencies(log)).toEqual(new Array(40).fill(2 * ms - 1 + 4 * ms));
  });
});

describe('an op that may not be interrupted', () => {
  const whole: Asked = { more: { preemptible: false } };
  const orderOf = (log: Log): number[] => log.gpu.map(({ op }) => op as number);
  /** Whatever ran between the first and the last of op 1. */
  const between = (log: Log): number[] => {
    const order = orderOf(log);
    return order.slice(order.indexOf(1), order.lastIndexOf(1)).filter((id) => id !== 1);
  };
  const lanes = ['whole', 'urgent', 'equal'].map((tenant) => gated(tenant, 'background'));
  const begun = asks(0, model(1, 'whole', 'background', 300, ms, whole));
  const urgent = asks(5 * ms, model(2, 'urgent', 'user-blocking', 3));
  const equal = asks(5 * ms, model(3, 'equal', 'background', 3));

  test.each([['urgent', [urgent]], ['equal', [equal]], ['both', [urgent, equal]], ['the last train still in its gate', [asks(290 * ms, model(2, 'urgent', 'user-blocking', 3))]]])(
    'is not, once begun (%s)', (_, others) => expect(between(run({ arrivals: [begun, ...others] }, lanes, free))).toEqual([]));

  /** Gate 1 has begun such an op, of twenty slices; gate 2 is of the most urgent class. */
  function begins(): Driver {
    const driver = new Driver();
    driver.gated(1, 'whole');
    driver.gated(2, 'urgent', 'user-blocking');
    driver.submit(opOf(1, { tenant: 'whole', lane: 1, ...whole }));
    announce(driver, 1, 1, 20);
    return driver;
  }
  const announce = (driver: Driver, gate: number, op: number, count: number): readonly Command[] => driver.tell({
    kind: 'slices-ready', gate: gate as GateId, op: op as OpId, priority: gate === 1 ? 'background' : 'user-blocking', costs: new Array<Micros>(count).fill(8 * ms), released: 0,
  });
  const said = (commands: readonly Command[]): string => commands.flatMap((c) =>
    (c.kind === 'release' ? [`${c.gate}<${c.upTo}`] : c.kind === 'recall' ? [`recall ${c.gate}`] : c.kind === 'credit' && c.gate === 2 ? [`credit ${c.credit}`] : [])).join(' ');
  const done = (driver: Driver, upTo: number): string => said(driver.tell({ kind: 'slices-done', gate: 1 as GateId, upTo }));
  /** All that gate 1 was given is done, again and again until so many slices are; what is said each time. */
  const drain = (driver: Driver, count: number): string[] => {
    const heard: string[] = [];
    for (let upTo = 0, round = 0; upTo < count && round < count; round += 1) {
      for (const c of driver.told) if (c.kind === 'release' && c.gate === 1) upTo = Math.max(upTo, c.upTo);
      heard.push(done(driver, upTo));
    }
    return heard;
  };

  test('takes the credit of the most urgent gate in the step in which it begins, and gives it back when the last of it has left its gate', () => {
    const driver = begins();
    expect(said(driver.told)).toBe('credit 50000 1<9 credit 0');
    driver.submit(opOf(2, { tenant: 'urgent', lane: 2, priority: 'user-blocking' }));
    expect([said(driver.told.slice(-2)), said(announce(driver, 2, 2, 1))], 'nothing is recalled, nothing else released').toEqual(['', '']);
    expect(drain(driver, 20)).toEqual(['1<12', '1<15', '1<18', '1<20', 'credit 50000 2<1']);
  });

  test('is one op however often it submits', () => {
    const driver = begins();
    announce(driver, 1, 1, 2);
    announce(driver, 2, 0, 1);
    expect(drain(driver, 22)).toEqual(['1<12', '1<15', '1<18', '1<21', '1<22', 'credit 50000 2<1']);
  });

  test('leaves the GPU to others when so little of it is left that all of it is there', () => {
    const driver = begins();
    driver.tell({ kind: 'slices-ready', gate: 1 as GateId, op: 1 as OpId, priority: 'background', costs: [500], released: 0 });
    announce(driver, 2, 0, 1);
    drain(driver, 18);
    expect([done(driver, 20), done(driver, 21)]).toEqual(['credit 50000 2<1', '']);
  });

  test('keeps nobody waiting when its device dies', () => {
    const driver = begins();
    announce(driver, 2, 0, 1);
    driver.gated(3, 'another');
    expect(said(driver.tell({ kind: 'gate-closed', gate: 1 as GateId }))).toBe('credit 50000 2<1');
  });

  test('lets nothing of its own tenant before others because of that', () => {
    const driver = begins();
    driver.tell({ kind: 'op-encoded', op: 1 as OpId });
    announce(driver, 1, 0, 4);
    announce(driver, 2, 0, 1);
    expect(drain(driver, 20)).toEqual(['1<12', '1<15', '1<18', '1<20', 'credit 50000 2<1']);
  });
});
