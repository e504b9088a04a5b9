import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seededRandom } from '../base/random.ts';
import type { TenantId } from '../core/op.ts';
import {
  chain, cholesky, type Commission, criticalPath, diamonds, type Family, families, forkJoin, layered, leastMakespan, opsOf, type Shape, star, takes, told, transformer, work,
} from './graphs.ts';
import { Numbering, type PlayedOp } from './workload.ts';

const commission = (): Commission => ({ numbering: new Numbering(), tenant: 'a' as TenantId });
const ops = (shape: Shape) => opsOf(shape, commission());
const countBy = (shape: Shape): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { name } of shape) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
};
const edgeCount = (shape: Shape) => shape.reduce((sum, { after }) => sum + after.length, 0);
const one = () => 1;

/** The slow twin: walks every path. */
function longestPath(all: readonly PlayedOp[]): number {
  const from = (played: PlayedOp): number =>
    takes(played) + Math.max(0, ...all.filter(({ op }) => op.dependencies?.some((dependency) => dependency.op === played.op.op)).map(from));
  return Math.max(0, ...all.map(from));
}

const shape: fc.Arbitrary<Shape> = fc.array(fc.record({ cost: fc.integer({ min: 1, max: 20 }), draws: fc.array(fc.nat(), { maxLength: 2 }) }), { maxLength: 12 })
  .map((nodes) => nodes.map(({ cost, draws }, index) => ({ name: 'n', cost, after: index === 0 ? [] : [...new Set(draws.map((draw) => draw % index))] })));

test('the critical path is the longest of all paths, in whatever order the ops are told', () => {
  fc.assert(fc.property(shape.map(ops).chain((all) => fc.shuffledSubarray([...all], { minLength: all.length })), (all) => {
    expect(criticalPath(all)).toBe(longestPath(all));
  }));
});

test('an op that arrives late makes the way through it longer, and no other', () => {
  const all = ops([{ name: 'a', cost: 5, after: [] }, { name: 'b', cost: 1, after: [] }, { name: 'c', cost: 2, after: [0, 1] }]);
  const arriving = (late: number) => criticalPath(all, takes, ({ op }) => (op.name === 'b' ? late : 0));
  expect([0, 4, 5, 9].map(arriving)).toEqual([7, 7, 8, 12]);
});

test('no schedule beats the critical path, nor the work shared out evenly', () => {
  const graph = ops(forkJoin(1, 4, () => 10));
  expect([criticalPath(graph), work(graph)]).toEqual([30, 60]);
  expect([1, 2, 3].map((lanes) => leastMakespan(graph, lanes))).toEqual([60, 30, 30]);
});

test('what an op takes is its estimate, or its slices, by its factor, after it was encoded', () => {
  const [played] = ops([{ name: 'n', cost: 100, after: [] }]);
  const costs = { cpu: { base: 40, perItem: 10 }, gpu: { base: 0, perItem: 30 } };
  expect(takes(played!)).toBe(100);
  expect(takes({ ...played!, factor: 1.5, encode: 7 })).toBe(157);
  expect(takes({ ...played!, slices: [30, 30], factor: 2 })).toBe(120);
  expect(takes({ op: { ...played!.op, costs, items: 3 } })).toBe(70);
});

test('a circle is refused, and a dependency on another graph is none', () => {
  const [a, b] = ops(chain(2, one));
  expect(() => criticalPath([{ op: { ...a!.op, dependencies: [{ op: b!.op.op, bytes: 0 }] } }, b!])).toThrow('a graph has no circle');
  expect(criticalPath([b!])).toBe(1);
});

test('a tiled cholesky of 12 has the tiles that it is known to have', () => {
  const factorisation = cholesky(12, () => 3);
  expect(countBy(factorisation)).toEqual({ potrf: 12, trsm: 66, syrk: 66, gemm: 220 });
  // The first tile, ten columns of trsm and gemm, and the last column down to its tile.
  expect(criticalPath(ops(factorisation))).toBe(1 + 10 * (3 + 6) + (3 + 3 + 1));
  expect(work(ops(factorisation))).toBe(12 + 66 * 3 + 66 * 3 + 220 * 6);
});

test('a small cholesky waits for what it reads', () => {
  expect(cholesky(3, () => 3).map(({ name, after }) => [name, after])).toEqual([
    ['potrf', []], ['trsm', [0]], ['trsm', [0]], ['syrk', [1]], ['syrk', [2]], ['gemm', [2, 1]],
    ['potrf', [3]], ['trsm', [5, 6]], ['syrk', [4, 7]], ['potrf', [8]],
  ]);
});

test('a transformer of 6 layers and 8 heads has its shape', () => {
  const forward = transformer(6, 8, () => 4);
  expect(countBy(forward)).toEqual({ embed: 1, norm: 12, query: 48, key: 48, value: 48, scores: 48, sum: 48, project: 6, up: 6, down: 6 });
  expect(criticalPath(ops(forward))).toBe(4 + 6 * (1 + 3 * 4 + 8 + 1 + 16 + 16));
});

test('40 diamonds are walked by nodes, not by their 2^40 paths', () => {
  const stack = diamonds(40, one);
  expect([stack.length, edgeCount(stack), criticalPath(ops(stack))]).toEqual([121, 160, 81]);
});

test('chains, stars and forks have the counts they should', () => {
  expect([chain(5, one).length, edgeCount(chain(5, one)), criticalPath(ops(chain(5, one)))]).toEqual([5, 4, 5]);
  expect([star(9, one).length, edgeCount(star(9, one)), criticalPath(ops(star(9, one)))]).toEqual([10, 9, 2]);
  expect([forkJoin(2, 3, one).length, edgeCount(forkJoin(2, 3, one)), criticalPath(ops(forkJoin(2, 3, one)))]).toEqual([9, 12, 5]);
});

test('a chain and a star of 100 000 are measured without recursion', () => {
  expect(criticalPath(ops(chain(100_000, one)))).toBe(100_000);
  expect(criticalPath(ops(star(100_000, one)))).toBe(2);
});

test('layers depend on the one before, on as many as was asked or all there are', () => {
  const sketch = layered(seededRandom(4), { layers: 6, width: [2, 5], fanIn: [3, 3] }, one);
  const layerOf = ({ name }: { readonly name: string }) => Number(name.slice('layer '.length));
  const widths = Array.from({ length: 6 }, (_, layer) => sketch.filter((node) => layerOf(node) === layer).length);
  expect(widths.every((width) => width >= 2 && width <= 5)).toBe(true);
  for (const node of sketch) {
    expect(node.after.every((index) => layerOf(sketch[index]!) === layerOf(node) - 1)).toBe(true);
    expect(new Set(node.after).size).toBe(layerOf(node) === 0 ? 0 : Math.min(3, widths[layerOf(node) - 1]!));
  }
});

test.each(Object.keys(families) as Family[])('%s: runs in the order it is told, costs whole microseconds, and is the same for the same seed', (family) => {
  fc.assert(fc.property(fc.nat(), (seed) => {
    const graph = families[family](seededRandom(seed));
    expect(graph).toEqual(families[family](seededRandom(seed)));
    for (const [index, { cost, after }] of graph.entries()) {
      expect(Number.isInteger(cost) && cost > 0 && after.every((node) => node < index)).toBe(true);
    }
    expect(criticalPath(ops(graph))).toBeLessThanOrEqual(work(ops(graph)));
  }), { numRuns: 5 });
});

test('a heavy tail is heavy: a tenth of the ops do more than a third of the work', () => {
  const costs = families['heavy-tailed'](seededRandom(1)).map(({ cost }) => cost).sort((a, b) => b - a);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  expect(sum(costs.slice(0, costs.length / 10)) / sum(costs)).toBeGreaterThan(1 / 3);
});

test('a graph is told between its opening and its seal, and loose ops are told as they are', () => {
  const [asked, numbering] = [commission(), new Numbering()];
  const whole = opsOf(chain(2, one), { ...asked, graph: numbering.graph() });
  expect(told(7, whole)).toEqual([
    { at: 7, event: { kind: 'graph-opened', graph: 1, tenant: 'a' } }, { at: 7, ops: whole }, { at: 7, event: { kind: 'graph-sealed', graph: 1 } },
  ]);
  expect(told(7, ops(chain(2, one)))).toHaveLength(1);
  expect(told(7, [])).toEqual([{ at: 7, ops: [] }]);
});

test('ops of a shape carry what was asked for, and estimates are wrong by as much as was asked for', () => {
  const random = seededRandom(9);
  const all = opsOf(star(5000, () => 1000), { ...commission(), priority: 'background', laneKinds: ['cpu', 'gpu'], bytes: 64, noise: { random, sigma: 0.5 } });
  expect(all[1]!.op).toMatchObject({ priority: 'background', dependencies: [{ op: all[0]!.op.op, bytes: 64 }], costs: { cpu: { base: 1000 }, gpu: { base: 1000 } } });
  const logs = all.map(({ factor }) => Math.log(factor!));
  const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length;
  expect(mean).toBeCloseTo(-0.125, 1);
  expect(Math.sqrt(logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / logs.length)).toBeCloseTo(0.5, 1);
});
