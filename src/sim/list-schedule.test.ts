import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seededRandom } from '../base/random.ts';
import type { OpId, TenantId } from '../core/op.ts';
import { criticalPath, type Family, families, leastMakespan, opsOf, takes, told, work } from './graphs.ts';
import { Numbering, type PlayedOp } from './workload.ts';
import { play } from './world.ts';

type Order = 'fifo' | 'critical-path';

/**
 * The slow twin: list scheduling as it is taught. Looks through all ops each time, walks all of the graph for a rank, and shares no code with the
 * scheduler. When each op starts.
 */
function taught(ops: readonly PlayedOp[], lanes: number, order: Order): ReadonlyMap<OpId, number> {
  const startAt = new Map<OpId, number>();
  const endAt = new Map<OpId, number>();
  const readyAt = new Map<OpId, number>();
  const dependents = (op: OpId) => ops.filter((other) => other.op.dependencies?.some((dependency) => dependency.op === op));
  const ranks = new Map<OpId, number>();
  // Dependents stand behind.
  for (const played of ops.toReversed()) ranks.set(played.op.op, takes(played) + Math.max(0, ...dependents(played.op.op).map(({ op }) => ranks.get(op.op)!)));
  const before = (a: OpId, b: OpId) => (order === 'fifo' ? readyAt.get(a)! - readyAt.get(b)! : ranks.get(b)! - ranks.get(a)!);
  let running: readonly OpId[] = [];
  for (let now = 0; ;) {
    for (const { op } of ops) if (!readyAt.has(op.op) && (op.dependencies ?? []).every((dependency) => endAt.has(dependency.op))) readyAt.set(op.op, now);
    const waiting = ops.filter(({ op }) => readyAt.has(op.op) && !startAt.has(op.op)).map(({ op }) => op.op).sort(before);
    for (const op of waiting.slice(0, lanes - running.length)) startAt.set(op, now);
    running = [...running, ...waiting.slice(0, lanes - running.length)];
    if (running.length === 0) return startAt;
    const ends = (op: OpId) => startAt.get(op)! + takes(ops.find((played) => played.op.op === op)!);
    // One at a time, of equals the one that started first: what it frees is given away before the next ends.
    const [first] = running.toSorted((a, b) => ends(a) - ends(b));
    now = ends(first!);
    endAt.set(first!, now);
    running = running.filter((op) => op !== first);
  }
}

function scheduled(ops: readonly PlayedOp[], lanes: number, order: Order) {
  const log = play(
    { name: 'graph', lanes: Array.from({ length: lanes }, () => ({ laneKind: 'cpu' as const })), tuning: { policy: order }, source: { arrivals: told(0, ops) } },
    { seed: 1, noise: 0, delays: { message: 0, notify: 0 }, watch: 'each-step' });
  return { makespan: log.endAt, startAt: new Map([...log.lives].map(([op, { runs }]) => [op, runs[0]!.startAt])) };
}

const graphOf = (family: Family, seed: number): readonly PlayedOp[] => {
  const numbering = new Numbering();
  return opsOf(families[family](seededRandom(seed)), { numbering, tenant: 'a' as TenantId, graph: numbering.graph() });
};

test.each(Object.keys(families) as Family[])('%s starts each op when list scheduling says, and keeps Graham\'s bound', (family) => {
  fc.assert(fc.property(fc.nat(), fc.integer({ min: 1, max: 9 }), fc.constantFrom<Order>('fifo', 'critical-path'), (seed, lanes, order) => {
    const ops = graphOf(family, seed);
    const { makespan, startAt } = scheduled(ops, lanes, order);
    expect(startAt).toEqual(taught(ops, lanes, order));
    expect(makespan).toBeGreaterThanOrEqual(leastMakespan(ops, lanes));
    // Graham 1969, in the form that holds whatever the order is.
    expect(makespan).toBeLessThanOrEqual(work(ops) / lanes + (1 - 1 / lanes) * criticalPath(ops) + 1e-6);
  }), { numRuns: 3 });
});
