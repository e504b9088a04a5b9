import { assert } from '../base/assert.ts';
import { Graph } from './graph.ts';
import { Line, Wait } from './line.ts';
import { laneKinds, leastUrgent, type Need, type ResourceId } from './op.ts';
import type { OpRecord } from './op-record.ts';
import { type Holder, Store, type Want } from './store.ts';

const none: readonly never[] = [];

/** Who has what, and who waits for what: the facts on which `Resources`, `Boosts` and the search for deadlocks agree. It decides nothing. */
export class Ledger {
  readonly waits = new Map<OpRecord, Wait>();
  /** Each store once. */
  readonly held = new Map<Holder, Store[]>();
  /** What is left of them may have become more since somebody was last told. */
  readonly freed = new Set<Store>();
  /** What they have, or who lacks them, changed since boosts were last settled. */
  readonly stale = new Set<Store>();
  /** Were boosted and let go of something. */
  readonly loosened = new Set<Holder>();
  /** Something happened since no deadlock was found that may have made one. */
  isSuspect = false;
  readonly #stores = new Map<ResourceId, Store>();
  readonly #lines = new Map<string, Line>();
  /** Their graphs have what they take for them. */
  readonly #kept = new WeakSet<OpRecord>();
  readonly #orderOf: (record: OpRecord) => number;

  constructor(orderOf: (record: OpRecord) => number) {
    this.#orderOf = orderOf;
  }

  get lines(): Iterable<Line> {
    return this.#lines.values();
  }

  capacityOf(resource: ResourceId): number {
    return this.#stores.get(resource)?.capacity ?? Infinity;
  }

  setCapacity(resource: ResourceId, capacity: number): void {
    const store = this.store(resource);
    store.capacity = capacity;
    this.freed.add(store);
    this.stale.add(store);
    this.isSuspect = true;
    this.#tidy(store);
  }

  store(resource: ResourceId): Store {
    let store = this.#stores.get(resource);
    if (store === undefined) this.#stores.set(resource, (store = new Store(resource)));
    return store;
  }

  /** What the op must still be given to start, each store once. */
  wantsOf(record: OpRecord): readonly Want[] {
    if (record.op.needs === undefined) return none;
    const wants: { store: Store; amount: number }[] = [];
    for (const need of record.op.needs) {
      if (need.amount === 0 || this.#holderOf(record, need) === undefined) continue;
      assert(need.amount > 0 && need.amount < Infinity, 'an op needs a finite amount');
      const store = this.store(need.resource);
      const known = wants.find((want) => want.store === store);
      if (known) known.amount += need.amount;
      else wants.push({ store, amount: need.amount });
    }
    return wants;
  }

  /** Gives it all that it wants. */
  take(record: OpRecord): void {
    for (const need of record.op.needs ?? []) {
      const holder = this.#holderOf(record, need);
      if (need.amount === 0 || holder === undefined) continue;
      const store = this.store(need.resource);
      store.take(holder, need.amount);
      const stores = this.held.get(holder);
      if (stores === undefined) this.held.set(holder, [store]);
      else if (!stores.includes(store)) stores.push(store);
      if (holder instanceof Graph) this.isSuspect = true;
      this.#touch(store);
    }
    if (record.graph) this.#kept.add(record);
  }

  /** It has nothing any more. */
  free(holder: Holder): void {
    const stores = this.held.get(holder);
    if (stores === undefined) return;
    this.held.delete(holder);
    this.#loosen(holder);
    for (const store of stores) {
      store.give(holder, store.holders.get(holder)!);
      this.freed.add(store);
      this.#touch(store);
      this.#tidy(store);
    }
  }

  /** As if `take` had not been: what its graph took for it goes back too. */
  untake(record: OpRecord): void {
    this.free(record);
    if (record.graph === undefined || !this.#kept.delete(record)) return;
    for (const need of record.op.needs ?? []) {
      if (need.until === 'op-ends' || need.amount === 0) continue;
      const store = this.store(need.resource);
      store.give(record.graph, need.amount);
      this.#loosen(record.graph);
      if (!store.holders.has(record.graph)) this.#letGo(record.graph, store);
      this.freed.add(store);
      this.#touch(store);
      this.#tidy(store);
    }
  }

  join(record: OpRecord, wants: readonly Want[]): Wait {
    const line = this.#lineOf(record, wants);
    const wait = new Wait(record, line);
    this.waits.set(record, wait);
    this.isSuspect = true;
    line.join(wait, this.#orderOf(record));
    for (const { store } of wants) {
      store.lines.add(line);
      this.stale.add(store);
    }
    return wait;
  }

  leave(wait: Wait): void {
    const { line, record } = wait;
    this.waits.delete(record);
    line.leave(wait);
    for (const { store } of line.wants) {
      this.stale.add(store);
      // Another may have the turn that it was given.
      if (wait.isOffered) this.freed.add(store);
      if (line.size > 0) continue;
      store.lines.delete(line);
      this.#tidy(store);
    }
    if (line.size === 0) this.#lines.delete(line.name);
  }

  requeue(wait: Wait): void {
    wait.line.requeue(wait, this.#orderOf(wait.record));
  }

  /** The op's urgency, claim or order may have changed. */
  reweigh(record: OpRecord): void {
    const wait = this.waits.get(record);
    if (wait === undefined) return;
    if (wait.claim !== record.claim || wait.urgency !== record.urgency) for (const { store } of wait.line.wants) this.stale.add(store);
    wait.line.reweigh(wait, this.#orderOf(record));
  }

  reserve(wait: Wait): void {
    for (const { store } of wait.line.wants) {
      store.reservedFor = wait;
      this.stale.add(store);
    }
  }

  unreserve(wait: Wait): void {
    for (const { store } of wait.line.wants) {
      if (store.reservedFor !== wait) continue;
      store.reservedFor = undefined;
      this.#loosen(wait.record);
      this.freed.add(store);
      this.stale.add(store);
    }
  }

  /** Of which stores it keeps others waiting. */
  *storesOf(holder: Holder): Iterable<Store> {
    yield* this.held.get(holder) ?? [];
    const wait = holder instanceof Graph ? undefined : this.waits.get(holder);
    for (const { store } of wait?.line.wants ?? []) if (store.reservedFor === wait) yield store;
  }

  /** Who keeps others waiting for it. */
  *holdersOf(store: Store): Iterable<Holder> {
    yield* store.holders.keys();
    if (store.reservedFor) yield store.reservedFor.record;
  }

  /** Every figure is what the entries say. */
  check(): void {
    for (const store of this.#stores.values()) {
      let [used, kept] = [0, 0];
      for (const [holder, amount] of store.holders) {
        used += amount;
        if (holder instanceof Graph) kept += amount;
      }
      const rest = 1e-9 * used;
      assert(Math.abs(used - store.used) <= rest && Math.abs(kept - store.kept) <= rest, 'what is used is what is held');
      assert([...store.holders.keys()].every((holder) => this.held.get(holder)?.includes(store)), 'whoever has something is known to have it');
    }
    let size = 0;
    for (const line of this.#lines.values()) size += line.size;
    assert(size === this.waits.size, 'every op that waits stands in one line');
  }

  /** Who is to have it; `undefined` when its graph took it for it already. */
  #holderOf(record: OpRecord, need: Need): Holder | undefined {
    if (need.until === 'op-ends' || record.graph === undefined) return record;
    return this.#kept.has(record) ? undefined : record.graph;
  }

  #lineOf(record: OpRecord, wants: readonly Want[]): Line {
    const { tenant, lane } = record.op;
    const kinds = laneKinds.filter((kind) => record.op.costs?.[kind]);
    const name = JSON.stringify([tenant, lane, kinds, wants.map(({ store, amount }) => [store.resource, amount])]);
    let line = this.#lines.get(name);
    if (line === undefined) this.#lines.set(name, (line = new Line(name, wants)));
    return line;
  }

  #letGo(holder: Holder, store: Store): void {
    const stores = this.held.get(holder)!.filter((other) => other !== store);
    if (stores.length > 0) this.held.set(holder, stores);
    else this.held.delete(holder);
  }

  /** While nobody waits there is nothing to settle. */
  #touch(store: Store): void {
    if (store.lines.size > 0) this.stale.add(store);
  }

  #loosen(holder: Holder): void {
    if (holder.boost < leastUrgent) this.loosened.add(holder);
  }

  /** A buffer that nobody uses is not remembered. */
  #tidy(store: Store): void {
    if (!store.isForgettable) return;
    this.#stores.delete(store.resource);
    this.freed.delete(store);
    this.stale.delete(store);
  }
}
