import fc from 'fast-check';
import { expect, test } from 'vitest';
import { assert } from '../base/assert.ts';
import { Backflow } from './backflow.ts';
import { Dependencies } from './dependencies.ts';
import { Graph } from './graph.ts';
import { type GraphId, type Level, levels, leastUrgent, type Need, type OpId, type ResourceId, type TenantId, type Urgency } from './op.ts';
import { OpRecord } from './op-record.ts';
import { Resources } from './resources.ts';
import { Shares } from './shares.ts';

const share = new Shares().of('t' as TenantId);

type Holder = OpRecord | Graph;

const need = (resource: string, until: Need['until'] = 'op-ends', amount = 1): Need => ({ resource: resource as ResourceId, amount, until });

class Bench {
  readonly resources = new Resources();
  readonly backflow = new Backflow();
  readonly dependencies = new Dependencies();
  readonly records: OpRecord[] = [];
  readonly graphs: Graph[] = [];

  constructor(capacities: Readonly<Record<string, number>>) {
    for (const [name, capacity] of Object.entries(capacities)) this.resources.setCapacity(name as ResourceId, capacity);
  }

  graph(): Graph {
    const graph = new Graph(this.graphs.length as GraphId, 't' as TenantId, 0);
    graph.isSealed = true;
    this.graphs.push(graph);
    return graph;
  }

  op(level: Level, needs: readonly Need[], graph?: Graph): OpRecord {
    const op = this.records.length as OpId;
    const record = new OpRecord({ op, tenant: 't' as TenantId, name: `op${op}`, priority: level, deadlineAt: Infinity, needs }, op, graph, share);
    this.records.push(record);
    this.dependencies.add(record);
    graph?.ops.set(op, record);
    this.backflow.touch(record);
    return record;
  }

  connect(before: OpRecord, after: OpRecord): boolean {
    const isNew = this.dependencies.connect(before, after, 0) === undefined;
    this.backflow.touch(before);
    return isNew;
  }

  /** Whether it has what it needs now. */
  start(record: OpRecord): boolean {
    if (record.state !== 'ready') record.to('ready');
    const isGiven = this.resources.tryAcquire(record);
    if (isGiven) record.to('encoding');
    else record.to('held');
    return isGiven;
  }

  end(record: OpRecord): void {
    const isDone = record.state === 'encoding';
    record.to(isDone ? 'done' : 'cancelled');
    this.resources.release(record);
    if (isDone) this.dependencies.satisfied(record, () => {});
    this.backflow.withdraw(record);
    this.dependencies.remove(record);
  }

  demote(record: OpRecord, urgency: Urgency): void {
    record.ownUrgency = urgency;
    this.backflow.touch(record);
  }

  settle(): OpRecord[] {
    const changed: OpRecord[] = [];
    this.resources.settle(this.backflow, (record) => changed.push(record));
    assert(this.backflow.isClean, 'nothing is left to settle');
    return changed;
  }
}

test('whoever holds what an urgent op waits for is as urgent, until it has it, or does not want it any more', () => {
  const bench = new Bench({ buffer: 1 });
  const [holder, urgent, other] = [bench.op('background', [need('buffer')]), bench.op('critical', [need('buffer')]), bench.op('high', [need('buffer')])];
  for (const op of [holder, urgent, other]) bench.start(op);
  bench.settle();
  expect([holder.boost, holder.urgency, holder.claim]).toEqual([0, 0, 4]);
  bench.end(urgent);
  bench.settle();
  expect([holder.boost, holder.urgency]).toEqual([1, 1]);
  bench.end(other);
  expect(bench.settle()).toEqual([holder]);
  expect([holder.boost, holder.urgency]).toEqual([leastUrgent, leastUrgent]);
});

test('it passes through a holder that waits itself, and through the dependencies of a graph that holds', () => {
  const bench = new Bench({ b: 1, c: 1 });
  const graph = bench.graph();
  const [first, waits, deep] = [bench.op('background', [need('b', 'graph-ends')], graph), bench.op('background', [need('c')], graph), bench.op('background', [])];
  bench.connect(deep, waits);
  const [lowest, urgent] = [bench.op('background', [need('c')]), bench.op('critical', [need('b')])];
  for (const op of [first, lowest, waits, urgent]) bench.start(op);
  bench.settle();
  expect([graph.boost, lowest.boost, deep.urgency, waits.urgency]).toEqual([0, 0, 0, 0]);
  bench.end(urgent);
  bench.settle();
  expect([graph.boost, lowest.boost, deep.urgency, waits.urgency]).toEqual([4, 4, 4, 4]);
});

test('an op does not make its own graph urgent: nothing of it would end the sooner', () => {
  const bench = new Bench({ bytes: 2 });
  const [graph, other] = [bench.graph(), bench.graph()];
  const [a, b] = [bench.op('background', [need('bytes', 'graph-ends')], graph), bench.op('background', [need('bytes', 'graph-ends')], other)];
  const [rest, urgent] = [bench.op('background', [], graph), bench.op('critical', [need('bytes')], graph)];
  for (const op of [a, b, urgent]) bench.start(op);
  bench.settle();
  expect([graph.boost, other.boost, rest.urgency]).toEqual([4, 0, 4]);
});

test('graphs that wait for each other’s leavings do not keep each other urgent when the urgent one is gone', () => {
  const bench = new Bench({ bytes: 2 });
  const graphs = [bench.graph(), bench.graph()];
  for (const graph of graphs) bench.start(bench.op('background', [need('bytes', 'graph-ends')], graph));
  for (const graph of graphs) bench.start(bench.op('background', [need('bytes', 'graph-ends')], graph));
  const urgent = bench.op('critical', [need('bytes')]);
  bench.start(urgent);
  bench.settle();
  expect(graphs.map(({ boost }) => boost)).toEqual([0, 0]);
  bench.end(urgent);
  bench.settle();
  expect(graphs.map(({ boost }) => boost)).toEqual([4, 4]);
});

test('one for whom something is reserved is as urgent as those who must leave it that', () => {
  const bench = new Bench({ bytes: 4 });
  const small = (): OpRecord => bench.op('background', [need('bytes')]);
  const big = bench.op('background', [need('bytes', 'op-ends', 4)]);
  let running = small();
  for (const op of [running, big]) bench.start(op);
  for (let i = 0; i < 8; i += 1) {
    const next = small();
    expect(bench.start(next)).toBe(true);
    bench.end(running);
    running = next;
  }
  const urgent = bench.op('critical', [need('bytes')]);
  expect(bench.start(urgent)).toBe(false);
  bench.settle();
  expect([big.urgency, running.urgency]).toEqual([0, 0]);
  bench.end(urgent);
  bench.settle();
  expect([big.urgency, running.urgency]).toEqual([4, 4]);
  const another = bench.op('critical', [need('bytes')]);
  bench.start(another);
  bench.settle();
  expect(big.boost).toBe(0);
  bench.resources.forget(big);
  bench.settle();
  expect([big.boost, big.urgency]).toEqual([4, 4]);
});

test('a graph that gives back what it took for an op that did not start is not still boosted', () => {
  const bench = new Bench({ buffer: 1 });
  const graph = bench.graph();
  const [holder, urgent] = [bench.op('background', [need('buffer', 'graph-ends')], graph), bench.op('critical', [need('buffer')])];
  for (const op of [holder, urgent]) bench.start(op);
  bench.settle();
  expect(graph.boost).toBe(0);
  bench.resources.undo(holder);
  bench.settle();
  expect([graph.boost, holder.urgency]).toEqual([4, 4]);
});

test('one that ends and is tried again is not still boosted', () => {
  const bench = new Bench({ buffer: 1 });
  const [holder, urgent] = [bench.op('background', [need('buffer')]), bench.op('critical', [need('buffer')])];
  for (const op of [holder, urgent]) bench.start(op);
  bench.settle();
  bench.resources.release(holder);
  holder.to('ready');
  bench.settle();
  expect([holder.boost, holder.urgency]).toEqual([4, 4]);
});

// The twin: boosts from nothing, and then whatever follows, again and again until nothing does.

const resourceNames = ['a', 'b', 'c'] as const;

interface Told {
  readonly records: readonly OpRecord[];
  readonly edges: readonly (readonly [OpRecord, OpRecord])[];
  readonly held: ReadonlyMap<Holder, ReadonlyMap<string, number>>;
  readonly waiting: ReadonlySet<OpRecord>;
  readonly capacities: Readonly<Record<string, number>>;
}

function boostsByDefinition({ records, edges, held, waiting, capacities }: Told): { boosts: Map<Holder, Urgency>; urgencies: Map<OpRecord, Urgency> } {
  const boosts = new Map<Holder, Urgency>();
  const urgencies = new Map<OpRecord, Urgency>(records.map((record) => [record, leastUrgent]));
  const used = (name: string): number => [...held.values()].reduce((sum, amounts) => sum + (amounts.get(name) ?? 0), 0);
  const boostOf = (holder: Holder | undefined): Urgency => (holder && boosts.get(holder)) ?? leastUrgent;
  for (let isStable = false; !isStable;) {
    isStable = true;
    for (const record of records) {
      const dependents = edges.filter(([before]) => before === record).map(([, after]) => urgencies.get(after) ?? leastUrgent);
      const urgency = Math.min(record.ownUrgency, boostOf(record), boostOf(record.graph), ...dependents);
      if (urgency < urgencies.get(record)!) isStable = false;
      urgencies.set(record, urgency);
    }
    for (const [holder, amounts] of held) {
      for (const waiter of waiting) {
        const isBefore = waiter.graph !== holder && resourceNames.some((name) => {
          const wanted = (waiter.op.needs ?? []).reduce((sum, { resource, amount }) => sum + (resource === name ? amount : 0), 0);
          return amounts.has(name) && wanted > 0 && used(name) + wanted > capacities[name]!;
        });
        if (!isBefore || urgencies.get(waiter)! >= boostOf(holder)) continue;
        boosts.set(holder, urgencies.get(waiter)!);
        isStable = false;
      }
    }
  }
  return { boosts, urgencies };
}

const pick = fc.nat({ max: 10_000 });
const needs = fc.array(fc.record({
  resource: fc.constantFrom(...resourceNames), amount: fc.integer({ min: 1, max: 2 }), until: fc.constantFrom('op-ends' as const, 'graph-ends' as const, 'graph-ends' as const),
}), { minLength: 1, maxLength: 2 });
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('add' as const), needs, graph: fc.nat({ max: 4 }), level: fc.constantFrom(...levels) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('start' as const), op: pick }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('connect' as const), op: pick, after: pick }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('end' as const), op: pick }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('demote' as const), op: pick, urgency: fc.integer({ min: 0, max: leastUrgent }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('close' as const), graph: fc.nat({ max: 3 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('settle' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wake' as const) }) },
);

test('after settling every boost is what the definition says of those who wait now, and so is every urgency', () => {
  const deepest = { boosted: 0 };
  fc.assert(fc.property(fc.array(step, { maxLength: 100, size: 'max' }), (steps) => {
    const capacities = { a: 2, b: 2, c: 3 };
    const bench = new Bench(capacities);
    const graphs = Array.from({ length: 4 }, () => bench.graph());
    const held = new Map<Holder, Map<string, number>>();
    const waiting = new Set<OpRecord>();
    let edges: (readonly [OpRecord, OpRecord])[] = [];
    const told = new Map<OpRecord, Urgency>();
    let grants = 0;
    for (const s of [...steps, { kind: 'settle' as const }]) {
      const unfinished = bench.records.filter((record) => !record.isEnded);
      const startable = unfinished.filter((record) => record.missing === 0 && record.state !== 'encoding');
      if (s.kind === 'add') {
        const record = bench.op(s.level, s.needs.map(({ resource, until, amount }) => need(resource, until, amount)), graphs[s.graph]);
        told.set(record, record.urgency);
      } else if (s.kind === 'close') {
        const graph = graphs[s.graph]!;
        if (unfinished.some((record) => record.graph === graph)) continue;
        bench.resources.releaseGraph(graph);
        held.delete(graph);
        expect(graph.boost).toBeGreaterThanOrEqual(0);
      } else if (s.kind === 'wake') bench.resources.wake();
      else if (s.kind === 'settle') {
        for (const record of bench.settle()) told.set(record, record.urgency);
        const alive = bench.records.filter((record) => !record.isEnded);
        const { boosts, urgencies } = boostsByDefinition({ records: alive, edges, held, waiting, capacities });
        for (const record of alive) {
          expect([record.boost, record.urgency]).toEqual([boosts.get(record) ?? leastUrgent, urgencies.get(record)]);
          expect(told.get(record)).toBe(record.urgency);
        }
        for (const graph of graphs) expect(graph.boost).toBe(boosts.get(graph) ?? leastUrgent);
        deepest.boosted += [...boosts].filter(([holder, boost]) => holder instanceof Graph && boost < leastUrgent).length;
      } else if (s.kind === 'start') {
        const record = startable[s.op % startable.length];
        // Passed over more often, somebody would have something reserved; that has a test of its own.
        if (record === undefined || (waiting.size > 0 && grants >= 7)) continue;
        waiting.delete(record);
        if (!bench.start(record)) waiting.add(record);
        else {
          if (waiting.size > 0) grants += 1;
          for (const { resource, amount, until } of record.op.needs ?? []) {
            const holder = until === 'graph-ends' && record.graph ? record.graph : record;
            const amounts = held.get(holder) ?? new Map<string, number>();
            held.set(holder, amounts.set(resource, (amounts.get(resource) ?? 0) + amount));
          }
        }
      } else if (s.kind === 'connect') {
        const [before, after] = [unfinished[s.op % unfinished.length], unfinished[s.after % unfinished.length]];
        if (!before || !after || after.state !== 'waiting' || edges.some(([x, y]) => x === before && y === after)) continue;
        if (bench.connect(before, after)) edges.push([before, after]);
      } else {
        const record = unfinished[s.op % unfinished.length];
        if (record === undefined) continue;
        if (s.kind === 'demote') bench.demote(record, s.urgency);
        else {
          waiting.delete(record);
          held.delete(record);
          edges = edges.filter((edge) => !edge.includes(record));
          // Those that depend on an op that is cancelled would be, too.
          const gone: OpRecord[] = [];
          if (record.state !== 'encoding') bench.dependencies.eachDescendant(record, (descendant) => gone.push(descendant));
          for (const each of [record, ...gone]) {
            edges = edges.filter((edge) => !edge.includes(each));
            bench.end(each);
          }
        }
      }
    }
  }), { numRuns: 600 });
  expect(deepest.boosted).toBeGreaterThan(100);
});
