import type { Lane } from './lane.ts';
import { type LaneId, laneKinds, type TenantId } from './op.ts';
import type { OpRecord } from './op-record.ts';
import type { PolicyDesk } from './policy-desk.ts';
import { ReadyQueue } from './ready-queue.ts';

/** Ready ops that the same lanes can run, and those lanes. */
export interface Pool {
  readonly queue: ReadyQueue;
  readonly lanes: readonly Lane[];
}

interface OpenPool extends Pool {
  readonly serves: (lane: Lane) => boolean;
  lanes: Lane[];
}

/** Which lanes could run which ready ops. A lane of a tenant runs that tenant's ops only, an op that names a lane runs there only. */
export class Pools {
  readonly #desk: PolicyDesk;
  readonly #lanes = new Map<LaneId, Lane>();
  readonly #pools = new Map<string | number, OpenPool>();
  /** Tenants that have a lane of their own: their ops have pools of their own. */
  readonly #bound = new Map<TenantId, number>();

  constructor(desk: PolicyDesk) {
    this.#desk = desk;
  }

  get lanes(): ReadonlyMap<LaneId, Lane> {
    return this.#lanes;
  }

  open(lane: Lane): void {
    this.#lanes.set(lane.lane, lane);
    this.#bind(lane, 1);
  }

  close(lane: Lane): void {
    this.#lanes.delete(lane.lane);
    this.#bind(lane, -1);
  }

  /** Puts a ready op into its pool. */
  push(record: OpRecord): void {
    this.#of(record).queue.push(record);
  }

  /** All of them, the empty ones too. */
  get pools(): Iterable<Pool> {
    return this.#pools.values();
  }

  rebuild(): void {
    for (const { queue } of this.#pools.values()) queue.rebuild();
  }

  /** A tenant that gets its first lane of its own, or loses the last, moves to another pool. */
  #bind({ tenant }: Lane, change: 1 | -1): void {
    const before = tenant === undefined ? 1 : (this.#bound.get(tenant) ?? 0);
    if (tenant !== undefined) this.#bound.set(tenant, before + change);
    for (const pool of this.#pools.values()) pool.lanes = [...this.#lanes.values()].filter(pool.serves);
    if (before > 0 && before + change > 0) return;
    const moved = [...this.#pools.values()].flatMap(({ queue }) => [...queue].filter(({ op }) => op.tenant === tenant));
    for (const record of moved) record.queue?.remove(record);
    for (const record of moved.toSorted((a, b) => a.arrival - b.arrival)) this.push(record);
  }

  #of(record: OpRecord): OpenPool {
    const { op } = record;
    const isBound = this.#bound.size > 0 && (this.#bound.get(op.tenant) ?? 0) > 0;
    const kinds = kindsOf(record);
    const signature = op.lane !== undefined ? `#${op.lane} ${op.tenant}` : isBound ? `${kinds} ${op.tenant}` : kinds;
    let pool = this.#pools.get(signature);
    if (pool === undefined) {
      this.#tidy();
      const serves = (lane: Lane): boolean => canRun(lane, record) && (isBound || op.lane !== undefined || lane.tenant === undefined);
      pool = { queue: new ReadyQueue(this.#desk), lanes: [...this.#lanes.values()].filter(serves), serves };
      this.#pools.set(signature, pool);
    }
    return pool;
  }

  /** Ops of lanes and tenants that are gone leave their pools behind. */
  #tidy(): void {
    if (this.#pools.size < keptEmpty) return;
    for (const [signature, { queue }] of this.#pools) if (queue.size === 0) this.#pools.delete(signature);
  }
}

/** A bit for each kind of lane that can run it. */
function kindsOf({ op: { costs } }: OpRecord): number {
  let kinds = 0;
  if (costs !== undefined) for (let bit = 0; bit < laneKinds.length; bit += 1) if (costs[laneKinds[bit]!] !== undefined) kinds |= 1 << bit;
  return kinds;
}

/** Pools of which nothing is left are kept up to this many, since their like comes again. */
const keptEmpty = 64;

/** Whether an op may run there at all. */
export function canRun(lane: Lane, { op }: OpRecord): boolean {
  if (lane.tenant !== undefined && lane.tenant !== op.tenant) return false;
  return op.lane === undefined ? op.costs?.[lane.kind] !== undefined : op.lane === lane.lane;
}
