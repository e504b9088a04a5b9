import { Heap, type HeapEntry } from '../base/heap.ts';
import type { Micros } from '../base/units.ts';
import { classRankOf, priorities, type TenantId } from './op.ts';
import type { OpRecord } from './op-record.ts';
import { patience } from './policies.ts';
import type { PolicyDesk } from './policy-desk.ts';

/** The ops of one tenant, in a policy that looks at heads only. */
interface Line {
  readonly ops: Heap<OpRecord>;
  entry: HeapEntry<Line> | undefined;
}

/**
 * Ready ops that the same lanes can run, in the order of the policy. All of it is O(log n), reading the first O(1).
 *
 * Under a policy with classes the most urgent class goes first, and work that waited longer than its class is patient may go before it.
 */
export class ReadyQueue {
  readonly #desk: PolicyDesk;
  /** By class; all in the first where the policy has none. */
  readonly #classes: Heap<OpRecord>[] = priorities.map(() => new Heap<OpRecord>());
  readonly #lines = new Map<TenantId, Line>();
  readonly #heads = new Heap<Line>();
  #size = 0;

  constructor(desk: PolicyDesk) {
    this.#desk = desk;
  }

  get size(): number {
    return this.#size;
  }

  push(record: OpRecord): void {
    this.#size += 1;
    if (this.#desk.policy.taken === 'head') {
      const line = this.#lineOf(record.op.tenant);
      this.#put(record, line.ops, ageOf(record));
      if (line.ops.peek() === record) this.#head(line);
      return;
    }
    record.key = this.#desk.keyOfOp(record);
    this.#put(record, this.#heapOf(record), record.key);
  }

  remove(record: OpRecord): void {
    const { heap, entry } = record;
    if (heap === undefined || entry === undefined) return;
    this.#size -= 1;
    record.queue = record.heap = record.entry = undefined;
    const wasFirst = heap.peek() === record;
    heap.remove(entry);
    const line = this.#lines.size === 0 ? undefined : this.#lines.get(record.op.tenant);
    if (line?.ops !== heap) return;
    if (heap.size > 0) {
      if (wasFirst) this.#head(line);
      return;
    }
    if (line.entry !== undefined) this.#heads.remove(line.entry);
    this.#lines.delete(record.op.tenant);
  }

  /** What the policy looks at changed. */
  rekey(record: OpRecord): void {
    this.remove(record);
    this.push(record);
  }

  /** The policy changed: every key means something else. */
  rebuild(): void {
    const records = [...this];
    for (const heap of this.#classes) heap.clear();
    this.#heads.clear();
    this.#lines.clear();
    this.#size = 0;
    for (const record of records.toSorted((a, b) => a.arrival - b.arrival)) this.push(record);
  }

  /** The op to start next, unless one is overdue. */
  peek(): OpRecord | undefined {
    const first = this.#heads.peek()?.ops.peek() ?? this.#classes.find((heap) => heap.size > 0)?.peek();
    if (first !== undefined) first.isOverdue = false;
    return first;
  }

  /** Of what is less urgent than `first` and waited longer than its class is patient, what has done so for longest: that goes before it. */
  peekOverdue(first: OpRecord, now: Micros): OpRecord | undefined {
    let overdue: OpRecord | undefined;
    for (let rank = classRankOf(first.urgency) + 1; rank < this.#classes.length; rank += 1) {
      const record = this.#classes[rank]!.peek();
      if (record !== undefined && record.key < now && record.key < (overdue ?? first).key) overdue = record;
    }
    return overdue;
  }

  /** In no order. */
  *[Symbol.iterator](): Iterator<OpRecord> {
    for (const heap of this.#classes) yield* heap;
    for (const line of this.#lines.values()) yield* line.ops;
  }

  #put(record: OpRecord, heap: Heap<OpRecord>, key: number): void {
    record.queue = this;
    record.isOverdue = false;
    record.heap = heap;
    record.entry = heap.push(key, record, record.arrival);
  }

  #heapOf(record: OpRecord): Heap<OpRecord> {
    return this.#classes[this.#desk.policy.classes ? classRankOf(record.urgency) : 0]!;
  }

  #lineOf(tenant: TenantId): Line {
    let line = this.#lines.get(tenant);
    if (line === undefined) this.#lines.set(tenant, (line = { ops: new Heap(), entry: undefined }));
    return line;
  }

  /** Takes the key of the line's first op. */
  #head(line: Line): void {
    const record = line.ops.peek()!;
    record.key = this.#desk.keyOfOp(record);
    if (line.entry === undefined) line.entry = this.#heads.push(record.key, line, record.arrival);
    else this.#heads.update(line.entry, record.key);
  }
}

/** Inside one tenant the urgent goes first, and ages. */
export const ageOf = (record: OpRecord): number => record.readyAt + patience[record.urgency]!;
