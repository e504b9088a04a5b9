import fastq from 'fastq';
import PQueue from 'p-queue';
import { Fifo } from '../../src/base/fifo.ts';
import { seededRandom } from '../../src/base/random.ts';
import type { SchedulerEvent } from '../../src/core/event.ts';
import { type GraphId, type LaneId, levels, type Op, type OpId, type TenantId } from '../../src/core/op.ts';
import { Scheduler } from '../../src/core/scheduler.ts';
import { oneOf, type Random, whole } from '../../src/sim/draws.ts';
import { layered, opsOf } from '../../src/sim/graphs.ts';
import { Numbering } from '../../src/sim/workload.ts';

/** Each call does one round, from nothing, and gives µs per op or per call. What is asked for is made before the clock starts. */
export interface CoreArms {
  /** So many ops are submitted and then run one after another. */
  ours(depth: number, seed: number): number;
  /** The same ops; each submitted when one ended, while `depth` wait. */
  oursSteady(depth: number, seed: number): number;
  oursReprioritise(depth: number, seed: number): number;
  oursGraph(size: number, seed: number): number;
  pQueue(depth: number, seed: number): Promise<number>;
  fastq(depth: number, seed: number): Promise<number>;
}

const tenants = ['camera', 'chat', 'search', 'index'] as TenantId[];
const estimate = { cpu: { base: 1000, perItem: 0 } };

function mixedOps(count: number, random: Random): readonly Op[] {
  return Array.from({ length: count }, (_, index) => ({
    op: (index + 1) as OpId, tenant: oneOf(random, tenants), name: 'op', priority: oneOf(random, levels), deadlineAt: Infinity, costs: estimate,
  }));
}

/** An edge that takes no time: what is started has ended when it is asked for. */
class Edge {
  readonly #scheduler = new Scheduler();
  readonly #started = new Fifo<OpId>();
  #now = 0;

  constructor(lanes: number) {
    for (let lane = 1; lane <= lanes; lane += 1) this.tell({ kind: 'lane-opened', lane: lane as LaneId, laneKind: 'cpu' });
  }

  tell(event: SchedulerEvent): void {
    this.#now += 1;
    for (const command of this.#scheduler.step(event, this.#now)) if (command.kind === 'start') this.#started.push(command.op);
  }

  submit(ops: readonly Op[]): void {
    for (const op of ops) this.tell({ kind: 'op-submitted', op });
  }

  /** Ends what was started first; `false` when nothing is under way. */
  finish(): boolean {
    const op = this.#started.shift();
    if (op === undefined) return false;
    this.tell({ kind: 'op-finished', op, attempt: 1, cost: 1000 });
    return true;
  }

  /** How many ended. */
  drain(): number {
    let ended = 0;
    while (this.finish()) ended += 1;
    return ended;
  }
}

function expectAll(ended: number, count: number): void {
  if (ended !== count) throw new Error(`${ended} of ${count} ops ended.`);
}

/** µs for each of `count`. */
function timed(count: number, call: () => void): number {
  const startAt = performance.now();
  call();
  return (1000 * (performance.now() - startAt)) / count;
}

async function timedUntil(count: number, call: () => Promise<void>): Promise<number> {
  const startAt = performance.now();
  await call();
  return (1000 * (performance.now() - startAt)) / count;
}

export const arms: CoreArms = {
  ours(depth, seed) {
    const ops = mixedOps(depth, seededRandom(seed));
    const edge = new Edge(1);
    return timed(depth, () => {
      edge.submit(ops);
      expectAll(edge.drain(), depth);
    });
  },

  oursSteady(depth, seed) {
    const ops = mixedOps(2 * depth, seededRandom(seed));
    const edge = new Edge(1);
    edge.submit(ops.slice(0, depth));
    const later = ops.slice(depth);
    return timed(depth, () => {
      for (const op of later) {
        edge.tell({ kind: 'op-submitted', op });
        edge.finish();
      }
    });
  },

  oursReprioritise(depth, seed) {
    const random = seededRandom(seed);
    const edge = new Edge(1);
    edge.submit(mixedOps(depth, random));
    const events = Array.from({ length: depth }, (): SchedulerEvent =>
      ({ kind: 'priority-changed', op: whole(random, 1, depth) as OpId, priority: oneOf(random, levels) }));
    return timed(depth, () => {
      for (const event of events) edge.tell(event);
    });
  },

  oursGraph(size, seed) {
    const random = seededRandom(seed);
    const width = 100;
    const shape = layered(random, { layers: size / width, width: [width, width], fanIn: [1, 3] }, () => whole(random, 500, 10_000));
    const [tenant, graph] = [tenants[0]!, 1 as GraphId];
    const ops = opsOf(shape, { numbering: new Numbering(), tenant, graph }).map(({ op }) => op);
    const edge = new Edge(8);
    return timed(size, () => {
      edge.tell({ kind: 'graph-opened', graph, tenant });
      edge.tell({ kind: 'ops-submitted', ops });
      edge.tell({ kind: 'graph-sealed', graph });
      expectAll(edge.drain(), size);
    });
  },

  pQueue(depth, seed) {
    const random = seededRandom(seed);
    // Ours counts from the most urgent, p-queue from the least.
    const priorities = Array.from({ length: depth }, () => whole(random, 0, levels.length - 1));
    const queue = new PQueue({ concurrency: 1, autoStart: false });
    const noop = async (): Promise<void> => {};
    return timedUntil(depth, async () => {
      for (const priority of priorities) void queue.add(noop, { priority });
      queue.start();
      await queue.onIdle();
    });
  },

  fastq(depth) {
    let ended = 0;
    // Done within the call it would recurse: 100 000 deep there is no stack left.
    const queue = fastq((_task: number, done: fastq.done) => queueMicrotask(() => done(null)), 1);
    queue.pause();
    return timedUntil(depth, () => new Promise<void>((resolve) => {
      const done = (): void => {
        ended += 1;
        if (ended === depth) resolve();
      };
      for (let task = 0; task < depth; task += 1) queue.push(task, done);
      queue.resume();
    }));
  },
};
