import { Graph } from './graph.ts';
import type { Line, Wait } from './line.ts';
import { leastUrgent, type ResourceId, type Urgency } from './op.ts';
import type { OpRecord } from './op-record.ts';

/** Who has something: an op until it ends, or a graph until it does. */
export type Holder = OpRecord | Graph;

export interface Want {
  readonly store: Store;
  /** Above 0. */
  readonly amount: number;
}

/** One resource: how much there is, who has it, who stands in line. */
export class Store {
  readonly resource: ResourceId;
  capacity = Infinity;
  readonly holders = new Map<Holder, number>();
  readonly lines = new Set<Line>();
  /** It was passed over so often that others leave it what it wants. */
  reservedFor: Wait | undefined;
  /** What those who lack it claim for themselves, and what they are worth with all that they inherit. */
  claims = new Floor();
  urgencies = new Floor();
  #used = 0;
  #kept = 0;

  constructor(resource: ResourceId) {
    this.resource = resource;
  }

  get used(): number {
    return this.#used;
  }

  /** What graphs hold: it does not come back when the ops under way have ended. */
  get kept(): number {
    return this.#kept;
  }

  get isForgettable(): boolean {
    return this.capacity === Infinity && this.holders.size === 0 && this.lines.size === 0;
  }

  fits(amount: number): boolean {
    return this.#used + amount <= this.capacity;
  }

  take(holder: Holder, amount: number): void {
    this.holders.set(holder, (this.holders.get(holder) ?? 0) + amount);
    this.#used += amount;
    if (holder instanceof Graph) this.#kept += amount;
  }

  give(holder: Holder, amount: number): void {
    const left = this.holders.get(holder)! - amount;
    if (left > 0) this.holders.set(holder, left);
    else this.holders.delete(holder);
    this.#used -= amount;
    if (holder instanceof Graph) this.#kept -= amount;
    // Fractions leave a rest.
    if (this.holders.size === 0) this.#used = this.#kept = 0;
  }

  /** Looks anew at who lacks it. */
  survey(): void {
    this.claims = new Floor();
    this.urgencies = new Floor();
    for (const line of this.lines) {
      if (!line.lacks(this)) continue;
      for (const [graph, crowd] of line.crowds) {
        this.claims.add(graph, crowd.claim);
        this.urgencies.add(graph, crowd.urgency);
      }
    }
  }
}

/** The most urgent of those who wait; for a graph, of those who wait that are not its own: they cannot wait for its end. */
class Floor {
  #least: Urgency = leastUrgent;
  #graph: Graph | undefined;
  #others: Urgency = leastUrgent;

  add(graph: Graph | undefined, urgency: Urgency): void {
    const isOther = graph === undefined || graph !== this.#graph;
    if (urgency < this.#least) {
      if (isOther) this.#others = this.#least;
      this.#least = urgency;
      this.#graph = graph;
    } else if (isOther) {
      this.#others = Math.min(this.#others, urgency);
    }
  }

  below(holder: Holder): Urgency {
    return holder === this.#graph ? this.#others : this.#least;
  }
}
