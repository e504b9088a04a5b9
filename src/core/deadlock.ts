import { Graph } from './graph.ts';
import type { Ledger } from './ledger.ts';
import type { OpRecord } from './op-record.ts';
import type { Store, Want } from './store.ts';

/**
 * A circle of ops of which each waits for the next, for ever: the shortest through the youngest waiter that is on one, which is named at both
 * ends. `undefined` when there is none.
 *
 * Found by reduction (Holt, "Some deadlock properties of computer systems", ACM Computing Surveys 4, 1972): what is under way ends and gives
 * back; an op whose dependencies end, and for which there is then enough, runs; a graph of which all ops run ends and gives back. What cannot
 * be reduced can never go on by itself. Once everything stands still, all of that is found; while ops can still run, those that are bound to
 * run into each other later are not yet. O(unfinished ops and edges of the graphs that hold something, and of what they depend on), or O(1)
 * for each line of waiters when ops under way hold all that is missing.
 */
export function findDeadlock(ledger: Ledger): readonly OpRecord[] | undefined {
  for (const { wants } of ledger.lines) {
    if (wants.some(({ store, amount }) => store.kept + amount > store.capacity)) return new Reduction(ledger).circle();
  }
  return undefined;
}

class Reduction {
  readonly #ledger: Ledger;
  /** What is left when all that was reduced has given back. */
  readonly #free = new Map<Store, number>();
  /** Of each op that was not reduced, how many of its dependencies were not either. */
  readonly #missing = new Map<OpRecord, number>();
  /** Of each graph that holds something, how many of its ops were not reduced. */
  readonly #left = new Map<Graph, number>();
  /** By the first store that they lack. */
  readonly #parked = new Map<Store, OpRecord[]>();
  readonly #next: OpRecord[] = [];

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
    // Who is neither of such a graph nor waited for by one frees nothing, and is on no circle.
    const ops = new Set<OpRecord>();
    for (const holder of ledger.held.keys()) if (holder instanceof Graph) this.#left.set(holder, addUnfinished(holder, ops));
    // A set that grows goes on to what was added.
    for (const op of ops) {
      let missing = 0;
      for (const { before } of op.dependencies) {
        if (before.isEnded) continue;
        missing += 1;
        ops.add(before);
      }
      this.#missing.set(op, missing);
      if (missing === 0) this.#next.push(op);
    }
    for (const [graph, left] of this.#left) if (left === 0) this.#end(graph);
    for (let op = this.#next.pop(); op; op = this.#next.pop()) this.#try(op);
  }

  circle(): readonly OpRecord[] | undefined {
    const stuck = [...this.#missing.keys()].filter((op) => this.#ledger.waits.has(op));
    for (const op of stuck.sort((a, b) => b.arrival - a.arrival)) {
      const circle = this.#circleThrough(op);
      if (circle) return circle;
    }
    return undefined;
  }

  #freeOf(store: Store): number {
    return this.#free.get(store) ?? store.capacity - store.kept;
  }

  #wantsOf(op: OpRecord): readonly Want[] {
    return op.isUnderWay ? [] : (this.#ledger.waits.get(op)?.line.wants ?? this.#ledger.wantsOf(op));
  }

  #try(op: OpRecord): void {
    const lacking = this.#wantsOf(op).find(({ store, amount }) => amount > this.#freeOf(store));
    if (lacking) {
      const parked = this.#parked.get(lacking.store);
      if (parked) parked.push(op);
      else this.#parked.set(lacking.store, [op]);
      return;
    }
    this.#missing.delete(op);
    for (const { after } of op.dependents) {
      const missing = this.#missing.get(after);
      if (missing === undefined) continue;
      this.#missing.set(after, missing - 1);
      if (missing === 1) this.#next.push(after);
    }
    const left = op.graph && this.#left.get(op.graph);
    if (op.graph === undefined || left === undefined) return;
    this.#left.set(op.graph, left - 1);
    if (left === 1) this.#end(op.graph);
  }

  #end(graph: Graph): void {
    for (const store of this.#ledger.held.get(graph)!) {
      this.#free.set(store, this.#freeOf(store) + store.holders.get(graph)!);
      this.#next.push(...(this.#parked.get(store) ?? []));
      this.#parked.delete(store);
    }
  }

  #circleThrough(start: OpRecord): readonly OpRecord[] | undefined {
    const from = new Map<OpRecord, OpRecord>();
    const graphs = new Set<Graph>();
    const found = [start];
    for (const op of found) {
      for (const next of this.#waitsFor(op, graphs)) {
        if (next === start) return [...wayTo(op, from), start];
        if (from.has(next)) continue;
        from.set(next, op);
        found.push(next);
      }
    }
    return undefined;
  }

  /** The ops that it can never go on without; those of a graph once, whoever waits for its end. */
  *#waitsFor(op: OpRecord, graphs: Set<Graph>): Iterable<OpRecord> {
    for (const { before } of op.dependencies) if (this.#missing.has(before)) yield before;
    for (const { store, amount } of this.#wantsOf(op)) {
      if (amount <= this.#freeOf(store)) continue;
      for (const [holder, held] of store.holders) {
        if (!(holder instanceof Graph) || graphs.has(holder)) continue;
        // Its own graph is in its way only when it alone holds too much.
        if (holder === op.graph && held + amount <= store.capacity) continue;
        graphs.add(holder);
        for (const next of holder.ops.values()) if (this.#missing.has(next)) yield next;
      }
    }
  }
}

/** How many they are. */
function addUnfinished(graph: Graph, ops: Set<OpRecord>): number {
  let count = 0;
  for (const op of graph.ops.values()) {
    if (op.isEnded) continue;
    ops.add(op);
    count += 1;
  }
  return count;
}

function wayTo(end: OpRecord, from: ReadonlyMap<OpRecord, OpRecord>): readonly OpRecord[] {
  const way = [end];
  for (let op = from.get(end); op; op = from.get(op)) way.push(op);
  return way.toReversed();
}
