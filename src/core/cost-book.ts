import type { Micros } from '../base/units.ts';
import type { Op } from './op.ts';
import { isCost } from './op-record.ts';

/** Weight of a new measurement. */
const weight = 1 / 8;

/** What ops of one tenant and name cost when they were measured, for those that come without an estimate. */
export class CostBook {
  readonly #costs = new Map<string, Micros>();

  /** 0 when nothing is known. */
  of(op: Op): Micros {
    return this.#costs.get(nameOf(op)) ?? 0;
  }

  observe(op: Op, cost: Micros): void {
    if (!isCost(cost)) return;
    const known = this.#costs.get(nameOf(op));
    this.#costs.set(nameOf(op), known === undefined ? cost : known + (cost - known) * weight);
    if (this.#costs.size > longest) this.#costs.delete(this.#costs.keys().next().value!);
  }
}

/** Names may be as many as requests; the oldest are forgotten. */
const longest = 10_000;

const nameOf = ({ tenant, name }: Op): string => `${tenant}\n${name}`;
