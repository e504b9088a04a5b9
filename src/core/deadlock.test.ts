import fc from 'fast-check';
import { expect, test } from 'vitest';
import { assert } from '../base/assert.ts';
import { Dependencies } from './dependencies.ts';
import { Graph } from './graph.ts';
import type { GraphId, Need, OpId, ResourceId, TenantId } from './op.ts';
import { OpRecord } from './op-record.ts';
import { Resources } from './resources.ts';
import { Shares } from './shares.ts';

const share = new Shares().of('t' as TenantId);

const resourceNames = ['a', 'b'] as const;

interface OpPlan {
  readonly needs: readonly { readonly resource: string; readonly amount: number; readonly until: Need['until'] }[];
  /** Beyond the last graph: none. */
  readonly graph: number;
  readonly dependencies: readonly number[];
}

/** A small scheduler: three lanes, and whatever is drawn decides who goes next. */
class World {
  readonly resources = new Resources();
  readonly dependencies = new Dependencies();
  readonly graphs: Graph[];
  readonly records: OpRecord[] = [];
  readonly capacities: Readonly<Record<string, number>>;
  readonly victims = new Set<OpRecord>();

  constructor(capacities: Readonly<Record<string, number>>, graphCount: number) {
    this.capacities = capacities;
    for (const [name, capacity] of Object.entries(capacities)) this.resources.setCapacity(name as ResourceId, capacity);
    this.graphs = Array.from({ length: graphCount }, (_, id) => new Graph(id as GraphId, 't' as TenantId, 0));
  }

  in(...states: OpRecord['state'][]): readonly OpRecord[] {
    return this.records.filter((record) => states.includes(record.state));
  }

  submit({ needs, graph: index, dependencies }: OpPlan): void {
    const id = this.records.length;
    const graph = this.graphs[index]?.isSealed ? undefined : this.graphs[index];
    const op = {
      op: id as OpId, tenant: 't' as TenantId, name: `op${id}`, priority: 'normal' as const, deadlineAt: Infinity,
      needs: needs.map((need) => ({ ...need, resource: need.resource as ResourceId })),
    };
    const record = new OpRecord(op, id, graph, share);
    this.records.push(record);
    this.dependencies.add(record);
    graph?.ops.set(op.op, record);
    for (const nat of id > 0 ? dependencies : []) this.connect(this.records[nat % id]!, record);
    this.resources.suspect();
    if (this.resources.impossible(record)) this.fail(record);
    else if (record.missing === 0) this.#ready(record);
  }

  connect(before: OpRecord, after: OpRecord): void {
    if (before.isEnded || !['waiting', 'ready', 'held', 'paused'].includes(after.state) || this.dependencies.connect(before, after, 0)) return;
    this.resources.suspect();
    this.resources.forget(after);
    if (after.state !== 'waiting') after.to('waiting');
  }

  /** Whether anything could be done. */
  dispatch(nat: number): boolean {
    for (const record of this.resources.wake()) if (record.state === 'held') record.to('ready');
    const ready = this.in('ready');
    const record = ready[nat % ready.length];
    if (record === undefined || this.in('encoding').length >= 3) return false;
    record.to(this.resources.tryAcquire(record) ? 'encoding' : 'held');
    this.resources.check();
    assert(resourceNames.every((name) => this.used(name) <= this.capacities[name]!), 'nobody was given more than there is');
    return true;
  }

  finish(nat: number): boolean {
    const running = this.in('encoding');
    const record = running[nat % running.length];
    if (record === undefined) return false;
    record.to('done');
    this.resources.release(record);
    this.dependencies.satisfied(record, (next) => this.#ready(next));
    this.dependencies.remove(record);
    this.#close(record.graph);
    return true;
  }

  fail(record: OpRecord): void {
    const gone = [record];
    this.dependencies.eachDescendant(record, (descendant) => gone.push(descendant));
    for (const each of gone) {
      each.to('failed');
      this.resources.forget(each);
    }
    for (const each of gone) {
      this.dependencies.remove(each);
      this.#close(each.graph);
    }
  }

  seal(nat: number): boolean {
    const open = this.graphs.filter((graph) => !graph.isSealed);
    const graph = open[nat % open.length];
    if (graph === undefined) return false;
    graph.isSealed = true;
    this.#close(graph);
    return true;
  }

  pause(nat: number): void {
    const graph = this.graphs[nat % this.graphs.length];
    if (graph === undefined) return;
    graph.isPaused = true;
    for (const record of this.in('ready', 'held')) {
      if (record.graph !== graph) continue;
      this.resources.forget(record);
      record.to('paused');
    }
  }

  resume(nat: number): boolean {
    const paused = this.graphs.filter((graph) => graph.isPaused);
    const graph = paused[nat % paused.length];
    if (graph === undefined) return false;
    graph.isPaused = false;
    for (const record of this.in('paused')) if (record.graph === graph) record.to('ready');
    return true;
  }

  used(name: string): number {
    let used = 0;
    for (const record of this.records) {
      for (const { resource, amount, until } of record.op.needs ?? []) {
        const isKept = until === 'graph-ends' && record.graph !== undefined;
        const isHeld = isKept ? record.state === 'encoding' || (record.state === 'done' && !this.#isOver(record.graph!)) : record.state === 'encoding';
        if (resource === name && isHeld) used += amount;
      }
    }
    return used;
  }

  #ready(record: OpRecord): void {
    record.to(record.graph?.isPaused ? 'paused' : 'ready');
  }

  #isOver(graph: Graph): boolean {
    return graph.isSealed && [...graph.ops.values()].every((record) => record.isEnded);
  }

  #close(graph: Graph | undefined): void {
    if (graph && this.#isOver(graph)) this.resources.releaseGraph(graph);
  }
}

/** Every order in which the rest could run, one op at a time, is tried: is there one in which this op runs? */
function canEverRun(victim: OpRecord, { records, capacities }: World): boolean {
  const unfinished = records.filter((record) => !record.isEnded && record.state !== 'encoding');
  const start = new Set(records.filter((record) => record.state === 'done' || record.state === 'encoding'));
  const seen = new Set<string>();
  const visit = (done: ReadonlySet<OpRecord>): boolean => {
    if (done.has(victim)) return true;
    const name = unfinished.filter((record) => done.has(record)).map((record) => record.op.op).join();
    if (seen.has(name)) return false;
    seen.add(name);
    const isOver = (graph: Graph): boolean => [...graph.ops.values()].every((record) => done.has(record) || record.state === 'failed');
    const kept = (resource: string): number => [...done].flatMap((record) => (record.graph && !isOver(record.graph) ? (record.op.needs ?? []) : []))
      .reduce((sum, need) => (need.resource === resource && need.until === 'graph-ends' ? sum + need.amount : sum), 0);
    const wanted = (record: OpRecord, resource: string): number =>
      (record.op.needs ?? []).reduce((sum, need) => (need.resource === resource ? sum + need.amount : sum), 0);
    return unfinished.some((record) => !done.has(record)
      && record.dependencies.every(({ before }) => done.has(before))
      && resourceNames.every((name) => wanted(record, name) === 0 || kept(name) + wanted(record, name) <= capacities[name]!)
      && visit(new Set([...done, record])));
  };
  return visit(start);
}

/** Whether one waits for the other, or for the end of the other's graph. */
function waitsFor(op: OpRecord, next: OpRecord, world: World): boolean {
  if (next.isEnded) return false;
  if (op.dependencies.some(({ before }) => before === next)) return true;
  const held = (name: string): number => [...(next.graph?.ops.values() ?? [])].filter((record) => record.state === 'done' || record.state === 'encoding')
    .flatMap((record) => record.op.needs ?? []).reduce((sum, need) => (need.resource === name && need.until === 'graph-ends' ? sum + need.amount : sum), 0);
  return (op.op.needs ?? []).some(({ resource, amount }) => amount > 0 && held(resource) > 0
    && world.used(resource) + (op.op.needs ?? []).reduce((sum, need) => sum + (need.resource === resource ? need.amount : 0), 0) > world.capacities[resource]!);
}

const nat = fc.nat({ max: 10_000 });
const needs = fc.array(fc.record({
  resource: fc.constantFrom(...resourceNames), amount: fc.integer({ min: 0, max: 4 }), until: fc.constantFrom('op-ends' as const, 'graph-ends' as const, 'graph-ends' as const),
}), { maxLength: 2 });
const planOf = (graphs: number) => fc.record({ needs, graph: fc.nat({ max: graphs }), dependencies: fc.array(nat, { maxLength: 2 }) });
const action = fc.record({
  kind: fc.constantFrom('submit', 'submit', 'dispatch', 'dispatch', 'dispatch', 'dispatch', 'finish', 'finish', 'connect', 'seal', 'pause', 'resume'), nat, other: nat,
});

function run(world: World, plans: readonly OpPlan[], actions: readonly { kind: string; nat: number; other: number }[], judge: (circle: readonly OpRecord[]) => void): void {
  let next = 0;
  const resolve = (): boolean => {
    const circle = world.resources.deadlocked();
    if (circle === undefined) return false;
    judge(circle);
    world.victims.add(circle[0]!);
    world.fail(circle[0]!);
    return true;
  };
  for (const { kind, nat, other } of actions) {
    const [a, b] = [world.records[nat % world.records.length], world.records[other % world.records.length]];
    if (kind === 'submit' && next < plans.length) world.submit(plans[next++]!);
    else if (kind === 'dispatch') world.dispatch(nat);
    else if (kind === 'finish') world.finish(nat);
    else if (kind === 'connect' && a && b) world.connect(a, b);
    else if (kind === 'seal' && nat % 3 === 0) world.seal(other);
    else if (kind === 'pause' && nat % 3 === 0) world.pause(other);
    else if (kind === 'resume') world.resume(nat);
    while (resolve());
  }
  for (const plan of plans.slice(next)) world.submit(plan);
  for (let i = 0; i < 10_000; i += 1) {
    if (resolve() || world.dispatch(i * 7) || world.finish(i * 5)) continue;
    if (!world.resume(i) && !world.seal(i)) break;
  }
}

test('an op is named only if it could never run, with a true circle; and everything else runs', () => {
  let circles = 0;
  fc.assert(fc.property(
    fc.array(planOf(3), { minLength: 2, maxLength: 9, size: 'max' }), fc.array(action, { maxLength: 60, size: 'max' }), fc.integer({ min: 3, max: 7 }), fc.integer({ min: 3, max: 7 }),
    (plans, actions, a, b) => {
      const world = new World({ a, b }, 3);
      run(world, plans, actions, (circle) => {
        circles += 1;
        expect(circle[0]).toBe(circle.at(-1));
        expect(world.resources.isWaiting(circle[0]!)).toBe(true);
        for (let i = 0; i + 1 < circle.length; i += 1) expect(waitsFor(circle[i]!, circle[i + 1]!, world)).toBe(true);
        expect(canEverRun(circle[0]!, world)).toBe(false);
      });
      expect(world.records.filter((record) => !record.isEnded)).toEqual([]);
    },
  ), { numRuns: 1500 });
  expect(circles).toBeGreaterThan(50);
});

test('in a long crowd, with reservations, nothing waits for ever', () => {
  fc.assert(fc.property(
    fc.array(planOf(12), { minLength: 60, maxLength: 90, size: 'max' }), fc.array(action, { minLength: 100, maxLength: 300, size: 'max' }), fc.integer({ min: 4, max: 8 }),
    (plans, actions, capacity) => {
      const world = new World({ a: capacity, b: capacity }, 12);
      run(world, plans, actions, () => {});
      expect(world.records.filter((record) => !record.isEnded)).toEqual([]);
    },
  ), { numRuns: 60 });
});

const need = (resource: string, amount: number): Need => ({ resource: resource as ResourceId, amount, until: 'graph-ends' });
const plan = (graph: number, ...needs: Need[]): OpPlan => ({ needs, graph, dependencies: [] });
const worldOf = (capacities: Readonly<Record<string, number>>, graphs: number, ...plans: OpPlan[]): World => {
  const world = new World(capacities, graphs);
  for (const each of plans) world.submit(each);
  for (const graph of world.graphs) graph.isSealed = true;
  return world;
};
const tryAll = ({ records, resources }: World, ...ids: number[]): boolean[] => ids.map((id) => {
  const record = records[id]!;
  const isGiven = resources.tryAcquire(record);
  if (isGiven) {
    record.to('encoding');
    record.to('done');
    resources.release(record);
  } else if (record.state === 'ready') record.to('held');
  return isGiven;
});

test('two graphs that each hold what the other wants next wait for each other, and the younger waiter is named', () => {
  const world = worldOf({ a: 1, b: 1 }, 2, plan(0, need('a', 1)), plan(1, need('b', 1)), plan(0, need('b', 1)), plan(1, need('a', 1)));
  expect(tryAll(world, 0, 1, 2, 3)).toEqual([true, true, false, false]);
  const [, , older, younger] = world.records;
  for (let i = 0; i < 2; i += 1) expect(world.resources.deadlocked()).toEqual([younger, older, younger]);
  world.fail(younger!);
  expect(world.resources.deadlocked()).toBeUndefined();
  expect(world.resources.wake()).toEqual([older]);
});

test('it is found before the second of them asks, because it will', () => {
  const world = worldOf({ a: 1, b: 1 }, 2, plan(0, need('a', 1)), plan(1, need('b', 1)), plan(0, need('b', 1)), plan(1, need('a', 1)));
  expect(tryAll(world, 0, 1)).toEqual([true, true]);
  expect(world.resources.deadlocked()).toBeUndefined();
  expect(tryAll(world, 2)).toEqual([false]);
  expect(world.resources.deadlocked()).toEqual([world.records[2], world.records[3], world.records[2]]);
});

test('whoever only waits for those in a circle is not named, however young', () => {
  const world = worldOf({ a: 1, b: 1 }, 2, plan(0, need('a', 1)), plan(1, need('b', 1)), plan(0, need('b', 1)), plan(1, need('a', 1)), plan(2, need('a', 1)));
  expect(tryAll(world, 0, 1, 2, 3, 4)).toEqual([true, true, false, false, false]);
  expect(world.resources.deadlocked()?.[0]).toBe(world.records[3]);
});

test('a graph that wants more than there is with what it holds waits for itself', () => {
  const world = worldOf({ a: 5 }, 1, plan(0, need('a', 3)), plan(0, need('a', 3)));
  expect(tryAll(world, 0, 1)).toEqual([true, false]);
  expect(world.resources.deadlocked()).toEqual([world.records[1], world.records[1]]);
});

test('what ops under way hold comes back, so who waits for it waits for nobody', () => {
  const world = worldOf({ a: 1 }, 1, { needs: [{ resource: 'a', amount: 1, until: 'op-ends' }], graph: 0, dependencies: [] }, plan(0, need('a', 1)));
  world.records[0]!.to('encoding');
  expect(world.resources.tryAcquire(world.records[0]!)).toBe(true);
  expect(tryAll(world, 1)).toEqual([false]);
  expect(world.resources.deadlocked()).toBeUndefined();
});

test('a third graph whose end would free enough is no circle', () => {
  const world = worldOf({ a: 6 }, 3, plan(0, need('a', 2)), plan(1, need('a', 2)), plan(2, need('a', 2)), plan(0, need('a', 1)), plan(1, need('a', 1)), plan(2));
  expect(tryAll(world, 0, 1, 2, 3, 4)).toEqual([true, true, true, false, false]);
  expect(world.resources.deadlocked()).toBeUndefined();
});

test('nor is one whose end waits for a fourth that ends by itself', () => {
  const world = worldOf({ a: 3, b: 1, c: 1, d: 1 }, 4,
    plan(0, need('a', 1)), plan(1, need('a', 2)), plan(2, need('b', 1)), plan(3, need('c', 1)), plan(4, need('d', 1)),
    plan(2, need('d', 1)), plan(0, need('c', 1)), plan(1, need('b', 1)), plan(3, need('a', 2)));
  expect(tryAll(world, 2, 0, 1, 3)).toEqual([true, true, true, true]);
  expect(world.resources.tryAcquire(world.records[4]!)).toBe(true);
  expect(tryAll(world, 5, 6, 7, 8)).toEqual([false, false, false, false]);
  expect(world.resources.deadlocked()).toBeUndefined();
});

test('nor is an open graph of which everything is done: it may be closed at any time', () => {
  const world = worldOf({ a: 3, c: 1 }, 3, plan(0, need('a', 2)), plan(1, need('a', 1)), plan(2, need('c', 1)), plan(1, need('c', 1)), plan(2, need('a', 2)));
  expect(tryAll(world, 0, 1, 2, 3, 4)).toEqual([true, true, true, false, false]);
  expect(world.resources.deadlocked()).toBeUndefined();
});

test('two graphs that share what both want more of wait for each other, not each for itself', () => {
  const world = worldOf({ a: 4 }, 2, plan(0, need('a', 2)), plan(1, need('a', 2)), plan(0, need('a', 1)), plan(1, need('a', 1)));
  expect(tryAll(world, 0, 1, 2, 3)).toEqual([true, true, false, false]);
  const [, , older, younger] = world.records;
  expect(world.resources.deadlocked()).toEqual([younger, older, younger]);
});

test('what runs ends, though a capacity was lowered below what it has', () => {
  const world = worldOf({ a: 4, b: 1 }, 2,
    plan(0, need('b', 1)), { needs: [{ resource: 'a', amount: 3, until: 'op-ends' }], graph: 0, dependencies: [] }, plan(1, need('a', 1)), plan(1, need('b', 1)));
  world.records[1]!.to('encoding');
  expect(world.resources.tryAcquire(world.records[1]!)).toBe(true);
  expect(tryAll(world, 0, 2, 3)).toEqual([true, true, false]);
  world.resources.setCapacity('a' as ResourceId, 2);
  expect(world.resources.deadlocked()).toBeUndefined();
});

test('a dependency that is added later can close the circle', () => {
  const world = worldOf({ a: 1 }, 2, plan(0, need('a', 1)), plan(0), plan(1, need('a', 1)));
  expect(tryAll(world, 0, 2)).toEqual([true, false]);
  expect(world.resources.deadlocked()).toBeUndefined();
  const [, last, waiter] = world.records;
  world.connect(waiter!, last!);
  expect(world.resources.deadlocked()).toEqual([waiter, last, waiter]);
});
