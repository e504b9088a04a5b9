import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Backflow } from './backflow.ts';
import { Dependencies } from './dependencies.ts';
import { Graph } from './graph.ts';
import { type GraphId, type Level, levels, leastUrgent, type OpId, type TenantId, type Urgency } from './op.ts';
import { OpRecord } from './op-record.ts';
import { Shares } from './shares.ts';

const share = new Shares().of('t' as TenantId);

interface Wanted {
  readonly level?: Level;
  readonly cost?: number;
  readonly deadlineAt?: number;
  readonly graph?: Graph;
}

/** Ops, their edges, and what flows back along them. */
class Bench {
  readonly dependencies = new Dependencies();
  readonly backflow = new Backflow();
  readonly records: OpRecord[] = [];

  add({ level = 'background', cost = 1, deadlineAt = Infinity, graph }: Wanted = {}): OpRecord {
    const op = this.records.length as OpId;
    const costs = { gpu: { base: cost, perItem: 0 } };
    const record = new OpRecord({ op, tenant: 't' as TenantId, name: `op${op}`, priority: level, deadlineAt, costs }, op, graph, share);
    graph?.ops.set(op, record);
    this.records.push(record);
    this.dependencies.add(record);
    this.backflow.touch(record);
    return record;
  }

  connect(before: OpRecord, after: OpRecord): boolean {
    if (this.dependencies.connect(before, after, 0)) return false;
    this.backflow.touch(before);
    return true;
  }

  end(record: OpRecord, state: 'failed' | 'cancelled'): void {
    record.to(state);
    this.backflow.withdraw(record);
    this.dependencies.remove(record);
  }

  flush(): OpRecord[] {
    const changed: OpRecord[] = [];
    this.backflow.flush((record) => changed.push(record));
    return changed;
  }
}

interface Values {
  readonly upwardRank: number;
  readonly claim: Urgency;
  readonly urgency: Urgency;
  readonly deadlineAt: number;
}
const valuesOf = ({ upwardRank, claim, urgency, deadlineAt }: OpRecord): Values => ({ upwardRank, claim, urgency, deadlineAt });

/** The definitions, read aloud: recursion over the edges that the test itself noted. */
function valuesByDefinition(record: OpRecord, edges: readonly (readonly [OpRecord, OpRecord])[]): Values {
  const { cost, ownUrgency, boost, graph, ownDeadlineAt } = record;
  const dependents = edges.filter(([before, after]) => before === record && !after.isEnded).map(([, after]) => ({ after, ...valuesByDefinition(after, edges) }));
  return {
    upwardRank: cost + Math.max(0, ...dependents.map((d) => d.upwardRank)),
    claim: Math.min(ownUrgency, ...dependents.map((d) => d.claim)),
    urgency: Math.min(ownUrgency, boost, graph?.boost ?? leastUrgent, ...dependents.map((d) => d.urgency)),
    deadlineAt: Math.min(ownDeadlineAt, ...dependents.map((d) => d.deadlineAt - d.after.cost)),
  };
}

const pick = fc.nat({ max: 1000 });
const urgency = fc.integer({ min: 0, max: leastUrgent });
const deadline = fc.oneof(fc.constant(Infinity), fc.integer({ min: 0, max: 30 }));
const add = fc.record({ kind: fc.constant('add' as const), urgency, cost: fc.integer({ min: 0, max: 5 }), deadline, graph: fc.nat({ max: 2 }) });
const connect = fc.record({ kind: fc.constant('connect' as const), before: pick, after: pick });
const growth = fc.oneof({ weight: 1, arbitrary: add }, { weight: 2, arbitrary: connect });
const step = fc.oneof(
  { weight: 1, arbitrary: add },
  { weight: 2, arbitrary: connect },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('end' as const), op: pick }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('prioritise' as const), op: pick, urgency }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('redate' as const), op: pick, deadline }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('boost' as const), op: pick, urgency }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('boost-graph' as const), graph: fc.nat({ max: 1 }), urgency }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('flush' as const) }) },
);

test('after every flush the values are what the definitions say of the unfinished ops, and exactly those that changed were told', () => {
  fc.assert(fc.property(fc.array(growth, { maxLength: 40, size: 'max' }), fc.array(step, { maxLength: 40, size: 'max' }), (growing, steps) => {
    const bench = new Bench();
    const graphs = [0, 1].map((id) => new Graph(id as GraphId, 't' as TenantId, 0));
    const edges: (readonly [OpRecord, OpRecord])[] = [];
    const told = new Map<OpRecord, Values>();
    const check = () => {
      const changed = bench.flush();
      expect(bench.backflow.isClean).toBe(true);
      const unfinished = bench.records.filter((record) => !record.isEnded);
      for (const record of unfinished) expect(valuesOf(record)).toEqual(valuesByDefinition(record, edges));
      const different = unfinished.filter((record) => JSON.stringify(valuesOf(record)) !== JSON.stringify(told.get(record)));
      expect(changed.map((r) => r.op.op).toSorted((a, b) => a - b)).toEqual(different.map((r) => r.op.op).toSorted((a, b) => a - b));
      const orders = changed.map((record) => record.order);
      expect(orders).toEqual(orders.toSorted((a, b) => b - a));
      for (const record of unfinished) told.set(record, valuesOf(record));
    };
    for (const s of [...growing, { kind: 'flush' as const }, ...steps]) {
      const unfinished = bench.records.filter((record) => !record.isEnded);
      const choose = (nat: number): OpRecord => unfinished[nat % unfinished.length]!;
      if (s.kind === 'add') {
        const graph = graphs[s.graph];
        const record = bench.add({ level: levels[s.urgency]!, cost: s.cost, deadlineAt: s.deadline, ...(graph && { graph }) });
        told.set(record, valuesOf(record));
      } else if (s.kind === 'flush') check();
      else if (s.kind === 'boost-graph') {
        graphs[s.graph]!.boost = s.urgency;
        bench.backflow.touchGraph(graphs[s.graph]!);
      } else if (unfinished.length > 0) {
        if (s.kind === 'connect') {
          const [before, after] = [choose(s.before), choose(s.after)];
          if (bench.connect(before, after)) edges.push([before, after]);
        } else {
          const record = choose(s.op);
          if (s.kind === 'end') bench.end(record, 'cancelled');
          else {
            if (s.kind === 'prioritise') record.ownUrgency = s.urgency;
            else if (s.kind === 'redate') record.ownDeadlineAt = s.deadline;
            else record.boost = s.urgency;
            bench.backflow.touch(record);
          }
        }
      }
    }
    check();
  }), { numRuns: 300 });
});

test('urgency reaches what is 50 ops deep, and is withdrawn when the one that lent it is cancelled', () => {
  const bench = new Bench();
  const chain = Array.from({ length: 50 }, () => bench.add());
  for (let i = 1; i < 50; i += 1) bench.connect(chain[i - 1]!, chain[i]!);
  const urgent = bench.add({ level: 'critical', cost: 3, deadlineAt: 100 });
  bench.connect(chain[49]!, urgent);
  bench.flush();
  expect(valuesOf(chain[0]!)).toEqual({ upwardRank: 53, claim: 0, urgency: 0, deadlineAt: 48 });
  bench.end(urgent, 'cancelled');
  expect(bench.flush()).toEqual(chain.toReversed());
  expect(valuesOf(chain[0]!)).toEqual({ upwardRank: 50, claim: 4, urgency: 4, deadlineAt: Infinity });
});

test('nothing is told when one of two that lent the same goes', () => {
  const bench = new Bench();
  const shared = bench.add();
  const lenders = [bench.add({ level: 'high' }), bench.add({ level: 'high' })];
  for (const lender of lenders) bench.connect(shared, lender);
  bench.flush();
  bench.end(lenders[0]!, 'failed');
  expect(bench.flush()).toEqual([]);
  bench.end(lenders[1]!, 'failed');
  expect(bench.flush()).toEqual([shared]);
});

test('what was touched and then ended is not told, nor is what only waited for it', () => {
  const bench = new Bench();
  const [before, after] = [bench.add(), bench.add()];
  bench.connect(before, after);
  bench.flush();
  after.ownUrgency = 0;
  bench.backflow.touch(after);
  bench.end(after, 'cancelled');
  expect(bench.flush()).toEqual([before]);
  expect(before.urgency).toBe(leastUrgent);
  bench.backflow.touch(after);
  expect(bench.backflow.isClean).toBe(true);
});

test('a dependent that has ended says nothing, even before it is removed', () => {
  const bench = new Bench();
  const [before, after] = [bench.add(), bench.add({ level: 'critical' })];
  bench.connect(before, after);
  bench.flush();
  after.to('failed');
  bench.backflow.withdraw(after);
  expect(bench.flush()).toEqual([before]);
  expect(valuesOf(before)).toEqual({ upwardRank: 1, claim: 4, urgency: 4, deadlineAt: Infinity });
});

test('a chain of 100 000 that grew op by op is flushed once, without recursion', () => {
  const bench = new Bench();
  for (let i = 0; i < 100_000; i += 1) {
    const record = bench.add();
    if (i > 0) bench.connect(bench.records[i - 1]!, record);
  }
  expect(bench.flush()).toHaveLength(99_999);
  expect(bench.records[0]!.upwardRank).toBe(100_000);
});

test('40 stacked diamonds are told once each', () => {
  const bench = new Bench();
  const records = Array.from({ length: 121 }, () => bench.add());
  for (let i = 0; i < 120; i += 3) {
    const [top, left, right, bottom] = records.slice(i, i + 4) as [OpRecord, OpRecord, OpRecord, OpRecord];
    for (const [before, after] of [[top, left], [top, right], [left, bottom], [right, bottom]] as const) bench.connect(before, after);
  }
  bench.flush();
  records[120]!.ownUrgency = 0;
  bench.backflow.touch(records[120]!);
  expect(bench.flush()).toHaveLength(121);
  expect(records[0]!.upwardRank).toBe(81);
});
