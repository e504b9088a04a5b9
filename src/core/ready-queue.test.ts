import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Micros } from '../base/units.ts';
import { recordOf } from './driver.ts';
import { classRankOf, levels } from './op.ts';
import type { OpRecord } from './op-record.ts';
import { policies, policyNames, type PolicyName } from './policies.ts';
import { PolicyDesk } from './policy-desk.ts';
import { ageOf, ReadyQueue } from './ready-queue.ts';
import { Shares } from './shares.ts';

class Bench {
  readonly shares = new Shares();
  readonly desk = new PolicyDesk(this.shares);
  readonly queue = new ReadyQueue(this.desk);

  constructor(policy: PolicyName = 'priority') {
    this.desk.choose(policy);
  }

  push(...records: readonly OpRecord[]): void {
    for (const record of records) this.queue.push(record);
  }

  peek(now: Micros): OpRecord | undefined {
    const first = this.queue.peek();
    return first && (this.queue.peekOverdue(first, now) ?? first);
  }

  /** Takes all of them out, the first in order first. */
  drain(now: Micros = 0): number[] {
    const order: number[] = [];
    for (let record = this.peek(now); record !== undefined; record = this.peek(now)) {
      order.push(record.arrival);
      this.queue.remove(record);
    }
    return order;
  }
}

test('the smallest key goes first, equal keys in arrival order, wherever they were put in', () => {
  const bench = new Bench('fifo');
  bench.push(...[5, 3, 4, 1, 2].map((id) => recordOf(id, {}, { readyAt: id > 2 ? 10 : 20 })));
  expect(bench.queue.size).toBe(5);
  expect(bench.drain()).toEqual([3, 4, 5, 1, 2]);
  expect(bench.queue.size).toBe(0);
});

test('whatever the keys say, the most urgent class goes first', () => {
  const bench = new Bench();
  bench.push(recordOf(1, { priority: 'background' }), recordOf(2), recordOf(3, { priority: 'user-blocking' }, { readyAt: 40_000 }));
  expect(bench.drain(40_000)).toEqual([3, 2, 1]);
});

test('work that waited longer than its class is patient may go first', () => {
  const bench = new Bench();
  const urgent = recordOf(2, { priority: 'user-blocking' }, { readyAt: 60_000 });
  bench.push(recordOf(1), urgent);
  expect(bench.queue.peek()).toBe(urgent);
  expect(bench.queue.peekOverdue(urgent, 50_000), 'not yet').toBeUndefined();
  expect(bench.queue.peekOverdue(urgent, 50_001)).toMatchObject({ arrival: 1 });
  expect(bench.queue.peekOverdue(recordOf(3, { priority: 'critical' }, { readyAt: 50_000 }), 60_000), 'that waits for longer').toBeUndefined();
  expect(bench.queue.peekOverdue(recordOf(4), 60_000), 'of its own class').toBeUndefined();
});

test('of two classes that are overdue the one that has been for longer goes first', () => {
  const bench = new Bench();
  bench.push(recordOf(1, { priority: 'background' }), recordOf(2, {}, { readyAt: 5_000_000 }), recordOf(3, { priority: 'user-blocking' }, { readyAt: 9_000_000 }));
  expect(bench.drain(9_000_000)).toEqual([1, 2, 3]);
});

test('an op that was overdue when it was looked at is not for ever', () => {
  const bench = new Bench();
  const late = recordOf(1);
  bench.push(late);
  late.isOverdue = true;
  expect(bench.queue.peek()!.isOverdue).toBe(false);
  late.isOverdue = true;
  bench.desk.choose('fair');
  bench.queue.rebuild();
  expect(late.isOverdue).toBe(false);
});

test('what is taken out twice was taken out once', () => {
  const bench = new Bench();
  const record = recordOf(1);
  bench.push(record);
  bench.queue.remove(record);
  bench.queue.remove(record);
  expect([bench.queue.size, record.queue]).toEqual([0, undefined]);
});

test('the key of a tenant is taken when an op becomes its first, so that what it was given meanwhile counts', () => {
  const bench = new Bench('fair');
  const [a, b] = [bench.shares.of(recordOf(0, { tenant: 'a' }).op.tenant), bench.shares.of(recordOf(0, { tenant: 'b' }).op.tenant)];
  const { shares } = bench;
  const of = (id: number, tenant: string): OpRecord => recordOf(id, { tenant }, { shares });
  bench.push(of(1, 'a'), of(2, 'a'), of(3, 'b'));
  a.charge(1000, 0);
  b.charge(500, 0);
  expect(bench.drain()).toEqual([1, 3, 2]);
});

test('inside one tenant the urgent goes first, under a policy that shares too', () => {
  const bench = new Bench('round-robin');
  bench.push(recordOf(1, { priority: 'background' }), recordOf(2, { priority: 'critical' }), recordOf(3));
  expect(bench.drain()).toEqual([2, 3, 1]);
});

test.each(policyNames)('after %s took over, what is queued goes as if it had come under it', (name) => {
  const filled = (bench: Bench): Bench => {
    for (let id = 0; id < 50; id += 1) {
      bench.push(recordOf(id, { tenant: `t${id % 3}`, cost: (id * 7919) % 1000, priority: levels[id % 5]! }, { shares: bench.shares, readyAt: 50 - id }));
    }
    return bench;
  };
  const changed = filled(new Bench());
  changed.desk.choose(name);
  changed.queue.rebuild();
  const fresh = filled(new Bench(name));
  // Of what is drawn only the number is the same.
  const order = (bench: Bench): readonly number[] => (name === 'lottery' ? bench.drain().toSorted((a, b) => a - b) : bench.drain());
  expect(order(changed)).toEqual(order(fresh));
  expect(changed.queue.size).toBe(0);
});

test('100 000 that are queued change the policy, twelve times', { timeout: 30_000 }, () => {
  const bench = new Bench();
  for (let id = 0; id < 100_000; id += 1) bench.push(recordOf(id, { tenant: `t${id % 100}`, priority: levels[id % 5]! }, { shares: bench.shares, readyAt: id }));
  for (const name of policyNames) {
    bench.desk.choose(name);
    bench.queue.rebuild();
  }
  expect(bench.drain(1e9)).toHaveLength(100_000);
});

/** The slow twin: a list of what is queued, looked through each time. Under a policy that shares it keeps, for each tenant, since when it is in line. */
class Twin {
  readonly #policy: PolicyName;
  readonly #records = new Set<OpRecord>();
  readonly #keys = new Map<OpRecord, number>();
  readonly #since = new Map<string, number>();
  readonly #heads = new Map<string, OpRecord>();

  constructor(policy: PolicyName) {
    this.#policy = policy;
  }

  #keyOf({ op, readyAt, urgency, deadlineAt, cost, upwardRank, share }: OpRecord): number {
    return policies[this.#policy].key({ tenant: op.tenant, readyAt, since: readyAt, urgency, deadlineAt, cost, items: op.items ?? 1, upwardRank, share, draw: 1 });
  }

  push(record: OpRecord): void {
    this.#records.add(record);
    if (policies[this.#policy].taken === 'ready') this.#keys.set(record, this.#keyOf(record));
    this.#line(record.op.tenant);
  }

  remove(record: OpRecord): void {
    this.#records.delete(record);
    this.#line(record.op.tenant);
  }

  peek(now: Micros): OpRecord | undefined {
    const heads = policies[this.#policy].taken === 'head';
    const rank = (record: OpRecord): number => (policies[this.#policy].classes ? classRankOf(record.urgency) : 0);
    const tie = (record: OpRecord): number => (heads ? this.#since.get(record.op.tenant)! : record.arrival);
    const before = (a: OpRecord, b: OpRecord): number => this.#keys.get(a)! - this.#keys.get(b)! || tie(a) - tie(b);
    const order = (heads ? [...this.#heads.values()] : [...this.#records]).toSorted((a, b) => rank(a) - rank(b) || before(a, b));
    const [first] = order;
    const late = order.filter((record) => rank(record) > rank(first!) && this.#keys.get(record)! < Math.min(now, this.#keys.get(first!)!));
    return late.length > 0 ? late.toSorted((a, b) => this.#keys.get(a)! - this.#keys.get(b)! || rank(a) - rank(b))[0] : first;
  }

  #line(tenant: string): void {
    if (policies[this.#policy].taken === 'ready') return;
    const [head] = [...this.#records].filter(({ op }) => op.tenant === tenant).toSorted((a, b) => ageOf(a) - ageOf(b) || a.arrival - b.arrival);
    if (head === undefined) {
      this.#heads.delete(tenant);
      this.#since.delete(tenant);
      return;
    }
    if (this.#heads.get(tenant) === head) return;
    this.#heads.set(tenant, head);
    this.#keys.set(head, this.#keyOf(head));
    if (!this.#since.has(tenant)) this.#since.set(tenant, head.arrival);
  }
}

test('it is what looking through all of them each time is', () => {
  const action = fc.record({
    kind: fc.constantFrom('push', 'push', 'take', 'take', 'drop', 'charge', 'rekey', 'wait'), tenant: fc.constantFrom('a', 'b', 'c'), priority: fc.constantFrom(...levels),
    number: fc.integer({ min: 0, max: 100_000 }), cost: fc.integer({ min: 0, max: 3 }),
  });
  // A draw is another each time; the twin has none.
  const names = policyNames.filter((name) => name !== 'lottery');
  fc.assert(fc.property(fc.constantFrom(...names), fc.array(action, { maxLength: 80, size: 'max' }), (policy, actions) => {
    const bench = new Bench(policy);
    const twin = new Twin(policy);
    const queued: OpRecord[] = [];
    let [now, ids] = [0, 0];
    const drop = (record: OpRecord): void => {
      bench.queue.remove(record);
      twin.remove(record);
      queued.splice(queued.indexOf(record), 1);
    };
    for (const { kind, tenant, priority, number, cost } of actions) {
      const some = queued[number % Math.max(1, queued.length)];
      if (kind === 'wait') now += number;
      else if (kind === 'charge') bench.shares.of(recordOf(0, { tenant }).op.tenant).charge(cost, now);
      else if (kind === 'push') {
        const record = recordOf((ids += 1), { tenant, priority, cost }, { shares: bench.shares, readyAt: now });
        queued.push(record);
        bench.push(record);
        twin.push(record);
      } else if (some !== undefined && kind === 'drop') drop(some);
      else if (some !== undefined && kind === 'rekey') {
        drop(some);
        some.urgency = number % 5;
        queued.push(some);
        bench.push(some);
        twin.push(some);
      } else if (queued.length > 0) {
        const first = bench.peek(now)!;
        expect(first.arrival).toBe(twin.peek(now)!.arrival);
        drop(first);
      }
      expect(bench.queue.size).toBe(queued.length);
    }
  }), { numRuns: 400 });
});
