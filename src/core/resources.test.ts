import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Graph } from './graph.ts';
import { type GraphId, type LaneId, type Level, levels, type Need, type OpId, type ResourceId, type TenantId } from './op.ts';
import { OpRecord } from './op-record.ts';
import { Resources } from './resources.ts';
import { Shares } from './shares.ts';

const share = new Shares().of('t' as TenantId);

const idOf = (name: string): ResourceId => name as ResourceId;
const need = (resource: string, amount: number, until: Need['until'] = 'op-ends'): Need => ({ resource: idOf(resource), amount, until });

interface Wanted {
  readonly graph?: Graph;
  readonly level?: Level;
  readonly lane?: number;
}

let ids = 0;
const graphOf = (): Graph => {
  const graph = new Graph((ids += 1) as GraphId, 't' as TenantId, 0);
  graph.isSealed = true;
  return graph;
};
const opOf = (needs: readonly Need[], { graph, level = 'normal', lane = 1 }: Wanted = {}): OpRecord => {
  const op = (ids += 1) as OpId;
  const described = { op, tenant: 't' as TenantId, name: `op${op}`, priority: level, deadlineAt: Infinity, lane: lane as LaneId, needs };
  const record = new OpRecord(described, op, graph, share);
  graph?.ops.set(op, record);
  return record;
};
const withCapacity = (capacities: Readonly<Record<string, number>>): Resources => {
  const resources = new Resources();
  for (const [name, capacity] of Object.entries(capacities)) resources.setCapacity(idOf(name), capacity);
  return resources;
};
const end = (record: OpRecord): void => {
  record.to('ready');
  record.to('encoding');
  record.to('done');
};

test('an op takes all that it needs, or nothing', () => {
  const resources = withCapacity({ bytes: 10, slots: 1 });
  const [first, both, bytes] = [opOf([need('slots', 1)]), opOf([need('bytes', 10), need('slots', 1)]), opOf([need('bytes', 10)])];
  expect(resources.tryAcquire(first)).toBe(true);
  expect(resources.tryAcquire(both)).toBe(false);
  expect(resources.isWaiting(both)).toBe(true);
  expect(resources.tryAcquire(bytes)).toBe(true);
});

test('needs of the same resource add up', () => {
  const resources = withCapacity({ bytes: 10 });
  const [twice, rest] = [opOf([need('bytes', 4), need('bytes', 5)]), opOf([need('bytes', 2)])];
  expect(resources.tryAcquire(twice)).toBe(true);
  expect(resources.tryAcquire(rest)).toBe(false);
  const [four, eight] = [need('bytes', 4), need('bytes', 8)];
  expect(resources.impossible(opOf([four, eight]))).toBe(eight);
  expect(resources.impossible(opOf([four, four]))).toBeUndefined();
});

test('an op that has what it needs does not take it again, and what is released twice is released once', () => {
  const resources = withCapacity({ bytes: 10 });
  const [a, b, c] = [opOf([need('bytes', 4)]), opOf([need('bytes', 6)]), opOf([need('bytes', 5)])];
  for (let i = 0; i < 3; i += 1) expect(resources.tryAcquire(a)).toBe(true);
  expect(resources.tryAcquire(b)).toBe(true);
  expect(resources.tryAcquire(c)).toBe(false);
  for (let i = 0; i < 3; i += 1) resources.release(a);
  expect(resources.tryAcquire(c)).toBe(false);
  resources.check();
});

test('a graph keeps what its ops took for it, on top of each other, until it ends', () => {
  const resources = withCapacity({ bytes: 10 });
  const graph = graphOf();
  const [a, b, other] = [opOf([need('bytes', 3, 'graph-ends'), need('bytes', 1)], { graph }), opOf([need('bytes', 4, 'graph-ends')], { graph }), opOf([need('bytes', 4)])];
  expect(resources.tryAcquire(a)).toBe(true);
  expect(resources.tryAcquire(b)).toBe(true);
  resources.release(a);
  resources.release(b);
  expect(resources.tryAcquire(other)).toBe(false);
  resources.releaseGraph(graph);
  resources.releaseGraph(graph);
  expect(resources.wake()).toEqual([other]);
  expect(resources.tryAcquire(other)).toBe(true);
  expect(resources.tryAcquire(opOf([need('bytes', 6)]))).toBe(true);
});

test('an op that is tried again does not take a second time what its graph keeps', () => {
  const resources = withCapacity({ bytes: 10 });
  const graph = graphOf();
  const op = opOf([need('bytes', 6, 'graph-ends'), need('bytes', 1)], { graph });
  for (let attempt = 0; attempt < 3; attempt += 1) {
    expect(resources.tryAcquire(op)).toBe(true);
    resources.release(op);
  }
  expect(resources.tryAcquire(opOf([need('bytes', 4)]))).toBe(true);
});

test('an op that does not start after all gives back what its graph took for it, too', () => {
  const resources = withCapacity({ bytes: 10 });
  const graph = graphOf();
  const [kept, undone] = [opOf([need('bytes', 2, 'graph-ends')], { graph }), opOf([need('bytes', 6, 'graph-ends'), need('bytes', 1)], { graph })];
  expect(resources.tryAcquire(kept)).toBe(true);
  expect(resources.tryAcquire(undone)).toBe(true);
  for (let i = 0; i < 2; i += 1) resources.undo(undone);
  resources.check();
  expect(resources.tryAcquire(opOf([need('bytes', 9)]))).toBe(false);
  expect(resources.tryAcquire(opOf([need('bytes', 8)]))).toBe(true);
});

test('a graph that gave everything back has nothing to release', () => {
  const resources = withCapacity({ bytes: 10 });
  const graph = graphOf();
  const op = opOf([need('bytes', 6, 'graph-ends')], { graph });
  expect(resources.tryAcquire(op)).toBe(true);
  resources.undo(op);
  resources.releaseGraph(graph);
  resources.check();
  expect(resources.tryAcquire(opOf([need('bytes', 10)]))).toBe(true);
});

test('without a graph, what would be kept for it is kept until the op ends', () => {
  const resources = withCapacity({ bytes: 10 });
  const [a, b] = [opOf([need('bytes', 6, 'graph-ends')]), opOf([need('bytes', 6)])];
  expect(resources.tryAcquire(a)).toBe(true);
  expect(resources.tryAcquire(b)).toBe(false);
  resources.release(a);
  expect(resources.wake()).toEqual([b]);
});

test('there is no bound until one is told, and of nothing nobody gets any but who needs none', () => {
  const resources = withCapacity({ nothing: 0 });
  expect(resources.tryAcquire(opOf([need('bytes', 2 ** 52)]))).toBe(true);
  expect(resources.tryAcquire(opOf([need('nothing', 0)]))).toBe(true);
  const some = need('nothing', 1);
  expect(resources.impossible(opOf([some]))).toBe(some);
  expect(resources.tryAcquire(opOf([some]))).toBe(false);
});

test('amounts and capacities that are none are bugs', () => {
  const resources = withCapacity({ bytes: 10 });
  for (const amount of [NaN, -1, Infinity]) expect(() => resources.tryAcquire(opOf([need('bytes', amount)]))).toThrow('a finite amount');
  for (const capacity of [NaN, -1]) expect(() => resources.setCapacity(idOf('bytes'), capacity)).toThrow('not negative');
});

test('a capacity that is lowered takes nothing away, and names those who can never have what they need any more', () => {
  const resources = withCapacity({ bytes: 10 });
  const [holder, big, small] = [opOf([need('bytes', 6)]), opOf([need('bytes', 8)]), opOf([need('bytes', 5)])];
  expect(resources.tryAcquire(holder)).toBe(true);
  for (const op of [big, small]) expect(resources.tryAcquire(op)).toBe(false);
  resources.setCapacity(idOf('bytes'), 5);
  expect(resources.wake()).toEqual([big]);
  expect(resources.impossible(big)).toEqual(need('bytes', 8));
  resources.release(big);
  resources.release(holder);
  expect(resources.wake()).toEqual([small]);
  resources.setCapacity(idOf('bytes'), Infinity);
  expect(resources.tryAcquire(small)).toBe(true);
});

// The twin: everything is a list, and nothing is remembered that can be asked anew.

interface TwinOp {
  readonly record: OpRecord;
  readonly graph: Graph | undefined;
  readonly needs: readonly Need[];
  /** `told`: may be tried. */
  state: 'new' | 'waits' | 'told' | 'runs' | 'over';
  isKept: boolean;
}

class Twin {
  readonly capacities = new Map<ResourceId, number>();
  readonly ops: TwinOp[] = [];
  readonly closed = new Set<Graph>();
  /** How often each line was passed over since it last had its way. */
  readonly passed = new Map<string, number>();

  capacity(resource: ResourceId): number {
    return this.capacities.get(resource) ?? Infinity;
  }

  used(resource: ResourceId): number {
    let used = 0;
    for (const op of this.ops) {
      for (const { until, amount, resource: needed } of op.needs) {
        const isGraphs = until === 'graph-ends' && op.graph !== undefined;
        if (needed === resource && (isGraphs ? op.isKept && !this.closed.has(op.graph!) : op.state === 'runs')) used += amount;
      }
    }
    return used;
  }

  wants(op: TwinOp): ReadonlyMap<ResourceId, number> {
    const wants = new Map<ResourceId, number>();
    for (const { until, amount, resource } of op.needs) {
      if (amount === 0 || (until === 'graph-ends' && op.graph !== undefined && op.isKept)) continue;
      wants.set(resource, (wants.get(resource) ?? 0) + amount);
    }
    return wants;
  }

  room(op: TwinOp): number {
    let room = Infinity;
    for (const [resource, amount] of this.wants(op)) room = Math.min(room, Math.floor((this.capacity(resource) - this.used(resource)) / amount));
    return Math.max(0, room);
  }

  get waiters(): readonly TwinOp[] {
    return this.ops.filter((one) => one.state === 'waits' || one.state === 'told');
  }

  nameOf(op: TwinOp): string {
    return JSON.stringify([op.record.op.lane, [...this.wants(op)]]);
  }

  equals(op: TwinOp): readonly TwinOp[] {
    return this.waiters.filter((one) => this.nameOf(one) === this.nameOf(op))
      .toSorted((a, b) => a.record.urgency - b.record.urgency || a.record.arrival - b.record.arrival);
  }

  /** Before it is given what it wants. */
  granted(op: TwinOp): void {
    this.passed.delete(this.nameOf(op));
    const lacking = this.waiters.filter((one) => [...this.wants(op).keys()].some((resource) => !this.has(resource, this.wants(one).get(resource) ?? 0)));
    for (const line of new Set(lacking.map((one) => this.nameOf(one)))) this.passed.set(line, (this.passed.get(line) ?? 0) + 1);
  }

  forgetEmptyLines(): void {
    const lines = new Set(this.waiters.map((one) => this.nameOf(one)));
    for (const line of this.passed.keys()) if (!lines.has(line)) this.passed.delete(line);
  }

  /** Somebody may have reserved what it wants: one who was passed over eight times, and would lack it then. */
  mayBeHindered(op: TwinOp): boolean {
    return this.waiters.some((one) => one !== op && (this.passed.get(this.nameOf(one)) ?? 0) >= 8
      && [...this.wants(op)].some(([resource, amount]) => !this.has(resource, amount + (this.wants(one).get(resource) ?? 0))));
  }

  has(resource: ResourceId, amount: number): boolean {
    return this.used(resource) + amount <= this.capacity(resource);
  }
}

const amount = fc.integer({ min: 0, max: 4 });
const name = fc.constantFrom('a', 'b');
const needs = fc.array(fc.record({ resource: name, amount, until: fc.constantFrom('op-ends' as const, 'graph-ends' as const) }), { minLength: 1, maxLength: 3 });
const pick = fc.nat({ max: 1000 });
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('add' as const), needs, graph: fc.nat({ max: 3 }), lane: fc.integer({ min: 1, max: 2 }), level: fc.constantFrom(...levels) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('try' as const), op: pick }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('end' as const), op: pick }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('undo' as const), op: pick }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('forget' as const), op: pick }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('close' as const), graph: fc.nat({ max: 2 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('capacity' as const), resource: name, capacity: fc.constantFrom(0, 3, 4, 5, 6, 9, Infinity) }) },
);

test('who fits gets it, who does not waits, and of those for whom there is room enough are told', () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 150, size: 'max' }), (steps) => {
    const resources = withCapacity({ a: 6, b: 4 });
    const graphs = [graphOf(), graphOf(), graphOf()];
    const twin = new Twin();
    twin.capacities.set(idOf('a'), 6).set(idOf('b'), 4);
    for (const s of steps) {
      const all = twin.ops.filter((op) => op.state !== 'over');
      const [idle, running] = [all.filter((op) => op.state !== 'runs'), all.filter((op) => op.state === 'runs')];
      if (s.kind === 'add') {
        const graph = graphs[s.graph];
        const needed = s.needs.map(({ resource, amount, until }) => need(resource, amount, until));
        const record = opOf(needed, { level: s.level, lane: s.lane, ...(graph && !twin.closed.has(graph) && { graph }) });
        twin.ops.push({ record, graph: record.graph, needs: needed, state: 'new', isKept: false });
      } else if (s.kind === 'capacity') {
        twin.capacities.set(idOf(s.resource), s.capacity);
        resources.setCapacity(idOf(s.resource), s.capacity);
      } else if (s.kind === 'close') {
        const graph = graphs[s.graph]!;
        if (twin.ops.some((op) => op.graph === graph && op.state !== 'over')) continue;
        twin.closed.add(graph);
        resources.releaseGraph(graph);
      } else {
        // Mostly what makes sense, sometimes what does not.
        const some = s.op % 8 === 0 ? all : s.kind === 'end' || s.kind === 'undo' ? running : idle;
        const op = some[s.op % some.length];
        if (op === undefined) continue;
        const { record } = op;
        if (s.kind === 'try') {
          const isThere = op.state === 'runs' || twin.room(op) >= 1;
          const isGiven = resources.tryAcquire(record);
          if (isGiven !== isThere) expect(!isGiven && twin.mayBeHindered(op)).toBe(true);
          expect(resources.isWaiting(record)).toBe(!isGiven);
          if (isGiven && op.state !== 'runs') {
            op.state = 'new';
            twin.granted(op);
            op.isKept = true;
          }
          op.state = isGiven ? 'runs' : 'waits';
        } else if (s.kind === 'undo') {
          if (op.state !== 'runs') continue;
          resources.undo(record);
          op.state = 'new';
          op.isKept = false;
        } else if (s.kind === 'end') {
          resources.release(record);
          end(record);
          op.state = 'over';
        } else if (op.state !== 'runs') {
          resources.forget(record);
          op.state = 'new';
        }
      }
      resources.check();
      twin.forgetEmptyLines();
      const woken = resources.wake();
      expect(woken.map(({ arrival }) => arrival)).toEqual(woken.map(({ arrival }) => arrival).toSorted((a, b) => a - b));
      for (const record of woken) {
        const op = twin.ops.find((one) => one.record === record)!;
        const isImpossible = resources.impossible(record) !== undefined;
        expect(op.state).toBe('waits');
        expect(isImpossible || twin.room(op) >= 1).toBe(true);
        op.state = 'told';
      }
      for (const op of twin.ops) {
        if (op.state !== 'waits') continue;
        const before = twin.equals(op);
        if (twin.mayBeHindered(op)) continue;
        expect(before.indexOf(op)).toBeGreaterThanOrEqual(Math.min(before.length, twin.room(op)));
      }
    }
  }), { numRuns: 500 });
});
