import { type GateId, priorities, classRankOf } from './op.ts';
import type { OpRecord } from './op-record.ts';

interface Counts {
  /** By class: ready, or being encoded. */
  readonly awaited: number[];
  /** By class: those, and what runs. */
  readonly present: number[];
}

interface Entry {
  readonly gate: GateId;
  readonly rank: number;
  readonly isAwaited: boolean;
}

const zeros = (): Counts => ({ awaited: priorities.map(() => 0), present: priorities.map(() => 0) });

/** Counts the ops whose GPU work goes through gates, so that no step has to look at all of them. */
export class Census {
  readonly #all = zeros();
  readonly #gates = new Map<GateId, Counts>();
  readonly #entries = new Map<OpRecord, Entry>();

  /** Puts an op where it belongs now: its urgency or state may have changed. */
  note(record: OpRecord, gate: GateId): void {
    this.forget(record);
    const entry = { gate, rank: classRankOf(record.urgency), isAwaited: record.state === 'ready' || record.state === 'encoding' };
    this.#entries.set(record, entry);
    this.#count(entry, 1);
  }

  /** Its urgency changed, if it is counted. */
  renote(record: OpRecord): void {
    const entry = this.#entries.get(record);
    if (entry !== undefined) this.note(record, entry.gate);
  }

  forget(record: OpRecord): void {
    const entry = this.#entries.get(record);
    if (entry === undefined) return;
    this.#entries.delete(record);
    this.#count(entry, -1);
  }

  /** What was to go through it will not reach the GPU. */
  forgetGate(gate: GateId): void {
    for (const [record, entry] of this.#entries) if (entry.gate === gate) this.forget(record);
    this.#gates.delete(gate);
  }

  /** Whether an op more urgent than this class has not reached the GPU. */
  isAwaited(rank: number): boolean {
    return this.#all.awaited.some((count, other) => other < rank && count > 0);
  }

  /** Whether an op more urgent than this class is ready or under way. */
  isPresent(rank: number): boolean {
    return this.#all.present.some((count, other) => other < rank && count > 0);
  }

  /** The most urgent class among those ops of a gate that have not reached it; `Infinity` when there are none. */
  rankAwaitedAt(gate: GateId): number {
    const rank = this.#gates.get(gate)?.awaited.findIndex((count) => count > 0) ?? -1;
    return rank < 0 ? Infinity : rank;
  }

  /** The most urgent class among the ops of a gate; `Infinity` when it has none. */
  rankOfGate(gate: GateId): number {
    const rank = this.#gates.get(gate)?.present.findIndex((count) => count > 0) ?? -1;
    return rank < 0 ? Infinity : rank;
  }

  get size(): number {
    return this.#entries.size;
  }

  #count({ gate, rank, isAwaited }: Entry, change: 1 | -1): void {
    let counts = this.#gates.get(gate);
    if (counts === undefined) this.#gates.set(gate, (counts = zeros()));
    for (const { awaited, present } of [this.#all, counts]) {
      present[rank]! += change;
      if (isAwaited) awaited[rank]! += change;
    }
  }
}
