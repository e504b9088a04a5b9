import { expect, test } from 'vitest';
import { Dependencies } from './dependencies.ts';
import { Graph } from './graph.ts';
import type { GangId, GraphId, LaneId, Need, OpId, ResourceId, TenantId } from './op.ts';
import { OpRecord } from './op-record.ts';
import { Resources } from './resources.ts';
import { Shares } from './shares.ts';

const share = new Shares().of('t' as TenantId);

const idOf = (name: string): ResourceId => name as ResourceId;
const need = (resource: string, amount: number, until: Need['until'] = 'op-ends'): Need => ({ resource: idOf(resource), amount, until });

interface Wanted {
  readonly graph?: Graph;
  readonly lane?: number;
  readonly gang?: number;
}

let ids = 0;
const graphOf = (): Graph => {
  const graph = new Graph((ids += 1) as GraphId, 't' as TenantId, 0);
  graph.isSealed = true;
  return graph;
};
const opOf = (needs: readonly Need[], { graph, lane = 1, gang }: Wanted = {}): OpRecord => {
  const op = (ids += 1) as OpId;
  const record = new OpRecord({
    op, tenant: 't' as TenantId, name: `op${op}`, priority: 'normal', deadlineAt: Infinity, lane: lane as LaneId, needs,
    ...(gang !== undefined && { gang: { gang: gang as GangId, size: 2 } }),
  }, op, graph, share);
  graph?.ops.set(op, record);
  return record;
};
const withCapacity = (capacities: Readonly<Record<string, number>>): Resources => {
  const resources = new Resources();
  for (const [name, capacity] of Object.entries(capacities)) resources.setCapacity(idOf(name), capacity);
  return resources;
};
const many = (count: number, make: () => OpRecord): OpRecord[] => Array.from({ length: count }, make);
const end = (record: OpRecord): void => {
  record.to('ready');
  record.to('encoding');
  record.to('done');
};

/** Small ones come and go so that something is always taken; how many of them got some before the big one that waits did. */
function takenBefore(big: OpRecord, resources: Resources, smallOf: () => OpRecord, atMost = 40): number {
  const running = many(3, smallOf);
  for (const op of running) expect(resources.tryAcquire(op)).toBe(true);
  let taken = 0;
  expect(resources.tryAcquire(big)).toBe(false);
  while (taken < atMost) {
    const gone = running.shift();
    if (gone) {
      resources.release(gone);
      if (gone.graph) resources.releaseGraph(gone.graph);
    }
    if (resources.wake().includes(big) && resources.tryAcquire(big)) return taken;
    const next = smallOf();
    if (resources.tryAcquire(next)) {
      running.push(next);
      taken += 1;
    } else if (running.length === 0) break;
  }
  return Infinity;
}

test('a big request is passed over eight times by small ones that keep refilling, and then it is left what it wants', () => {
  const resources = withCapacity({ bytes: 3 });
  expect(takenBefore(opOf([need('bytes', 3)]), resources, () => opOf([need('bytes', 1)]))).toBe(8);
  resources.check();
});

test('so is one that is passed over by graphs', () => {
  const resources = withCapacity({ bytes: 3 });
  const big = opOf([need('bytes', 3, 'graph-ends')], { graph: graphOf() });
  expect(takenBefore(big, resources, () => opOf([need('bytes', 1, 'graph-ends')], { graph: graphOf() }))).toBe(8);
});

test('when one has had its turn, its equals must be passed over as often again', () => {
  const resources = withCapacity({ bytes: 3 });
  const bigs = many(2, () => opOf([need('bytes', 3)]));
  const rounds = bigs.map((big) => {
    const holder = opOf([need('bytes', 1)]);
    expect(resources.tryAcquire(holder)).toBe(true);
    for (const waiting of bigs) if (waiting.state === 'waiting') resources.tryAcquire(waiting);
    let passed = 0;
    for (let small = opOf([need('bytes', 1)]); resources.tryAcquire(small); small = opOf([need('bytes', 1)])) {
      resources.release(small);
      passed += 1;
    }
    resources.release(holder);
    expect(resources.wake()[0]).toBe(big);
    expect(resources.tryAcquire(big)).toBe(true);
    resources.release(big);
    end(big);
    return passed;
  });
  expect(rounds).toEqual([8, 8]);
});

test('who takes of two things at once passes over once', () => {
  const resources = withCapacity({ a: 3, b: 3 });
  expect(takenBefore(opOf([need('a', 3), need('b', 3)]), resources, () => opOf([need('a', 1), need('b', 1)]))).toBe(8);
});

test('what is reserved for one is not reserved for the next', () => {
  const resources = withCapacity({ bytes: 10, slots: 9 });
  const [first, second] = [reserved(resources, opOf([need('bytes', 1)])), opOf([need('bytes', 8), need('slots', 9)])];
  for (const [op, isGiven] of [[opOf([need('slots', 1)]), true], [second, false]] as const) expect(resources.tryAcquire(op)).toBe(isGiven);
  for (const op of many(12, () => opOf([need('slots', 1)]))) {
    expect(resources.tryAcquire(op)).toBe(true);
    resources.release(op);
  }
  const refused = opOf([need('bytes', 1)]);
  expect(resources.tryAcquire(refused)).toBe(false);
  expect(resources.holdersBefore(refused)).toContain(first);
  expect(resources.tryAcquire(opOf([need('slots', 1)]))).toBe(true);
});

test('who is forgotten has nothing reserved any more', () => {
  const resources = withCapacity({ bytes: 3 });
  const big = opOf([need('bytes', 3)]);
  let running = opOf([need('bytes', 1)]);
  resources.tryAcquire(running);
  resources.tryAcquire(big);
  for (let i = 0; i < 8; i += 1) {
    const next = opOf([need('bytes', 1)]);
    expect(resources.tryAcquire(next)).toBe(true);
    resources.release(running);
    resources.wake();
    running = next;
  }
  const refused = opOf([need('bytes', 1)]);
  expect(resources.tryAcquire(refused)).toBe(false);
  expect(resources.holdersBefore(refused)).toEqual([running, big]);
  resources.forget(big);
  expect(resources.wake()).toEqual([refused]);
  expect(resources.tryAcquire(refused)).toBe(true);
});

/** A big request for which all that it wants is reserved, and what `inTheWay` holds is in its way. */
function reserved(resources: Resources, inTheWay: OpRecord, name = 'bytes', big = opOf([need(name, 10)])): OpRecord {
  expect(resources.tryAcquire(inTheWay)).toBe(true);
  expect(resources.tryAcquire(big)).toBe(false);
  for (const op of many(8, () => opOf([need(name, 1)]))) {
    expect(resources.tryAcquire(op)).toBe(true);
    resources.release(op);
    resources.wake();
  }
  return big;
}

test('what is reserved is not kept from those for whom it is reserved: they end so that it may begin', () => {
  const resources = withCapacity({ bytes: 10 });
  const [graph, elsewhere] = [graphOf(), graphOf()];
  reserved(resources, opOf([need('bytes', 1, 'graph-ends')], { graph }));
  const [nobodys, theirs, awaited] = [opOf([need('bytes', 1)]), opOf([need('bytes', 1)], { graph: elsewhere }), opOf([need('bytes', 1)], { graph })];
  expect(resources.tryAcquire(nobodys)).toBe(false);
  expect(resources.tryAcquire(theirs)).toBe(false);
  expect(resources.tryAcquire(awaited)).toBe(true);
});

test('nor from those on whom they depend', () => {
  const resources = withCapacity({ bytes: 10 });
  const [graph, dependencies] = [graphOf(), new Dependencies()];
  reserved(resources, opOf([need('bytes', 1, 'graph-ends')], { graph }));
  const [nobodys, deep, helper, last] = [opOf([need('bytes', 1)]), opOf([need('bytes', 1)]), opOf([]), opOf([], { graph })];
  for (const op of [deep, helper, last]) dependencies.add(op);
  for (const [before, after] of [[deep, helper], [helper, last]] as const) dependencies.connect(before, after, 0);
  expect(resources.tryAcquire(nobodys)).toBe(false);
  expect(resources.tryAcquire(deep)).toBe(true);
});

test('one who is refused, and is waited for only later, is told', () => {
  const resources = withCapacity({ bytes: 10 });
  const graph = graphOf();
  const holder = opOf([need('bytes', 1, 'graph-ends')], { graph });
  reserved(resources, holder);
  const helper = opOf([need('bytes', 1)]);
  expect(resources.tryAcquire(helper)).toBe(false);
  expect(resources.wake()).toEqual([]);
  graph.ops.set(helper.op.op, helper);
  expect(resources.wake()).toEqual([helper]);
  expect(resources.tryAcquire(helper)).toBe(true);
});

test('two for whom different things are reserved do not wait for each other', () => {
  const resources = withCapacity({ bytes: 10, slots: 10 });
  const [graph, other] = [graphOf(), graphOf()];
  reserved(resources, opOf([need('bytes', 1, 'graph-ends')], { graph }));
  reserved(resources, opOf([need('slots', 1, 'graph-ends')], { graph: other }), 'slots');
  const [mine, theirs] = [opOf([need('slots', 1)], { graph }), opOf([need('bytes', 1)], { graph: other })];
  expect([mine, theirs].map((op) => resources.tryAcquire(op))).toEqual([true, true]);
});

test('what is reserved is kept from the rest of the same graph: it cannot end before the one that waits', () => {
  const resources = withCapacity({ bytes: 10 });
  const graph = graphOf();
  expect(resources.tryAcquire(opOf([need('bytes', 1, 'graph-ends')], { graph }))).toBe(true);
  reserved(resources, opOf([need('bytes', 2)]), 'bytes', opOf([need('bytes', 8)], { graph }));
  expect(resources.tryAcquire(opOf([need('bytes', 1)], { graph }))).toBe(false);
});

test('nothing is kept from anybody while its own graph holds too much', () => {
  const resources = withCapacity({ bytes: 10 });
  const graph = graphOf();
  expect(resources.tryAcquire(opOf([need('bytes', 1, 'graph-ends')], { graph }))).toBe(true);
  reserved(resources, opOf([need('bytes', 1)]), 'bytes', opOf([need('bytes', 10)], { graph }));
  expect(resources.tryAcquire(opOf([need('bytes', 1)]))).toBe(true);
});

test('a gang is not kept from what is reserved, because it may be its own member that waits', () => {
  const resources = withCapacity({ bytes: 10 });
  reserved(resources, opOf([need('bytes', 1)]));
  expect(resources.tryAcquire(opOf([need('bytes', 1)], { gang: 1 }))).toBe(true);
});

test.each(['is open', 'is paused'])('nothing is kept from anybody while a graph that %s stands in the way', (what) => {
  const resources = withCapacity({ bytes: 10 });
  const graph = graphOf();
  reserved(resources, opOf([need('bytes', 1, 'graph-ends')], { graph }));
  const small = opOf([need('bytes', 1)]);
  expect(resources.tryAcquire(small)).toBe(false);
  if (what === 'is open') graph.isSealed = false;
  else graph.isPaused = true;
  expect(resources.wake()).toEqual([small]);
  expect(resources.tryAcquire(small)).toBe(true);
});

test('being passed over by its equals in the order of a policy reserves nothing', () => {
  const resources = withCapacity({ slots: 1 });
  const unlucky = opOf([need('slots', 1)], { lane: 2 });
  let running = opOf([need('slots', 1)]);
  resources.tryAcquire(running);
  resources.tryAcquire(unlucky);
  for (let i = 0; i < 30; i += 1) {
    resources.release(running);
    resources.wake();
    running = opOf([need('slots', 1)]);
    expect(resources.tryAcquire(running)).toBe(true);
  }
});
