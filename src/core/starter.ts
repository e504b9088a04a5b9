import { assert } from '../base/assert.ts';
import { Heap } from '../base/heap.ts';
import type { Micros } from '../base/units.ts';
import type { Census } from './census.ts';
import type { Command, Reason } from './event.ts';
import { Gangs } from './gangs.ts';
import type { Lane } from './lane.ts';
import { classRankOf, type LaneId, priorityOf, type TenantId, urgencyOf } from './op.ts';
import type { OpRecord } from './op-record.ts';
import { place } from './placement.ts';
import type { PolicyDesk } from './policy-desk.ts';
import { type Pool, Pools } from './pools.ts';
import { ageOf } from './ready-queue.ts';
import type { Reserve } from './reserve.ts';
import type { Resources } from './resources.ts';
import type { Shares } from './shares.ts';

export interface StarterWorld {
  readonly desk: PolicyDesk;
  readonly shares: Shares;
  readonly census: Census;
  readonly resources: Resources;
  readonly reserve: Reserve;
  readonly whenStarted: (record: OpRecord) => void;
  /** Whether the scheduler is switched on: off, nothing is held back. */
  readonly isEnabled: () => boolean;
}

interface First {
  readonly pool: Pool;
  readonly record: OpRecord;
}

/** So many ops that wait for a better lane are looked past for one that does not. */
const lookPast = 8;

/**
 * Takes ready ops to lanes: the first in order that may start goes to the lane where it ends soonest. What may not start yet is held apart
 * (by its tenant's slots, a resource, its gang), so it is in nobody's way.
 */
export class Starter {
  readonly #world: StarterWorld;
  readonly #pools: Pools;
  readonly #gangs = new Gangs();
  /** Ops whose tenant has as many under way as it may. */
  readonly #noSlot = new Map<TenantId, Heap<OpRecord>>();
  #hasWaited = false;

  constructor(world: StarterWorld) {
    this.#world = world;
    this.#pools = new Pools(world.desk);
  }

  get lanes(): ReadonlyMap<LaneId, Lane> {
    return this.#pools.lanes;
  }

  /** Told twice, it is the same one. */
  openLane(lane: Lane): void {
    if (!this.lanes.has(lane.lane)) this.#pools.open(lane);
  }

  closeLane(lane: Lane): void {
    this.#pools.close(lane);
  }

  /** An op became ready: everything it depends on is done, and its graph goes on. */
  enter(record: OpRecord): void {
    const { shares } = this.#world;
    shares.join(record.share);
    this.#line(record);
  }

  /** An op that is ready or held goes another way. */
  leave(record: OpRecord): void {
    const { shares, census, resources } = this.#world;
    shares.leave(record.share);
    record.queue?.remove(record);
    census.forget(record);
    this.#gangs.remove(record);
    const waiting = this.#noSlot.get(record.op.tenant);
    if (record.entry !== undefined) waiting?.remove(record.entry);
    if (waiting?.size === 0) this.#noSlot.delete(record.op.tenant);
    record.entry = undefined;
    resources.forget(record);
    this.#freeSlots(record.op.tenant); // It may have been given one.
  }

  /** What it inherits changed. */
  changed(record: OpRecord): void {
    record.queue?.rekey(record);
    // Its slices go in the order of its key.
    if (record.isUnderWay && this.#world.desk.policy.taken === 'ready') record.key = this.#world.desk.keyOfOp(record);
    if (record.state === 'held' && record.entry !== undefined) this.#noSlot.get(record.op.tenant)!.update(record.entry, ageOf(record));
    this.#world.census.renote(record);
  }

  /** The lane says that all of it is in the gate. */
  encoded(record: OpRecord): void {
    this.#world.census.renote(record);
  }

  /** It is not under way any more, whatever became of it. `cost`: what it took. */
  ended(record: OpRecord, cost: Micros | undefined, now: Micros): void {
    const { shares, census, resources } = this.#world;
    const lane = this.lanes.get(record.lane!);
    const share = record.share;
    census.forget(record);
    lane?.drop(record);
    if (lane !== undefined && lane.gate === undefined && cost !== undefined) share.charge(cost - record.charged, now, record.chargedWeight);
    record.charged = 0;
    shares.leave(share);
    share.underWay -= 1;
    resources.release(record);
    this.#freeSlots(record.op.tenant);
  }

  /** It may fit now. */
  unhold(record: OpRecord): void {
    if (record.state !== 'held' || awaitsGang(record)) return;
    record.to('ready');
    this.#line(record);
  }

  setSlots(tenant: TenantId, slots: number): void {
    this.#world.shares.of(tenant).slots = slots;
    this.#freeSlots(tenant);
  }

  /** The policy changed. */
  rebuild(): void {
    this.#pools.rebuild();
    // What is under way has slices in gates, in the order of its key.
    for (const lane of this.lanes.values()) for (const record of lane.underWay) record.key = this.#world.desk.keyOfOp(record);
  }

  /** Re-derives what the indices claim. `gates`: the tenant of each gate that is in line. */
  check(records: Iterable<OpRecord>, gates: Iterable<TenantId>): void {
    const { shares, resources } = this.#world;
    const inLine = new Map<TenantId, number>();
    const underWay = new Map<TenantId, number>();
    const count = (counts: Map<TenantId, number>, tenant: TenantId): void => void counts.set(tenant, (counts.get(tenant) ?? 0) + 1);
    for (const tenant of gates) count(inLine, tenant);
    for (const record of records) {
      const { op: { tenant }, state } = record;
      if (record.isUnderWay) {
        count(underWay, tenant);
        assert(this.lanes.get(record.lane!)?.underWay.includes(record) === true, 'what is under way is in its lane');
      }
      if (state === 'held') {
        const isHeld = awaitsGang(record) ? this.#gangs.has(record) : record.entry?.isQueued === true || resources.isWaiting(record);
        assert(isHeld, 'an op is held by its gang, by its tenant\'s slots or by a resource');
      }
      if (record.isUnderWay || state === 'ready' || state === 'held') count(inLine, tenant);
    }
    for (const share of shares) {
      assert(share.underWay === (underWay.get(share.tenant) ?? 0), 'a tenant counts what it has under way');
      assert(share.backlog === (inLine.get(share.tenant) ?? 0), 'a tenant counts what it has in line');
    }
    for (const lane of this.lanes.values()) {
      assert(lane.underWay.every((record) => record.isUnderWay && record.lane === lane.lane), 'what a lane has is under way there');
      assert(lane.underWay.filter(({ state }) => state === 'encoding').length <= 1, 'a lane encodes one op at a time');
    }
  }

  /** Starts what can start. `true`: not all of that, because an op began to wait for a resource, and whoever has that may be more urgent now. */
  start(now: Micros, commands: Command[]): boolean {
    this.#hasWaited = false;
    if (this.#gangs.size > 0) this.#startGangs(now, commands);
    const stuck: Pool[] = [];
    while (!this.#hasWaited && this.#hasOpenLane(this.lanes.values())) {
      const first = this.#next(now, stuck);
      if (first === undefined) break;
      if (!this.#startFrom(first, now, commands)) stuck.push(first.pool);
    }
    return this.#hasWaited;
  }

  /** What goes first of all that a free lane could take. */
  #next(now: Micros, stuck: readonly Pool[]): First | undefined {
    let best: Pool | undefined;
    let first: OpRecord | undefined;
    for (const pool of this.#pools.pools) {
      if (pool.queue.size === 0 || stuck.includes(pool) || !this.#hasOpenLane(pool.lanes)) continue;
      const record = pool.queue.peek();
      if (record === undefined || !this.#hasOpenLane(this.#lanesFor(record, pool, now)) || (first !== undefined && !this.#goesBefore(record, first))) continue;
      best = pool;
      first = record;
    }
    return best && first && (this.#overdueBefore(best, first, now, stuck) ?? { pool: best, record: first });
  }

  /** Of what the lanes of `pool` could take as well, what is less urgent and has been overdue for longest, if the reserve pays. */
  #overdueBefore(pool: Pool, first: OpRecord, now: Micros, stuck: readonly Pool[]): First | undefined {
    const { desk, reserve } = this.#world;
    if (!desk.policy.classes || !reserve.mayPay(now)) return undefined;
    let overdue: First | undefined;
    for (const other of this.#pools.pools) {
      if (other.queue.size === 0 || stuck.includes(other)) continue;
      if (other !== pool && !other.lanes.some((lane) => pool.lanes.includes(lane) && this.#isOpen(lane))) continue;
      const record = other.queue.peekOverdue(first, now);
      if (record !== undefined && (overdue === undefined || record.key < overdue.record.key)) overdue = { pool: other, record };
    }
    if (overdue !== undefined) overdue.record.isOverdue = true;
    return overdue;
  }

  #goesBefore(a: OpRecord, b: OpRecord): boolean {
    if (a.isOverdue !== b.isOverdue) return a.isOverdue;
    if (this.#world.desk.policy.classes && !a.isOverdue) {
      const [x, y] = [classRankOf(a.urgency), classRankOf(b.urgency)];
      if (x !== y) return x < y;
    }
    return a.key < b.key || (a.key === b.key && a.arrival < b.arrival);
  }

  /** From the moment an urgent op arrives until all of it has reached the GPU, less urgent work leaves the GPU to it, unless the reserve pays. */
  #lanesFor(record: OpRecord, { lanes }: Pool, now: Micros): readonly Lane[] {
    const { desk, census, reserve, isEnabled } = this.#world;
    if (census.size === 0 || record.isOverdue || !isEnabled() || !desk.policy.classes) return lanes;
    if (!census.isAwaited(classRankOf(record.urgency)) || !lanes.some(({ gate }) => gate !== undefined)) return lanes;
    record.isOverdue = record.key < now && reserve.mayPay(now);
    return record.isOverdue ? lanes : lanes.filter(({ gate }) => gate === undefined);
  }

  #hasOpenLane(lanes: Iterable<Lane>): boolean {
    for (const lane of lanes) if (this.#isOpen(lane)) return true;
    return false;
  }

  readonly #isOpen = (lane: Lane): boolean => lane.isFree && !this.#gangs.isReserved(lane);

  /** Starts or holds one op of the pool; `false` when all those looked at wait for a better lane. */
  #startFrom({ pool, record: first }: First, now: Micros, commands: Command[]): boolean {
    let aside: OpRecord[] | undefined;
    let isDone = false;
    for (let record: OpRecord | undefined = first; record !== undefined && !isDone; record = pool.queue.peek()) {
      const lanes = this.#lanesFor(record, pool, now);
      if (!this.#hasOpenLane(lanes)) break;
      const lane = place(record, lanes, this.#isOpen, now);
      if (lane === undefined) {
        pool.queue.remove(record);
        aside ??= [];
        if (aside.push(record) === lookPast) break;
        continue;
      }
      if (this.#isAllowed(record)) this.#start(record, lane, record.isOverdue ? 'overdue' : undefined, now, commands);
      isDone = true;
    }
    if (aside !== undefined) for (const record of aside) pool.queue.push(record);
    return isDone;
  }

  /** Whether its tenant and its resources let it start; if not it is held, and its resources are not taken. */
  #isAllowed(record: OpRecord): boolean {
    const { census, resources } = this.#world;
    const share = record.share;
    if (share.underWay >= share.slots) {
      record.queue!.remove(record);
      let waiting = this.#noSlot.get(record.op.tenant);
      if (waiting === undefined) this.#noSlot.set(record.op.tenant, (waiting = new Heap()));
      record.entry = waiting.push(ageOf(record), record, record.arrival);
    } else if (resources.tryAcquire(record)) return true;
    else {
      record.queue!.remove(record);
      this.#hasWaited = true;
    }
    census.forget(record);
    record.to('held');
    if (record.entry === undefined) this.#freeSlots(record.op.tenant); // Another may have the slot that it was given.
    return false;
  }

  #start(record: OpRecord, lane: Lane, because: Reason['because'] | undefined, now: Micros, commands: Command[]): void {
    const { desk, shares, census, reserve } = this.#world;
    const share = record.share;
    const cost = record.costOn(lane.kind) ?? record.cost;
    const latency = lane.backlogAt(now) + cost;
    shares.pick(share, record.key);
    share.underWay += 1;
    if (lane.gate === undefined) {
      record.charged = cost;
      record.chargedWeight = share.weight;
      share.charge(cost, now);
    } // Behind a gate slices are charged, as they go.
    record.queue?.remove(record);
    if (because === 'overdue') reserve.spend(cost);
    record.to('encoding');
    record.attempt += 1;
    record.lane = lane.lane;
    record.startedAt = now;
    record.sliceCost = 0;
    lane.take(record, cost, now);
    if (lane.gate !== undefined) census.note(record, lane.gate);
    this.#world.whenStarted(record);
    const isInherited = record.urgency < urgencyOf(record.op.priority) && record.urgency < record.ownUrgency;
    commands.push({
      kind: 'start', lane: lane.lane, op: record.op.op, priority: priorityOf(record.urgency), attempt: record.attempt,
      why: { policy: desk.name, because: because ?? (isInherited ? 'inherited' : 'order'), key: record.key, waited: now - record.readyAt, cost, latency },
    });
  }

  /** Gangs whose members are all ready take lanes at once, the oldest first; lanes it has to wait for are kept free for it. */
  #startGangs(now: Micros, commands: Command[]): void {
    for (const { members, lanes } of this.#gangs.startable(this.lanes, (members) => this.#areAllowed(members))) {
      members.forEach((record, index) => {
        record.to('ready');
        this.#start(record, lanes[index]!, 'gang', now, commands);
      });
    }
  }

  /** All of them or none. */
  #areAllowed(members: readonly OpRecord[]): boolean {
    const { shares, resources } = this.#world;
    const wanted = new Map<TenantId, number>();
    for (const { op } of members) wanted.set(op.tenant, (wanted.get(op.tenant) ?? 0) + 1);
    for (const [tenant, count] of wanted) if (shares.of(tenant).underWay + count > shares.of(tenant).slots) return false;
    const taken: OpRecord[] = [];
    for (const record of members) {
      if (resources.tryAcquire(record)) taken.push(record);
      else {
        resources.forget(record);
        for (const other of taken) resources.undo(other);
        return false;
      }
    }
    return true;
  }

  #line(record: OpRecord): void {
    if (awaitsGang(record)) {
      record.to('held');
      this.#gangs.add(record);
      return;
    }
    this.#pools.push(record);
    const gate = record.op.lane === undefined ? undefined : this.lanes.get(record.op.lane)?.gate;
    if (gate !== undefined) this.#world.census.note(record, gate);
  }

  #freeSlots(tenant: TenantId): void {
    const waiting = this.#noSlot.get(tenant);
    const share = this.#world.shares.of(tenant);
    for (let free = share.slots - share.underWay; free > 0; free -= 1) {
      const record = waiting?.pop();
      if (record === undefined) break;
      record.entry = undefined;
      this.unhold(record);
    }
    if (waiting?.size === 0) this.#noSlot.delete(tenant);
  }
}

/** A member that is tried again does so alone: the others have run. */
const awaitsGang = ({ op, attempt }: OpRecord): boolean => op.gang !== undefined && attempt === 0;
