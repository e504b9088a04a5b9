import { assert } from '../base/assert.ts';
import type { Backflow } from './backflow.ts';
import { Boosts } from './boosts.ts';
import { findDeadlock } from './deadlock.ts';
import type { Graph } from './graph.ts';
import { Ledger } from './ledger.ts';
import type { Line, Wait } from './line.ts';
import type { Need, ResourceId } from './op.ts';
import type { OpRecord } from './op-record.ts';
import { Reservations } from './reservations.ts';
import type { Holder, Want } from './store.ts';

const none: readonly OpRecord[] = [];

/**
 * Who may take how much of what there is only so much of.
 *
 * An op takes all that it needs or nothing. One that gets nothing waits until `wake` names it, and then tries again when a lane could take
 * it, or is forgotten: what it was told of is kept for nobody, but its equals are not told of it too. Whoever asks first gets it, but for
 * `Reservations`.
 */
export class Resources {
  readonly #ledger: Ledger;
  readonly #boosts: Boosts;
  readonly #reservations: Reservations;

  /** `orderOf`: among equals the smallest is told first, and ties in arrival order. By urgency until told. */
  constructor(orderOf: (record: OpRecord) => number = (record) => record.urgency) {
    this.#ledger = new Ledger(orderOf);
    this.#boosts = new Boosts(this.#ledger);
    this.#reservations = new Reservations(this.#ledger);
  }

  /** `Infinity` for no bound, as before anything was told. Less than is held is no error: nobody gets any until it has come back. */
  setCapacity(resource: ResourceId, capacity: number): void {
    assert(capacity >= 0, 'a capacity is not negative');
    this.#ledger.setCapacity(resource, capacity);
  }

  /** The need that the op, even alone, could never have; `undefined` when all of them could be met. */
  impossible(record: OpRecord): Need | undefined {
    const totals = new Map<ResourceId, number>();
    return record.op.needs?.find(({ resource, amount }) => {
      const total = (totals.get(resource) ?? 0) + amount;
      totals.set(resource, total);
      return total > this.#ledger.capacityOf(resource);
    });
  }

  /**
   * All that the op needs, or `false`, and then it waits. O(needs), and O(1) for each line of others that wait for the same.
   *
   * What it takes `until: 'graph-ends'` its graph holds, on top of what it holds for other ops, and is taken once, however often the op is
   * tried again; an op without a graph keeps it until it ends. For an op that has all it needs nothing changes.
   */
  tryAcquire(record: OpRecord): boolean {
    if (!record.op.needs?.length || this.#ledger.held.has(record)) return true;
    const wait = this.#ledger.waits.get(record);
    const wants = wait?.line.wants ?? this.#ledger.wantsOf(record);
    if (!this.#mayTake(record, wants)) {
      if (wait) this.#ledger.requeue(wait);
      else this.#ledger.join(record, wants);
      return false;
    }
    if (wait) {
      wait.line.passedCount = 0;
      this.#leave(wait);
    }
    this.#reservations.passOver(wants);
    this.#ledger.take(record);
    return true;
  }

  /** The op does not start after all: all is as if it had not been given anything. */
  undo(record: OpRecord): void {
    this.#ledger.untake(record);
  }

  /** The op has ended, or this attempt at it. Told twice, or of an op that waits or holds nothing, it changes no more. */
  release(record: OpRecord): void {
    this.forget(record);
    this.#ledger.free(record);
  }

  /** All of the graph has ended. */
  releaseGraph(graph: Graph): void {
    this.#ledger.free(graph);
  }

  /** The op does not want anything for now: it was cancelled or paused, or its lane is gone. */
  forget(record: OpRecord): void {
    const wait = this.#ledger.waits.get(record);
    if (wait) this.#leave(wait);
  }

  isWaiting(record: OpRecord): boolean {
    return this.#ledger.waits.has(record);
  }

  /**
   * The ops that are worth trying again since the last call, in arrival order, each once: those for which there may be enough now, and those
   * for which, since a capacity was lowered, there never will be (`impossible`). To be asked after everything that happens.
   */
  wake(): readonly OpRecord[] {
    const { freed } = this.#ledger;
    this.#reservations.refresh();
    if (freed.size === 0) return none;
    const lines = new Set<Line>();
    for (const store of freed) for (const line of store.lines) lines.add(line);
    freed.clear();
    const woken: OpRecord[] = [];
    for (const line of lines) for (const { record } of this.#offer(line)) woken.push(record);
    return woken.sort((a, b) => a.arrival - b.arrival);
  }

  /** The ops and graphs that have what it waits for, and whom that is reserved for. Its own graph is not among them. */
  holdersBefore(record: OpRecord): readonly Holder[] {
    const line = this.#ledger.waits.get(record)?.line;
    const holders = new Set<Holder>();
    for (const { store } of line?.wants ?? []) {
      if (line?.lacks(store)) for (const holder of this.#ledger.holdersOf(store)) holders.add(holder);
    }
    return [...holders].filter((holder) => holder !== record.graph && holder !== record);
  }

  /**
   * Makes every `boost` the urgency of the most urgent op that waits for what its holder has, and flushes what flows back, until all agree.
   * `changed` is told of each op of which a value changed, sometimes more than once. Every waiter that any change touches must be flushed
   * through here, not through `backflow` alone.
   */
  settle(backflow: Backflow, changed: (record: OpRecord) => void): void {
    this.#boosts.settle(backflow, changed);
  }

  /** The order of an op that waits changed, other than through `settle`. */
  reorder(record: OpRecord): void {
    this.#ledger.reweigh(record);
  }

  /** Ops that wait for each other for ever, the youngest waiter at both ends. See `findDeadlock`; O(1) when nothing can have made one. */
  deadlocked(): readonly OpRecord[] | undefined {
    if (!this.#ledger.isSuspect) return undefined;
    const circle = findDeadlock(this.#ledger);
    this.#ledger.isSuspect = circle !== undefined;
    return circle;
  }

  /** An op was added to a graph, or a dependency to an op: now or later they may wait for each other for ever. */
  suspect(): void {
    this.#ledger.isSuspect = true;
  }

  check(): void {
    this.#ledger.check();
    this.#reservations.check();
  }

  #leave(wait: Wait): void {
    this.#reservations.end(wait);
    this.#ledger.leave(wait);
  }

  #mayTake(record: OpRecord, wants: readonly Want[]): boolean {
    return wants.every(({ store, amount }) => store.fits(amount)) && this.#reservations.allow(record, wants);
  }

  /** Tells as many as there is room for. */
  *#offer(line: Line): Iterable<Wait> {
    const { room } = line;
    const isHindered = line.wants.some(({ store }) => store.reservedFor && line.lacks(store));
    if (line.isImpossible) yield* line.offerFirst(Infinity);
    else if (room > 0 && !isHindered) yield* line.offerFirst(room);
    else if (room > 0) {
      for (const wait of [...line.queue]) {
        if (!this.#mayTake(wait.record, line.wants)) continue;
        line.offer(wait);
        yield wait;
      }
    }
  }
}
