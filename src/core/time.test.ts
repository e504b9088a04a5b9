import { describe, expect, test } from 'vitest';
import type { Micros } from '../base/units.ts';
import { jain } from '../sim/summary.ts';
import { Driver, opOf, settledIn, startsIn } from './driver.ts';
import type { Command } from './event.ts';
import type { GateId, Op, OpId, TenantId } from './op.ts';

const second = 1_000_000;
const hour = 3_600_000_000;
const woke = { kind: 'woke' } as const;
const wakes = (commands: readonly Command[]): Micros[] => commands.flatMap((command) => (command.kind === 'wake' ? [command.at] : []));
const idsIn = (commands: readonly Command[]): number[] => settledIn(commands).map(([op]) => op);
const waited = (commands: readonly Command[]): Micros[] => commands.flatMap((command) => (command.kind === 'start' ? [command.why.waited] : []));

describe('a clock that goes back', () => {
  test('is taken to stand still: nothing waited less than nothing, and order is kept', () => {
    const driver = new Driver({ policy: 'fifo' });
    driver.lane(1);
    driver.now = 10 * second;
    driver.submit(opOf(1), opOf(2));
    driver.now = 5 * second;
    driver.submit(opOf(3));
    const told = [driver.finish(1), driver.finish(2)];
    expect([told.flatMap(startsIn), told.flatMap(waited)]).toEqual([[2, 3], [0, 0]]);
  });

  test('expires nothing too early, and everything in the end', () => {
    const driver = new Driver();
    driver.now = 10 * second;
    expect(wakes(driver.submit(opOf(1, { deadlineAt: 12 * second })))).toEqual([12 * second]);
    driver.now = 5 * second;
    expect([settledIn(driver.tell(woke)), driver.told.filter(({ kind }) => kind === 'wake').length], 'it is asked for again').toEqual([[], 2]);
    driver.now = 12 * second;
    expect(idsIn(driver.tell(woke))).toEqual([1]);
  });

  test.each([NaN, Infinity, -Infinity])('or tells %d stands still too', (at) => {
    const driver = new Driver();
    driver.lane(1);
    driver.now = 7;
    driver.submit(opOf(1), opOf(2, { deadlineAt: 100 }));
    driver.now = at;
    expect(settledIn(driver.tell(woke))).toEqual([]);
    driver.now = 50;
    expect(waited(driver.finish(1))).toEqual([43]);
  });
});

describe('after an hour of sleep', () => {
  const asleep = (): Driver => {
    const driver = new Driver();
    driver.lane(1);
    driver.submit(opOf(1), ...[2, 3, 4, 5].map((id) => opOf(id, { deadlineAt: id * second })));
    driver.now = hour;
    return driver;
  };

  test('nothing expires at once: what ran may end, and the timers are set again', () => {
    const driver = asleep();
    const commands = driver.tell(woke);
    expect([settledIn(commands), wakes(commands)]).toEqual([[], [hour + second]]);
    expect(startsIn(driver.finish(1)), 'and what was late may still begin').toEqual([2]);
    driver.now += second;
    expect(idsIn(driver.tell(woke)).toSorted()).toEqual([2, 3, 4, 5]);
  });

  test('that holds whatever is told first', () => {
    const driver = asleep();
    const commands = driver.finish(1);
    expect([settledIn(commands), startsIn(commands), wakes(commands)]).toEqual([[], [2], [hour + second]]);
    expect(settledIn(driver.tell(woke)), 'the old timer').toEqual([]);
    driver.now += second;
    expect(idsIn(driver.submit(opOf(9)))).toEqual([2, 3, 4, 5]);
  });

  test('what waited that long in a gate takes no more from urgent work than was saved up', () => {
    const driver = new Driver();
    driver.gated(1, 'a');
    driver.gated(2, 'b', 'user-blocking');
    driver.submit(opOf(1, { tenant: 'b', lane: 2, priority: 'user-blocking' }));
    driver.tell({ kind: 'slices-ready', gate: 1 as GateId, priority: 'background', costs: new Array<Micros>(100).fill(2000), released: 0 });
    expect(driver.scheduler.report().ready, 'it is held').toBe(100);
    driver.now = hour;
    driver.tell(woke);
    for (let upTo = 1; upTo <= 100 - driver.scheduler.report().ready; upTo += 1) driver.tell({ kind: 'slices-done', gate: 1 as GateId, upTo });
    expect(driver.scheduler.report(), '50 ms of 200').toMatchObject({ inFlight: 0, ready: 75 });
  });

  test('what is late for another reason expires at once', () => {
    const driver = asleep();
    driver.now = 5 * second;
    expect(idsIn(driver.tell(woke))).toEqual([2, 3, 4, 5]);
  });
});

test('where every instant is the same, what came first goes first', () => {
  const driver = new Driver();
  driver.lane(1);
  const order: number[] = [];
  for (let id = 1; id <= 1000; id += 1) order.push(...startsIn(driver.submit(opOf(id, { cost: 0 }))));
  for (let i = 0; i < 1000; i += 1) order.push(...startsIn(driver.finish(order[i]!, 0)));
  expect(order).toEqual(Array.from({ length: 1000 }, (_, i) => i + 1));
  expect(waited(driver.told).every((wait) => wait === 0)).toBe(true);
});

describe('a deadline', () => {
  test('of the same microsecond as another goes by arrival', () => {
    const driver = new Driver({ policy: 'earliest-deadline' });
    driver.submit(...[3, 1, 2].map((id) => opOf(id, { deadlineAt: 5000 })));
    expect([driver.lane(1), driver.finish(3), driver.finish(1)].flatMap(startsIn)).toEqual([3, 1, 2]);
  });

  test.each([-Infinity, -5, 0, 1000])('of %d is over when it is told at 1000', (deadlineAt) => {
    const driver = new Driver();
    driver.lane(1);
    driver.now = 1000;
    expect([startsIn(driver.submit(opOf(1, { deadlineAt }))), settledIn(driver.told)]).toEqual([[], [[1, { code: 'deadline-passed' }]]]);
  });

  test('that never comes needs no timer, and one that is taken back needs none any more', () => {
    const driver = new Driver();
    expect(wakes(driver.submit(opOf(1)))).toEqual([]);
    driver.submit(opOf(2, { deadlineAt: 500 }));
    driver.tell({ kind: 'deadline-changed', op: 2 as OpId, deadlineAt: Infinity });
    driver.now = 900;
    expect([settledIn(driver.tell(woke)), wakes(driver.told)]).toEqual([[], [500]]);
  });
});

test('a timeout counts anew for each attempt, and not while the op waits for the next', () => {
  const driver = new Driver();
  driver.lane(1);
  driver.submit(opOf(1, { more: { timeout: 1000, retries: 1 } }));
  driver.submit(opOf(2, { priority: 'critical', cost: 9000 }));
  driver.now = 900;
  expect(startsIn(driver.fail(1, true))).toEqual([2]);
  driver.now = 5000;
  expect([settledIn(driver.tell(woke)), startsIn(driver.finish(2))]).toEqual([[], [1]]);
  driver.now = 5999;
  expect(settledIn(driver.tell(woke))).toEqual([]);
  driver.now = 6000;
  expect(settledIn(driver.tell(woke))).toEqual([[1, { code: 'timeout' }]]);
});

/** Two tenants that always want more, and how often each had its turn; what `a` takes is told as `measure` says. */
function turnsOf(measure: (turn: number) => number): readonly [a: number, b: number] {
  const driver = new Driver({ policy: 'weighted-fair' });
  driver.lane(1);
  const tenants: ('a' | 'b')[] = [];
  const turns = { a: 0, b: 0 };
  const ask = (tenant: 'a' | 'b'): readonly Command[] => driver.submit(opOf(tenants.push(tenant), { tenant }));
  let running = (['a', 'b', 'a', 'b'] as const).flatMap((tenant) => startsIn(ask(tenant)))[0]!;
  for (let turn = 0; turn < 1000; turn += 1) {
    const tenant = tenants[running - 1]!;
    turns[tenant] += 1;
    driver.now += 1000;
    running = startsIn([...driver.finish(running, tenant === 'a' ? measure(turn) : 1000), ...ask(tenant)])[0]!;
  }
  return [turns.a, turns.b];
}

describe('what is measured', () => {
  test.each([NaN, Infinity, -Infinity, -1000, 1e300])('as %d is no measurement: the estimate counts', (nonsense) => {
    expect(jain(turnsOf(() => nonsense))).toBeGreaterThan(0.999);
    expect(jain(turnsOf((turn) => (turn % 10 === 0 ? nonsense : 1000)))).toBeGreaterThan(0.999);
  });

  test('a hundredfold once is paid for once, and not for ever', () => {
    const [a, b] = turnsOf((turn) => (turn === 0 ? 100_000 : 1000));
    expect(b - a, '99 ms more of one, and then in turns').toBeGreaterThanOrEqual(98);
    expect(b - a).toBeLessThanOrEqual(101);
  });

  test('a first run of five hundred times the usual is forgotten', () => {
    const driver = new Driver({ policy: 'shortest-first' });
    driver.lane(1, 'gpu');
    const unknown = (id: number): Op => {
      const { costs: _costs, ...op } = opOf(id, { lane: 1, more: { name: 'model' } });
      return op;
    };
    for (let id = 1; id <= 60; id += 1) {
      driver.submit(unknown(id));
      driver.finish(id, id === 1 ? 500_000 : 1000);
    }
    driver.submit(opOf(100, { lane: 1 }));
    driver.submit(opOf(101, { lane: 1, cost: 2000 }));
    driver.submit(unknown(61));
    expect(startsIn(driver.finish(100)), 'it is taken to be the shorter').toEqual([61]);
  });

  test('on a GPU whose clock is mad the round trip is one that could be', () => {
    const driver = new Driver();
    driver.gated(1, 'a');
    driver.gated(2, 'b');
    for (const [slice, cost] of [NaN, -1, Infinity, 1e300, 0, 2000, 50].entries()) {
      driver.tell({ kind: 'slices-ready', gate: 1 as GateId, priority: 'background', costs: [cost], released: 0 });
      driver.now += slice * 777;
      driver.tell({ kind: 'slices-done', gate: 1 as GateId, upTo: slice + 1 });
      const { roundTrip, inFlight } = driver.scheduler.report();
      expect([roundTrip > 0, roundTrip < 20_000, inFlight]).toEqual([true, true, 0]);
    }
  });
});

test('a tenant that was given eleven years does not make the others\' milliseconds vanish', () => {
  const driver = new Driver({ policy: 'weighted-fair' });
  driver.lane(1);
  for (let id = 1; id <= 400; id += 1) {
    driver.submit(opOf(id, { tenant: 'old', cost: id < 400 ? 9e11 : 1000 }));
    driver.finish(id);
  }
  driver.tell({ kind: 'tenant-set', tenant: 'late' as TenantId, weight: 3 });
  const order = startsIn(driver.submit(...Array.from({ length: 400 }, (_, i) => opOf(1001 + i, { tenant: i % 2 === 0 ? 'old' : 'late' }))));
  for (let i = 0; i < 199; i += 1) order.push(...startsIn(driver.finish(order[i]!)));
  const late = order.filter((id) => id % 2 === 0).length;
  expect(late / (200 - late)).toBeCloseTo(3, 0);
});

test('ids may be as large as numbers count', () => {
  const driver = new Driver();
  driver.lane(1);
  const ids = [2 ** 53 - 1, 2 ** 52, 2 ** 31, 1];
  expect(startsIn(driver.submit(...ids.map((id) => opOf(id))))).toEqual([2 ** 53 - 1]);
  expect([2 ** 53 - 1, 2 ** 52, 2 ** 31].flatMap((id) => startsIn(driver.finish(id)))).toEqual([2 ** 52, 2 ** 31, 1]);
});
