import { describe, expect, test } from 'vitest';
import type { Micros } from '../base/units.ts';
import { closedLoop, merged } from '../sim/arrivals.ts';
import type { Log } from '../sim/log.ts';
import { jain } from '../sim/summary.ts';
import { type Arrival, type LaneSpec, Numbering, type PlayedOp, type Source, type Workload } from '../sim/workload.ts';
import { play } from '../sim/world.ts';
import { type Asked, Driver, opOf, startsIn } from './driver.ts';
import type { SchedulerEvent } from './event.ts';
import type { OpId, ResourceId, TenantId } from './op.ts';
import { policyNames } from './policies.ts';

const ms = 1000;
const second = 1_000_000;
const cpu: LaneSpec = { laneKind: 'cpu' };

const run = (source: Source, more: Partial<Workload> = {}): Log =>
  play({ name: 'fairness', lanes: [cpu], tuning: { policy: 'weighted-fair' }, source, ...more }, { seed: 1, noise: 0, delays: { message: 0, notify: 0 } });

/** Two of these are wanted at all times between two instants. `factor`: what it takes, over what it says. */
const always = (numbering: Numbering, asked: Asked, { from = 0, until = second, factor = 1, inFlight = 2 } = {}): Source =>
  closedLoop({ from, until, inFlight }, () => [{ op: opOf(numbering.op(), asked), factor }]);
const tells = (at: Micros, event: SchedulerEvent): Source => ({ arrivals: [{ at, event }] });
const weights = (of: Readonly<Record<string, number>>): Pick<Workload, 'tenants'> =>
  ({ tenants: Object.entries(of).map(([tenant, weight]) => ({ tenant: tenant as TenantId, weight })) });

/** What lanes did for a tenant in [from, until). */
function servedOf(log: Log, tenant: string, from = 0, until = second): Micros {
  let served = 0;
  for (const { op, runs } of log.lives.values()) {
    for (const { startAt, endAt = startAt } of op.tenant === tenant ? runs : []) served += Math.max(0, Math.min(endAt, until) - Math.max(startAt, from));
  }
  return served;
}

describe('weighted-fair', () => {
  test.each([[1, 0.99], [10, 0.999]])('after %i thousand quanta each has had its part of them', (thousands, least) => {
    const numbering = new Numbering();
    const until = thousands * second;
    const costs = { a: 700, b: 1300, c: 2900 };
    const log = run(merged(...Object.entries(costs).map(([tenant, cost]) => always(numbering, { tenant, cost }, { until }))), weights({ a: 1, b: 2, c: 4 }));
    expect(jain([servedOf(log, 'a', 0, until), servedOf(log, 'b', 0, until) / 2, servedOf(log, 'c', 0, until) / 4])).toBeGreaterThan(least);
  });

  test('who comes late has at most one quantum more than the others from then on', () => {
    const numbering = new Numbering();
    const log = run(merged(always(numbering, { tenant: 'a' }), always(numbering, { tenant: 'b' }), always(numbering, { tenant: 'late' }, { from: 500 * ms })));
    for (const until of [510 * ms, 530 * ms, 600 * ms, second]) {
      const [a, b, late] = ['a', 'b', 'late'].map((tenant) => servedOf(log, tenant, 500 * ms, until));
      expect(late! - Math.min(a!, b!), `until ${until}`).toBeLessThanOrEqual(ms);
      expect(Math.max(a!, b!) - late!, `until ${until}`).toBeLessThanOrEqual(2 * ms);
    }
  });

  test('who sleeps and comes back has at most one quantum more each time', () => {
    const numbering = new Numbering();
    const naps = Array.from({ length: 20 }, (_, i) => always(numbering, { tenant: 'sleeper' }, { from: i * 50 * ms, until: i * 50 * ms + 25 * ms }));
    const log = run(merged(always(numbering, { tenant: 'a' }), ...naps));
    for (let nap = 0; nap < 20; nap += 1) {
      const [from, until] = [nap * 50 * ms, nap * 50 * ms + 25 * ms];
      expect(servedOf(log, 'sleeper', from, until) - servedOf(log, 'a', from, until), `nap ${nap}`).toBeLessThanOrEqual(ms);
    }
  });

  test('whoever cuts a job into a thousand gets no more than whoever does not', () => {
    const numbering = new Numbering();
    const small: Arrival = { at: 0, ops: Array.from({ length: 1000 }, () => ({ op: opOf(numbering.op(), { tenant: 'small', cost: ms }) })) };
    const large: Arrival = { at: 0, ops: Array.from({ length: 50 }, () => ({ op: opOf(numbering.op(), { tenant: 'large', cost: 20 * ms }) })) };
    const log = run({ arrivals: [small, large] });
    expect(Math.abs(servedOf(log, 'small') - servedOf(log, 'large'))).toBeLessThanOrEqual(20 * ms);
  });

  test.each([0.001, 0.1, 10])('whoever takes %d of what is left when it says that it takes 1 is charged what it took', (said) => {
    const numbering = new Numbering();
    const liar = always(numbering, { tenant: 'liar', cost: said * ms }, { factor: 1 / said, inFlight: 4 });
    const log = run(merged(liar, always(numbering, { tenant: 'honest' })));
    expect(jain([servedOf(log, 'liar'), servedOf(log, 'honest')])).toBeGreaterThan(0.99);
  });

  test('a weight of a billion is still not all of it', () => {
    const numbering = new Numbering();
    const log = run(merged(always(numbering, { tenant: 'giant' }), always(numbering, { tenant: 'dwarf' })), weights({ giant: 1e9, dwarf: 1 }));
    expect(servedOf(log, 'dwarf')).toBeLessThanOrEqual(ms);
    expect([...log.lives.values()].filter(({ op, end }) => op.tenant === 'dwarf' && end === 'done').length).toBeGreaterThan(0);
  });

  test.each([0, -1, NaN, Infinity])('%d is no weight: the last one holds', (weight) => {
    const numbering = new Numbering();
    const log = run(merged(always(numbering, { tenant: 'a' }), always(numbering, { tenant: 'b' }), tells(0, { kind: 'tenant-set', tenant: 'a' as TenantId, weight })), weights({ a: 3 }));
    expect(servedOf(log, 'a') / servedOf(log, 'b')).toBeCloseTo(3, 1);
  });

  test('a weight that changes while all want more counts from then on', () => {
    const numbering = new Numbering();
    const log = run(merged(always(numbering, { tenant: 'a' }), always(numbering, { tenant: 'b' }), tells(500 * ms, { kind: 'tenant-set', tenant: 'a' as TenantId, weight: 4 })));
    expect(servedOf(log, 'a', 0, 500 * ms) / servedOf(log, 'b', 0, 500 * ms)).toBeCloseTo(1, 1);
    expect(servedOf(log, 'a', 500 * ms) / servedOf(log, 'b', 500 * ms)).toBeCloseTo(4, 1);
  });

  test('nobody gains by being charged at one weight and given back at another', () => {
    const numbering = new Numbering();
    const trick = Array.from({ length: 100 }, (_, i) => tells(i * 10 * ms, { kind: 'tenant-set', tenant: 'trickster' as TenantId, weight: i % 2 === 0 ? 1 : 0.001 }));
    const overstated = always(numbering, { tenant: 'trickster', cost: 8 * ms }, { factor: 1 / 8 });
    const log = run(merged(overstated, always(numbering, { tenant: 'honest' }), ...trick));
    expect(servedOf(log, 'trickster')).toBeLessThan(servedOf(log, 'honest'));
  });

  test('between devices it shares the GPU, slice by slice', () => {
    const numbering = new Numbering();
    const model = (tenant: string, slices: readonly Micros[]): Source =>
      closedLoop({ until: 4 * second, inFlight: 2 }, () => [{ op: opOf(numbering.op(), { tenant, kinds: ['gpu'], cost: 16 * ms }), slices, encode: 500 } satisfies PlayedOp]);
    const gated = (tenant: string): LaneSpec => ({ laneKind: 'gpu', tenant: tenant as TenantId, gated: { priority: 'background' } });
    const log = run(merged(model('a', new Array<Micros>(16).fill(ms)), model('b', new Array<Micros>(4).fill(4 * ms))), { lanes: [gated('a'), gated('b')], ...weights({ a: 3 }) });
    const onGpu = (tenant: string): Micros => log.gpu.filter(({ op, endAt }) => endAt < 4 * second && log.lives.get(op)!.op.tenant === tenant).reduce((sum, { startAt, endAt }) => sum + endAt - startAt, 0);
    expect(onGpu('a') / onGpu('b')).toBeGreaterThan(2.7);
    expect(onGpu('a') / onGpu('b')).toBeLessThan(3.3);
  });
});

test('lottery gives each its part by chance, and the same again for the same draws', () => {
  const draw = (): readonly Micros[] => {
    const numbering = new Numbering();
    const log = run(merged(always(numbering, { tenant: 'a' }, { until: 5 * second }), always(numbering, { tenant: 'b' }, { until: 5 * second })), { tuning: { policy: 'lottery' }, ...weights({ a: 3 }) });
    return [servedOf(log, 'a', 0, 5 * second), servedOf(log, 'b', 0, 5 * second)];
  };
  const [a, b] = draw();
  expect(a! / b!).toBeGreaterThan(2.7);
  expect(a! / b!).toBeLessThan(3.3);
  expect(draw()).toEqual([a, b]);
});

test('round-robin gives turns, and starvation to nobody', () => {
  const numbering = new Numbering();
  const log = run(merged(always(numbering, { tenant: 'short' }), always(numbering, { tenant: 'long', cost: 9 * ms })), { tuning: { policy: 'round-robin' } });
  expect(servedOf(log, 'long') / servedOf(log, 'short')).toBeCloseTo(9, 0);
});

test('multilevel feedback lets whoever asks little go before whoever asks much', () => {
  const numbering = new Numbering();
  const rare: Source = { arrivals: Array.from({ length: 20 }, (_, i) => ({ at: i * 50 * ms + 100, ops: [{ op: opOf(900 + i, { tenant: 'rare' }) }] })) };
  const log = run(merged(always(numbering, { tenant: 'much' }, { inFlight: 30 }), rare), { tuning: { policy: 'multilevel-feedback' } });
  const waited = [...log.lives.values()].filter(({ op }) => op.tenant === 'rare').map(({ submittedAt, runs }) => runs[0]!.startAt - submittedAt);
  expect(waited.slice(1).every((wait) => wait <= 2 * ms), waited.join(' ')).toBe(true);
});

test.each(policyNames)('under %s a tenant that leaves in the middle of its work hinders nobody', (policy) => {
  const driver = new Driver({ policy });
  for (const lane of [1, 2, 3]) driver.lane(lane, 'cpu', lane === 2 ? 'leaver' : undefined);
  driver.submit(...[1, 2, 3, 4].map((id) => opOf(id, { tenant: 'leaver', ...(id > 2 ? { lane: 2 } : {}) })), ...[5, 6, 7, 8].map((id) => opOf(id, { tenant: 'stayer' })));
  for (const id of [1, 2, 3, 4]) driver.cancel(id);
  driver.tell({ kind: 'lane-closed', lane: 2 as never });
  driver.tell({ kind: 'tenant-set', tenant: 'leaver' as TenantId, slots: 0, weight: 1 });
  const running = new Set(startsIn(driver.told).filter((id) => id > 4));
  for (const id of [1, 2, 3, 4]) for (const started of startsIn(driver.finish(id))) running.add(started);
  for (const id of running) for (const started of startsIn(driver.finish(id))) running.add(started);
  expect([...running].toSorted((a, b) => a - b)).toEqual([5, 6, 7, 8]);
  expect(driver.scheduler.report().unfinished).toBe(0);
});

test('what costs nothing is shared too: a tenant of it does not keep another from its turn', () => {
  const driver = new Driver({ policy: 'weighted-fair' });
  driver.lane(1);
  driver.submit(...Array.from({ length: 100 }, (_, i) => opOf(i + 1, { tenant: 'free', cost: 0 })), opOf(101, { tenant: 'b', cost: 0 }), opOf(102, { tenant: 'b', cost: 0 }));
  const order = startsIn(driver.told);
  for (let i = 0; i < 102; i += 1) order.push(...startsIn(driver.finish(order[i]!)));
  expect(new Set(order).size).toBe(102);
});

test('of a resource of which there is none nobody gets any, and whoever needs none of it runs', () => {
  const driver = new Driver();
  driver.lane(1);
  driver.tell({ kind: 'resource-set', resource: 'none' as ResourceId, capacity: 0 });
  driver.submit(opOf(1, { needs: { none: 1 } }));
  driver.submit(opOf(2, { needs: { none: 0 } }));
  expect(startsIn(driver.told)).toEqual([2]);
  expect(driver.told).toContainEqual({ kind: 'settle', op: 1 as OpId, failure: { code: 'over-capacity', resource: 'none', amount: 1 } });
});

test('a tenant without slots waits until it has one, and nobody waits with it', () => {
  const driver = new Driver({ policy: 'fair' });
  driver.lane(1);
  driver.tell({ kind: 'tenant-set', tenant: 'a' as TenantId, slots: 0 });
  driver.submit(opOf(1, { tenant: 'a' }), opOf(2, { tenant: 'b' }));
  expect(startsIn(driver.told)).toEqual([2]);
  expect(startsIn(driver.finish(2))).toEqual([]);
  expect(startsIn(driver.tell({ kind: 'tenant-set', tenant: 'a' as TenantId, slots: 1 }))).toEqual([1]);
});
