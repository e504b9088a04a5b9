import { assert } from '../base/assert.ts';
import type { Micros } from '../base/units.ts';
import type { CostEstimate, GraphId, LaneKind, OpId, Priority, TenantId } from '../core/op.ts';
import { heavyTailed, logNormal, type Random, someOf, uniform, whole } from './draws.ts';
import type { Arrival, Numbering, PlayedOp } from './workload.ts';

/** One op of a shape. `after` are indices of nodes before it, so a shape is in an order it could run in. */
export interface Node {
  readonly name: string;
  readonly cost: Micros;
  readonly after: readonly number[];
}

/** Who depends on whom and what each costs: no ids, no tenant. */
export type Shape = readonly Node[];

class Sketch {
  readonly nodes: Node[] = [];

  /** Its index. */
  node(name: string, cost: number, ...after: readonly number[]): number {
    assert(after.every((index) => index < this.nodes.length), 'a node comes after what it depends on');
    return this.nodes.push({ name, cost: Math.max(1, Math.round(cost)), after }) - 1;
  }
}

/** One after another. */
export function chain(length: number, cost: () => Micros): Shape {
  const sketch = new Sketch();
  for (let i = 0; i < length; i += 1) sketch.node('link', cost(), ...(i > 0 ? [i - 1] : []));
  return sketch.nodes;
}

/** One hub, and leaves that only it holds up. */
export function star(leaves: number, cost: () => Micros): Shape {
  const sketch = new Sketch();
  const hub = sketch.node('hub', cost());
  for (let i = 0; i < leaves; i += 1) sketch.node('leaf', cost(), hub);
  return sketch.nodes;
}

/** Diamonds, one on top of the other: 2^count paths through 3·count + 1 nodes. Who walks paths never ends. */
export function diamonds(count: number, cost: () => Micros): Shape {
  const sketch = new Sketch();
  let top = sketch.node('tip', cost());
  for (let i = 0; i < count; i += 1) top = sketch.node('tip', cost(), sketch.node('left', cost(), top), sketch.node('right', cost(), top));
  return sketch.nodes;
}

/** So many stages: one op forks into `width`, which join in the one that forks next. */
export function forkJoin(stages: number, width: number, cost: () => Micros): Shape {
  const sketch = new Sketch();
  let joint = sketch.node('fork', cost());
  for (let stage = 0; stage < stages; stage += 1) {
    const arms = Array.from({ length: width }, () => sketch.node('arm', cost(), joint));
    joint = sketch.node('join', cost(), ...arms);
  }
  return sketch.nodes;
}

export interface Layers {
  readonly layers: number;
  /** Nodes of a layer: drawn from this range. */
  readonly width: readonly [least: number, most: number];
  /** Nodes of the layer before that one depends on: drawn from this range. */
  readonly fanIn: readonly [least: number, most: number];
}

/** Layers of drawn width; each node depends on a few of the layer before. */
export function layered(random: Random, { layers, width, fanIn }: Layers, cost: () => Micros): Shape {
  const sketch = new Sketch();
  let before: readonly number[] = [];
  for (let layer = 0; layer < layers; layer += 1) {
    before = Array.from({ length: whole(random, ...width) }, () =>
      sketch.node(`layer ${layer}`, cost(), ...someOf(random, before.length, whole(random, ...fanIn)).map((index) => before[index]!)));
  }
  return sketch.nodes;
}

/**
 * The tiled Cholesky factorisation of a matrix of tiles × tiles (right-looking; Buttari et al. 2009), the yardstick of schedulers of graphs. `unit`
 * is the time of as many flops as a tile has elements cubed: POTRF takes a third of it, TRSM and SYRK one, GEMM two.
 */
export function cholesky(tiles: number, unit: () => Micros): Shape {
  const sketch = new Sketch();
  // Who wrote the tile last.
  const writer = new Map<number, number>();
  const tile = (row: number, column: number): number => row * tiles + column;
  const write = (name: string, flops: number, row: number, column: number, ...reads: readonly number[]): void => {
    const after = [tile(row, column), ...reads].map((read) => writer.get(read)).filter((node) => node !== undefined);
    writer.set(tile(row, column), sketch.node(name, flops * unit(), ...after));
  };
  for (let k = 0; k < tiles; k += 1) {
    write('potrf', 1 / 3, k, k);
    for (let row = k + 1; row < tiles; row += 1) write('trsm', 1, row, k, tile(k, k));
    for (let row = k + 1; row < tiles; row += 1) {
      write('syrk', 1, row, row, tile(row, k));
      for (let column = k + 1; column < row; column += 1) write('gemm', 2, row, column, tile(row, k), tile(column, k));
    }
  }
  return sketch.nodes;
}

/** The forward pass of a transformer: per layer a norm, heads side by side (scores, then their sum), projection, norm, and the two halves of an MLP. */
export function transformer(layers: number, heads: number, unit: () => Micros): Shape {
  const sketch = new Sketch();
  let stream = sketch.node('embed', unit());
  for (let layer = 0; layer < layers; layer += 1) {
    const norm = sketch.node('norm', unit() / 4, stream);
    const sums = Array.from({ length: heads }, () => {
      const projected = ['query', 'key', 'value'].map((name) => sketch.node(name, unit(), norm));
      const scores = sketch.node('scores', unit(), projected[0]!, projected[1]!);
      return sketch.node('sum', unit(), scores, projected[2]!);
    });
    const attention = sketch.node('project', unit() * 2, ...sums);
    stream = sketch.node('down', unit() * 4, sketch.node('up', unit() * 4, sketch.node('norm', unit() / 4, attention)));
  }
  return sketch.nodes;
}

/** The families that schedulers of graphs are measured by; costs of a few milliseconds. */
export const families = {
  layered: (random: Random) => layered(random, { layers: 8, width: [8, 24], fanIn: [1, 3] }, () => uniform(random, 500, 10_000)),
  'heavy-tailed': (random: Random) => layered(random, { layers: 16, width: [8, 24], fanIn: [1, 3] }, () => heavyTailed(random, 500, 50_000)),
  cholesky: (random: Random) => cholesky(12, () => 1500 * uniform(random, 0.8, 1.2)),
  'fork-join': (random: Random) => forkJoin(8, 24, () => uniform(random, 500, 10_000)),
  transformer: (random: Random) => transformer(6, 8, () => uniform(random, 500, 1500)),
  diamonds: (random: Random) => diamonds(40, () => uniform(random, 500, 2000)),
  chain: (random: Random) => chain(60, () => uniform(random, 500, 2000)),
  star: (random: Random) => star(100, () => uniform(random, 500, 10_000)),
} satisfies Record<string, (random: Random) => Shape>;

export type Family = keyof typeof families;

/** Who asks for a graph, and how well it is known what it takes. */
export interface Commission {
  readonly numbering: Numbering;
  readonly tenant: TenantId;
  readonly priority?: Priority;
  readonly deadlineAt?: Micros;
  /** Lanes that can run its ops, at one cost. Default: cpu. */
  readonly laneKinds?: readonly LaneKind[];
  readonly graph?: GraphId;
  /** What each dependency hands over. Default: 0. */
  readonly bytes?: number;
  /** Estimates are wrong by a factor of this sigma (log-normal, of mean 1). Default: they are true. */
  readonly noise?: { readonly random: Random; readonly sigma: number };
}

/** A shape as ops that a scheduler can be told, in an order they could run in. */
export function opsOf(shape: Shape, asked: Commission): readonly PlayedOp[] {
  const { numbering, tenant, priority = 'user-visible', deadlineAt = Infinity, laneKinds = ['cpu'], graph, bytes = 0, noise } = asked;
  const ids: readonly OpId[] = shape.map(() => numbering.op());
  return shape.map(({ name, cost, after }, index) => {
    const estimate: CostEstimate = { base: cost, perItem: 0 };
    const costs: Partial<Record<LaneKind, CostEstimate>> = Object.fromEntries(laneKinds.map((kind) => [kind, estimate]));
    const dependencies = after.map((node) => ({ op: ids[node]!, bytes }));
    return {
      op: { op: ids[index]!, tenant, name, priority, deadlineAt, costs, ...(graph ? { graph } : {}), ...(after.length > 0 ? { dependencies } : {}) },
      ...(noise ? { factor: logNormal(noise.random, noise.sigma) } : {}),
    };
  });
}

/** As an edge tells it: ops of a graph between its opening and its seal. */
export function told(at: Micros, ops: readonly PlayedOp[]): readonly Arrival[] {
  const { graph, tenant } = ops[0]?.op ?? {};
  if (graph === undefined || tenant === undefined) return [{ at, ops }];
  return [{ at, event: { kind: 'graph-opened', graph, tenant } }, { at, ops }, { at, event: { kind: 'graph-sealed', graph } }];
}

/** What it takes, on the kind of lane where it is cheapest. */
export function takes({ op, factor = 1, slices, encode = 0 }: PlayedOp): Micros {
  const items = op.items ?? 1;
  const estimates = Object.values(op.costs ?? {}).map(({ base, perItem }) => base + perItem * items);
  const predicted = slices?.reduce((sum, slice) => sum + slice, 0) ?? Math.min(...estimates);
  return encode + Math.round(predicted * factor);
}

/** All of it on one lane. */
export const work = (ops: readonly PlayedOp[]): Micros => ops.reduce((sum, op) => sum + takes(op), 0);

/**
 * The longest way through, which no number of lanes makes shorter: none of the ops starts before `arrivesAt`, nor before what it depends on
 * has ended. The ops are in any order; dependencies on others count as done. Settles each op when the last of its dependencies is settled (Kahn),
 * so neither paths nor depth cost anything.
 */
export function criticalPath(ops: readonly PlayedOp[], cost = takes, arrivesAt: (played: PlayedOp) => Micros = () => 0): Micros {
  const byId = new Map(ops.map((played) => [played.op.op, played]));
  const dependents = new Map<OpId, PlayedOp[]>();
  const missing = new Map<OpId, number>();
  const startAt = new Map<OpId, Micros>();
  for (const played of ops) {
    const own = (played.op.dependencies ?? []).filter(({ op }) => byId.has(op));
    missing.set(played.op.op, own.length);
    startAt.set(played.op.op, arrivesAt(played));
    for (const { op } of own) {
      const known = dependents.get(op);
      if (known) known.push(played);
      else dependents.set(op, [played]);
    }
  }
  const settled = ops.filter(({ op }) => missing.get(op.op) === 0);
  let longest = 0;
  for (const played of settled) {
    const endAt = startAt.get(played.op.op)! + cost(played);
    longest = Math.max(longest, endAt);
    for (const dependent of dependents.get(played.op.op) ?? []) {
      const { op } = dependent.op;
      startAt.set(op, Math.max(startAt.get(op)!, endAt));
      missing.set(op, missing.get(op)! - 1);
      if (missing.get(op) === 0) settled.push(dependent);
    }
  }
  assert(settled.length === ops.length, 'a graph has no circle');
  return longest;
}

/** No schedule on so many lanes ends sooner: the critical path, or all of the work on lanes that are never idle. */
export const leastMakespan = (ops: readonly PlayedOp[], lanes: number): Micros => Math.max(criticalPath(ops), work(ops) / lanes);
