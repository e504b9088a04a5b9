import { assert } from '../base/assert.ts';
import { Graph } from './graph.ts';
import type { Ledger } from './ledger.ts';
import type { Line, Wait } from './line.ts';
import type { OpRecord } from './op-record.ts';
import type { Want } from './store.ts';

/** When others took of what an op lacks so often, it is reserved for it. */
const patience = 8;

/**
 * What is left to those who want more at once than is ever left: who was passed over eight times, because others always took some of what it
 * lacks, has it reserved, and from then on they get only what it does not need.
 *
 * Those for whom it waits itself are not held up by that, nor are gangs, one of whose members it may be: so nobody waits in a circle because
 * of a reservation. Nor is anybody while a graph that is open or paused, and so may last for ever, stands in its way.
 */
export class Reservations {
  readonly #ledger: Ledger;
  /** Who has one, and for which ops it waits, where that was asked since the last `refresh`. */
  readonly #waits = new Map<Wait, Set<OpRecord> | undefined>();
  #grants = 0;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** Whether enough would be left for those who have one. O(1) where nothing is reserved. */
  allow(record: OpRecord, wants: readonly Want[]): boolean {
    return record.op.gang !== undefined || wants.every(({ store, amount }) => {
      const { reservedFor } = store;
      return reservedFor === undefined || store.fits(amount + reservedFor.line.amountOf(store))
        || !canBeMet(reservedFor) || this.#isAwaited(record, reservedFor);
    });
  }

  /** Somebody is about to take this: those who lack some of it are passed over, and it may be for the last time. */
  passOver(wants: readonly Want[]): void {
    this.#grants += 1;
    for (const { store } of wants) {
      for (const line of store.lines) {
        if (line.passedBy === this.#grants || store.fits(line.amountOf(store))) continue;
        line.passedBy = this.#grants;
        line.passedCount += 1;
        if (line.passedCount >= patience) this.#reserve(line);
      }
    }
  }

  /** It waits no more. */
  end(wait: Wait): void {
    if (this.#waits.delete(wait)) this.#ledger.unreserve(wait);
  }

  /** Whom a reservation hinders depends on graphs and edges, which change without a word to us: all who want what is reserved are looked at. */
  refresh(): void {
    for (const wait of this.#waits.keys()) {
      this.#waits.set(wait, undefined);
      for (const { store } of wait.line.wants) this.#ledger.freed.add(store);
    }
  }

  check(): void {
    for (const wait of this.#waits.keys()) assert(this.#ledger.waits.get(wait.record) === wait, 'what is reserved is reserved for one who waits');
  }

  #reserve(line: Line): void {
    const wait = line.queue.peek();
    if (wait === undefined || line.wants.some(({ store }) => store.reservedFor)) return;
    this.#ledger.reserve(wait);
    this.#waits.set(wait, undefined);
  }

  /** Whether the op is the one that waits, or must end before that can have what it lacks. */
  #isAwaited(record: OpRecord, wait: Wait): boolean {
    let awaited = this.#waits.get(wait);
    if (awaited === undefined) this.#waits.set(wait, (awaited = this.#awaitedBy(wait)));
    return awaited.has(record);
  }

  #awaitedBy(wait: Wait): Set<OpRecord> {
    const ops = new Set([wait.record]);
    const graphs = new Set<Graph>();
    // A set that grows goes on to what was added.
    for (const op of ops) {
      for (const { before } of op.dependencies) if (!before.isEnded) ops.add(before);
      for (const { store, amount } of op.isUnderWay ? [] : this.#ledger.wantsOf(op)) {
        if (store.reservedFor) ops.add(store.reservedFor.record);
        if (store.fits(amount)) continue;
        for (const holder of store.holders.keys()) {
          if (!(holder instanceof Graph) || holder === op.graph || graphs.has(holder)) continue;
          graphs.add(holder);
          for (const next of holder.ops.values()) if (!next.isEnded) ops.add(next);
        }
      }
    }
    return ops;
  }
}

/** Whether what stands in its way comes back by itself. */
function canBeMet({ record, line }: Wait): boolean {
  return line.wants.every(({ store, amount }) => {
    let lasting = amount;
    for (const [holder, held] of store.holders) {
      if (holder instanceof Graph && (holder === record.graph || holder.isPaused || !holder.isSealed)) lasting += held;
    }
    return lasting <= store.capacity;
  });
}
