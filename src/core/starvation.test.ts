import { describe, expect, test } from 'vitest';
import type { Micros } from '../base/units.ts';
import { asked, type Asking, closedLoop, merged, poisson } from '../sim/arrivals.ts';
import { stream } from '../sim/chance.ts';
import type { Log } from '../sim/log.ts';
import { summaryOf } from '../sim/summary.ts';
import { type LaneSpec, Numbering, type Source, type Workload } from '../sim/workload.ts';
import { play } from '../sim/world.ts';
import { type Asked, opOf } from './driver.ts';
import type { OpId, Priority, ResourceId, TenantId } from './op.ts';
import { policies } from './policies.ts';

const ms = 1000;
const second = 1_000_000;
const cpu: LaneSpec = { laneKind: 'cpu' };
const gated = (tenant: string, priority: Priority): LaneSpec => ({ laneKind: 'gpu', tenant: tenant as TenantId, gated: { priority } });

const run = (source: Source, more: Partial<Workload> = {}): Log =>
  play({ name: 'starvation', lanes: [cpu], source, ...more }, { seed: 1, noise: 0, delays: { message: 0, notify: 0 } });

/** Whoever asks gives each op its own number. */
const calls = (numbering: Numbering, as: Asked): Asking => () => [{ op: opOf(numbering.op(), as) }];
/** So many are asked for at all times. */
const always = (numbering: Numbering, inFlight: number, until: Micros, as: Asked): Source => closedLoop({ inFlight, until }, calls(numbering, as));
const once = (at: Micros, ...ops: readonly Asked[]): Source => ({ arrivals: ops.map((as, i) => ({ at, ops: [{ op: opOf(900_001 + i, as) }] })) });

/** From submission to first start. */
const waits = (log: Log, which: (id: OpId) => boolean): Micros[] =>
  [...log.lives].filter(([id]) => which(id)).map(([, { submittedAt, runs }]) => (runs[0]?.startAt ?? Infinity) - submittedAt);
const isLate = (id: OpId): boolean => id > 900_000;

describe('while urgent work would fill every lane for ever', () => {
  const urgent = (numbering: Numbering): Source => always(numbering, 3, 20 * second, { priority: 'user-blocking', cost: 2 * ms });

  test.each([['user-visible', 50 * ms], ['low', 2 * second], ['background', 5 * second]] as const)('%s work starts when its patience of %i µs is over', (priority, patience) => {
    const log = run(merged(urgent(new Numbering()), once(second, { priority, cost: 4 * ms })));
    expect(waits(log, isLate)[0]).toBeGreaterThan(patience - 1);
    expect(waits(log, isLate)[0], 'and when no urgent one waits longer').toBeLessThanOrEqual(patience + 6 * ms);
  });

  test('a heap of background work goes on at a twentieth of the speed', () => {
    const log = run(merged(urgent(new Numbering()), once(second, ...Array.from({ length: 100 }, () => ({ priority: 'background' as const, cost: 2 * ms })))));
    // 50 ms of it were saved up, the other 150 take 20 times as long.
    expect(Math.max(...waits(log, isLate))).toBeLessThan(5 * second + 20 * 150 * ms + 10 * ms);
    expect(Math.max(...waits(log, isLate))).toBeGreaterThan(5 * second + 19 * 145 * ms);
  });

  test('the lowest class starts although the middle one is always late too', () => {
    const numbering = new Numbering();
    const middle = always(numbering, 10, 20 * second, { priority: 'user-visible', cost: 2 * ms });
    const log = run(merged(urgent(numbering), middle, once(second, { priority: 'background', cost: 2 * ms })));
    expect(waits(log, isLate)[0]).toBeLessThan(6 * second);
  });

  test('so it does where the classes wait for different lanes', () => {
    const numbering = new Numbering();
    const middle = always(numbering, 10, 20 * second, { priority: 'user-visible', cost: 2 * ms, kinds: ['cpu', 'gpu'] });
    const log = run(merged(urgent(numbering), middle, once(second, { priority: 'background', cost: 2 * ms, kinds: ['cpu', 'remote'] })));
    expect(waits(log, isLate)[0]).toBeLessThan(6 * second);
  });
});

test('a background tenant with a device of its own is not kept from it for ever by urgent ones', () => {
  const numbering = new Numbering();
  const model = (tenant: string): Source => closedLoop({ inFlight: 3, until: 15 * second }, () =>
    [{ op: opOf(numbering.op(), { tenant, priority: 'user-blocking', kinds: ['gpu'], cost: 2 * ms }), slices: [ms, ms], encode: 2 * ms }]);
  const late: Source = { arrivals: [{ at: second, ops: [{ op: opOf(900_001, { tenant: 'late', priority: 'background', kinds: ['gpu'], cost: 20 * ms }), slices: new Array<Micros>(20).fill(ms), encode: ms }] }] };
  const log = run(merged(model('a'), model('b'), late), { lanes: [gated('a', 'user-blocking'), gated('b', 'user-blocking'), gated('late', 'background')] });
  expect(waits(log, isLate)[0]).toBeLessThan(5 * second + 10 * ms);
  expect(log.lives.get(900_001 as OpId)!.endAt, 'and its slices are released').toBeLessThan(7 * second);
});

/** Urgent work that takes 60 % of a lane, and so much of the others; an urgent op takes 2 ms, the others 4. */
function loaded(policy: string): Log {
  const others = 0.45;
  const [numbering, until] = [new Numbering(), 60 * second];
  const asks = (tenant: string, load: number, priority: Priority, cost: Micros): Source =>
    asked(poisson(stream(7, tenant), (load * second) / cost, { until }), calls(numbering, { tenant, priority, cost }));
  const strict: Source = { arrivals: [{ at: 0, event: { kind: 'policy-defined', name: 'strict', policy: { ...policies.priority, key: ({ readyAt }) => readyAt + 1e12 } } }] };
  const chosen: Source = { arrivals: [{ at: 0, event: { kind: 'tuned', tuning: { policy } } }] };
  return run(merged(strict, chosen, asks('urgent', 0.6, 'user-blocking', 2 * ms), asks('middle', others / 2, 'user-visible', 4 * ms), asks('lowest', others / 2, 'background', 4 * ms)));
}

describe('at 105 % of what a lane can do', () => {
  const p99 = (log: Log): Micros => summaryOf(log).groups.find(({ tenant }) => tenant === 'urgent')!.wait!.p99;
  const overloaded = loaded('priority');

  test('urgent work waits as if nothing ever aged, but for what is reserved', () => {
    // A twentieth of the time less for it, at 60 % load, is an eighth more waiting; and now and then one op of 4 ms goes before it.
    expect(p99(overloaded)).toBeLessThan(1.125 * p99(loaded('strict')) + 4 * ms);
    expect(p99(loaded('fifo')), 'which says something').toBeGreaterThan(20 * p99(overloaded));
  });

  test('what overdue work took from urgent work is a twentieth of the time, and what was saved', () => {
    const taken = overloaded.steps.flatMap(({ commands }) => commands).flatMap((c) => (c.kind === 'start' && c.why.because === 'overdue' ? [c.why.cost] : []));
    const total = taken.reduce((sum, cost) => sum + cost, 0);
    expect(total).toBeLessThan(0.05 * overloaded.endAt + 50 * ms + 4 * ms);
    expect(total).toBeGreaterThan(0);
  });
});

test('an op that needs all of a resource gets it, although those that need a little are always there', () => {
  const numbering = new Numbering();
  const few = always(numbering, 5, 2 * second, { needs: { bytes: 3 }, cost: 2 * ms });
  const log = run(merged(few, once(100 * ms, { needs: { bytes: 10 }, cost: 2 * ms })), {
    lanes: [cpu, cpu, cpu, cpu], resources: [{ resource: 'bytes' as ResourceId, capacity: 10 }],
  });
  expect(waits(log, isLate)[0]).toBeLessThan(20 * ms);
});

test('whoever asks again as soon as it is answered does not go before those who asked earlier', () => {
  const numbering = new Numbering();
  const eager = always(numbering, 1, second, { tenant: 'eager', cost: ms });
  const log = run(merged(eager, once(10 * ms + 500, ...Array.from({ length: 20 }, () => ({ tenant: 'patient', cost: ms })))));
  expect(Math.max(...waits(log, isLate)), 'one of theirs for none of its').toBeLessThanOrEqual(20 * ms + 500);
});
