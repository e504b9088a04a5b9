import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seededRandom } from '../base/random.ts';
import { Dependencies } from './dependencies.ts';
import type { OpId, TenantId } from './op.ts';
import { OpRecord } from './op-record.ts';
import { Shares } from './shares.ts';

const share = new Shares().of('t' as TenantId);

const recordOf = (id: number): OpRecord =>
  new OpRecord({ op: id as OpId, tenant: 't' as TenantId, name: `op${id}`, priority: 'background', deadlineAt: Infinity }, id, undefined, share);

const finish = (dependencies: Dependencies, record: OpRecord): OpRecord[] => {
  const ready: OpRecord[] = [];
  record.to('ready');
  record.to('encoding');
  record.to('done');
  dependencies.satisfied(record, (dependent) => ready.push(dependent));
  dependencies.remove(record);
  return ready;
};

const fail = (dependencies: Dependencies, record: OpRecord): void => {
  record.to('failed');
  dependencies.remove(record);
};

const known = (count: number, dependencies: Dependencies): OpRecord[] =>
  Array.from({ length: count }, (_, id) => {
    const record = recordOf(id);
    dependencies.add(record);
    return record;
  });

const descendantsOf = (dependencies: Dependencies, record: OpRecord): OpRecord[] => {
  const found: OpRecord[] = [];
  dependencies.eachDescendant(record, (descendant) => found.push(descendant));
  return found;
};

/** Edges in a list, asked anew each time. */
class Twin {
  readonly alive: Set<number>;
  edges: { before: number; after: number; bytes: number }[] = [];

  constructor(ids: Iterable<number>) {
    this.alive = new Set(ids);
  }

  reaches(from: number, to: number, seen = new Set<number>()): boolean {
    if (from === to) return true;
    seen.add(from);
    return this.edges.some((edge) => edge.before === from && !seen.has(edge.after) && this.reaches(edge.after, to, seen));
  }

  descendants(of: number): number[] {
    return [...this.alive].filter((id) => id !== of && this.reaches(of, id));
  }

  missing(of: number): number {
    return this.edges.filter((edge) => edge.after === of && this.alive.has(edge.before)).length;
  }

  has(before: number, after: number): boolean {
    return this.edges.some((edge) => edge.before === before && edge.after === after);
  }

  end(id: number): void {
    this.alive.delete(id);
    this.edges = this.edges.filter((edge) => edge.before !== id && edge.after !== id);
  }
}

const pick = fc.nat({ max: 1000 });
const step = fc.oneof(
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('add' as const) }) },
  { weight: 20, arbitrary: fc.record({ kind: fc.constant('connect' as const), before: pick, after: pick, bytes: fc.nat({ max: 9 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('finish' as const), op: pick }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('fail' as const), op: pick }) },
);

const pictureOf = (records: readonly OpRecord[]): unknown =>
  records.map(({ order, missing, dependencies, dependents }) => ({
    order, missing,
    dependencies: dependencies.map(({ before, bytes }) => [before.op.op, bytes]),
    dependents: dependents.map(({ after, bytes }) => [after.op.op, bytes]),
  }));

test('whatever comes and goes, the order agrees with every edge, and an edge is refused exactly when it would close a circle', () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 100, size: 'max' }), (steps) => {
    const dependencies = new Dependencies();
    const records = known(12, dependencies);
    const twin = new Twin(records.keys());
    for (const s of steps) {
      const alive = [...twin.alive];
      if (s.kind === 'add') {
        const record = recordOf(records.length);
        dependencies.add(record);
        expect(alive.every((id) => records[id]!.order < record.order)).toBe(true);
        twin.alive.add(records.push(record) - 1);
      } else if (alive.length > 0) {
        const choose = (nat: number): number => alive[nat % alive.length]!;
        if (s.kind === 'connect') {
          const [before, after] = [choose(s.before), choose(s.after)];
          const earlier = pictureOf(records);
          const path = dependencies.connect(records[before]!, records[after]!, s.bytes)?.map((record) => record.op.op as number);
          expect(path !== undefined).toBe(twin.reaches(after, before));
          if (path) {
            expect(pictureOf(records)).toEqual(earlier);
            expect([path[0], path.at(-1), path.at(-2)]).toEqual([after, after, before]);
            expect(new Set(path).size).toBe(path.length - 1);
            for (let i = 0; i + 2 < path.length; i += 1) expect(twin.has(path[i]!, path[i + 1]!)).toBe(true);
          } else if (twin.has(before, after)) {
            twin.edges = twin.edges.map((e) => (e.before === before && e.after === after ? { ...e, bytes: Math.max(e.bytes, s.bytes) } : e));
          } else twin.edges.push({ before, after, bytes: s.bytes });
        } else if (s.kind === 'finish') {
          const ready = alive.filter((id) => twin.missing(id) === 0);
          const id = ready[s.op % ready.length]!;
          const freed = twin.edges.filter((edge) => edge.before === id && twin.missing(edge.after) === 1).map((edge) => edge.after);
          expect(finish(dependencies, records[id]!).map((record) => record.op.op).toSorted()).toEqual(freed.toSorted());
          twin.end(id);
        } else {
          const id = choose(s.op);
          const gone = descendantsOf(dependencies, records[id]!).map((record) => record.op.op as number);
          expect(gone.toSorted((a, b) => a - b)).toEqual(twin.descendants(id).toSorted((a, b) => a - b));
          for (const each of [id, ...gone]) {
            fail(dependencies, records[each]!);
            twin.end(each);
          }
        }
      }
      for (const { before, after } of twin.edges) expect(records[before]!.order).toBeLessThan(records[after]!.order);
      expect(new Set([...twin.alive].map((id) => records[id]!.order)).size).toBe(twin.alive.size);
      for (const id of twin.alive) {
        const { missing, dependencies: found, dependents } = records[id]!;
        expect(missing).toBe(twin.missing(id));
        const told = [...found.filter(({ before }) => !before.isEnded), ...dependents].map((e) => `${e.before.op.op}-${e.after.op.op}:${e.bytes}`);
        const expected = twin.edges.filter((e) => e.before === id || e.after === id).map((e) => `${e.before}-${e.after}:${e.bytes}`);
        expect(told.toSorted()).toEqual(expected.toSorted());
      }
    }
  }), { numRuns: 120 });
});

test('an op does not wait for itself', () => {
  const dependencies = new Dependencies();
  const [op] = known(1, dependencies);
  expect(dependencies.connect(op!, op!, 0)).toEqual([op, op]);
});

test('the shortest way round is named', () => {
  const dependencies = new Dependencies();
  const [a, b, c, d] = known(4, dependencies) as [OpRecord, OpRecord, OpRecord, OpRecord];
  for (const [before, after] of [[a, b], [b, c], [c, d], [b, d]] as const) dependencies.connect(before, after, 0);
  expect(dependencies.connect(d, a, 0)).toEqual([a, b, d, a]);
});

test('a dependent remembers what it was handed, and by whom, until it ends itself', () => {
  const dependencies = new Dependencies();
  const [a, b] = known(2, dependencies) as [OpRecord, OpRecord];
  dependencies.connect(a, b, 7);
  dependencies.connect(a, b, 3);
  expect(finish(dependencies, a)).toEqual([b]);
  expect(a.dependents).toEqual([]);
  expect(b.dependencies.map(({ before, bytes }) => [before, bytes])).toEqual([[a, 7]]);
  fail(dependencies, b);
  expect(b.dependencies).toEqual([]);
});

test('what a visit removes is not in the way of the visit', () => {
  const dependencies = new Dependencies();
  const [root, ...leaves] = known(5, dependencies) as [OpRecord, ...OpRecord[]];
  for (const leaf of leaves) dependencies.connect(root, leaf, 0);
  const seen: OpRecord[] = [];
  dependencies.eachDescendant(root, (leaf) => {
    seen.push(leaf);
    if (leaf === leaves[0]) fail(dependencies, leaf);
  });
  expect(seen).toEqual(leaves);
  expect(root.dependents.map(({ after }) => after)).toEqual([leaves[3], leaves[1], leaves[2]]);
  dependencies.satisfied(root, (leaf) => {
    seen.push(leaf);
    fail(dependencies, leaf);
  });
  expect(seen.slice(4)).toEqual([leaves[3], leaves[1], leaves[2]]);
});

test('an op that has ended waits for nobody', () => {
  const dependencies = new Dependencies();
  const [a, b] = known(2, dependencies) as [OpRecord, OpRecord];
  fail(dependencies, a);
  expect(() => dependencies.connect(a, b, 0)).toThrow('unfinished');
  expect(() => dependencies.connect(b, a, 0)).toThrow('unfinished');
});

// These end within the second if the work grows with the graph, and never if it grows with its square or its paths.

test.each(['forward', 'backward', 'from both ends', 'in any order'])('a chain of 100 000 can be linked %s, and fails from its head without recursion', (way) => {
  const dependencies = new Dependencies();
  const chain = known(100_000, dependencies);
  const links = Array.from({ length: 99_999 }, (_, i) => i + 1);
  const random = seededRandom(7);
  if (way === 'backward' || way === 'from both ends') chain.reverse();
  if (way === 'backward') links.reverse();
  if (way === 'in any order') links.sort(() => random() - 0.5);
  for (const i of links) dependencies.connect(chain[i - 1]!, chain[i]!, 0);
  expect(chain.every((record, i) => i === 0 || record.order > chain[i - 1]!.order)).toBe(true);
  expect(dependencies.connect(chain.at(-1)!, chain[0]!, 0)).toHaveLength(100_001);
  const last = chain.at(-1)!;
  expect(descendantsOf(dependencies, chain[0]!).at(-1)).toBe(last);
  for (const record of chain) fail(dependencies, record);
  expect(last.missing).toBe(0);
});

test('a star of 100 000 leaves loses them one by one', () => {
  const dependencies = new Dependencies();
  const [root, ...leaves] = known(100_001, dependencies) as [OpRecord, ...OpRecord[]];
  for (const leaf of leaves) dependencies.connect(root, leaf, 0);
  for (const leaf of leaves) fail(dependencies, leaf);
  expect(root.dependents).toHaveLength(0);
});

test('an op that waits for 100 000 is ready when the last of them is done', () => {
  const dependencies = new Dependencies();
  const [sink, ...sources] = known(100_001, dependencies) as [OpRecord, ...OpRecord[]];
  for (const source of sources) dependencies.connect(source, sink, 0);
  const last = sources.pop()!;
  expect(sources.flatMap((source) => finish(dependencies, source))).toEqual([]);
  expect(finish(dependencies, last)).toEqual([sink]);
});

test('300 ops that all wait for 300 others wait for each once', () => {
  const dependencies = new Dependencies();
  const records = known(600, dependencies);
  const [after, before] = [records.slice(0, 300), records.slice(300)];
  for (const b of before) for (const a of after) for (const bytes of [1, 2]) dependencies.connect(b, a, bytes);
  expect(after.every((a) => a.missing === 300 && a.dependencies.every(({ bytes }) => bytes === 2))).toBe(true);
  const ready = before.flatMap((b) => finish(dependencies, b));
  expect(ready).toEqual(after);
});

test('the 2 to the 40 ways through 40 stacked diamonds are not walked one by one', () => {
  const dependencies = new Dependencies();
  const records = known(121, dependencies);
  for (let i = 0; i < 120; i += 3) {
    const [top, left, right, bottom] = records.slice(i, i + 4) as [OpRecord, OpRecord, OpRecord, OpRecord];
    for (const [before, after] of [[top, left], [top, right], [left, bottom], [right, bottom]] as const) dependencies.connect(before, after, 0);
  }
  expect(descendantsOf(dependencies, records[0]!)).toHaveLength(120);
  expect(dependencies.connect(records[120]!, records[0]!, 0)).toHaveLength(82);
});
