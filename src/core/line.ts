import { Heap, type HeapEntry } from '../base/heap.ts';
import type { Graph } from './graph.ts';
import { leastUrgent, type Urgency } from './op.ts';
import type { OpRecord } from './op-record.ts';
import type { Store, Want } from './store.ts';

/** How many of one graph wait in a line, by urgency. */
class Crowd {
  count = 0;
  readonly #claims = new Array<number>(leastUrgent + 1).fill(0);
  readonly #urgencies = new Array<number>(leastUrgent + 1).fill(0);

  /** The most urgent. */
  get claim(): Urgency {
    return this.#claims.findIndex((count) => count > 0);
  }

  get urgency(): Urgency {
    return this.#urgencies.findIndex((count) => count > 0);
  }

  add(wait: Wait, by: 1 | -1): void {
    this.count += by;
    this.#claims[wait.claim]! += by;
    this.#urgencies[wait.urgency]! += by;
  }
}

/** An op that waits in a line. Its fields are written by the line alone. */
export class Wait {
  readonly record: OpRecord;
  readonly line: Line;
  order = 0;
  claim: Urgency = leastUrgent;
  urgency: Urgency = leastUrgent;
  /** Was told to try again, and has not. */
  isOffered = false;
  entry: HeapEntry<Wait> | undefined;

  constructor(record: OpRecord, line: Line) {
    this.record = record;
    this.line = line;
  }
}

/**
 * Ops that want the same and can run on the same lanes: when there is room for three of them, three are told, and the others would only
 * find that it is gone.
 */
export class Line {
  readonly name: string;
  readonly wants: readonly Want[];
  readonly crowds = new Map<Graph | undefined, Crowd>();
  /** Who was not told, the first in front. */
  readonly queue = new Heap<Wait>();
  /** Who was, the last in front; but for those whose turn another took. */
  readonly #offered = new Heap<Wait>();
  size = 0;
  /** How often somebody else took of what it lacks. */
  passedCount = 0;
  /** The last grant that passed it. */
  passedBy = 0;

  constructor(name: string, wants: readonly Want[]) {
    this.name = name;
    this.wants = wants;
  }

  get isImpossible(): boolean {
    return this.wants.some(({ store, amount }) => amount > store.capacity);
  }

  /** For so many of them there is enough. */
  get room(): number {
    let room = Infinity;
    for (const { store, amount } of this.wants) {
      if (!store.fits(amount)) return 0;
      room = Math.min(room, Math.max(1, Math.floor((store.capacity - store.used) / amount)));
    }
    return room;
  }

  amountOf(store: Store): number {
    for (const want of this.wants) if (want.store === store) return want.amount;
    return 0;
  }

  /** Whether this store is why they wait: it has not as much left, or it is reserved. */
  lacks(store: Store): boolean {
    return !store.fits(this.amountOf(store) + (store.reservedFor?.line.amountOf(store) ?? 0));
  }

  join(wait: Wait, order: number): void {
    this.size += 1;
    this.#count(wait, 1);
    this.requeue(wait, order);
  }

  leave(wait: Wait): void {
    this.size -= 1;
    this.#count(wait, -1);
    this.#unqueue(wait);
  }

  /** It tried, and must wait again. */
  requeue(wait: Wait, order: number): void {
    this.#unqueue(wait);
    wait.isOffered = false;
    wait.order = order;
    wait.entry = this.queue.push(order, wait, wait.record.arrival);
  }

  /** What it inherits changed, or its order. */
  reweigh(wait: Wait, order: number): void {
    this.#count(wait, -1);
    this.#count(wait, 1);
    wait.order = order;
    if (wait.entry?.isQueued) (wait.isOffered ? this.#offered : this.queue).update(wait.entry, wait.isOffered ? -order : order);
  }

  offer(wait: Wait): void {
    this.#unqueue(wait);
    wait.isOffered = true;
    wait.entry = this.#offered.push(-wait.order, wait, -wait.record.arrival);
  }

  /** Sees to it that the first `room` of all that wait were told, and gives those to whom that is news. */
  *offerFirst(room: number): Iterable<Wait> {
    for (let next = this.queue.peek(); next; next = this.queue.peek()) {
      if (this.#offered.size >= room) {
        if (!isBefore(next, this.#offered.peek()!)) return;
        this.#offered.pop();
      }
      this.offer(next);
      yield next;
    }
  }

  #unqueue(wait: Wait): void {
    if (wait.entry?.isQueued) (wait.isOffered ? this.#offered : this.queue).remove(wait.entry);
  }

  #count(wait: Wait, by: 1 | -1): void {
    const { record } = wait;
    if (by === 1) {
      wait.claim = record.claim;
      wait.urgency = record.urgency;
    }
    let crowd = this.crowds.get(record.graph);
    if (crowd === undefined) this.crowds.set(record.graph, (crowd = new Crowd()));
    crowd.add(wait, by);
    if (crowd.count === 0) this.crowds.delete(record.graph);
  }
}

const isBefore = (a: Wait, b: Wait): boolean => a.order < b.order || (a.order === b.order && a.record.arrival < b.record.arrival);
