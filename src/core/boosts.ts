import type { Backflow } from './backflow.ts';
import { Graph } from './graph.ts';
import type { Ledger } from './ledger.ts';
import { leastUrgent, type Urgency } from './op.ts';
import type { OpRecord } from './op-record.ts';
import type { Holder, Store } from './store.ts';

/**
 * Priority inheritance through what is held: whoever holds something is as urgent as the most urgent op that waits for it, and so is what
 * they in turn wait for (Sha, Rajkumar and Lehoczky, "Priority inheritance protocols", 1990).
 *
 * Two holders can wait for each other's leavings and so keep each other urgent for ever, long after the one who made them urgent is gone.
 * So nothing that was passed on twice survives a change: boosts go back to what those who wait claim for themselves and their dependents,
 * and are passed on from there.
 */
export class Boosts {
  readonly #ledger: Ledger;
  /** Boosted by somebody who was boosted. */
  readonly #passedOn = new Set<Holder>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  settle(backflow: Backflow, changed: (record: OpRecord) => void): void {
    const { stale, loosened } = this.#ledger;
    if (backflow.isClean && stale.size === 0 && loosened.size === 0) return;
    const flush = (): void => backflow.flush((record) => {
      this.#ledger.reweigh(record);
      changed(record);
    });
    flush();
    const open = new Set<Store>();
    this.#survey(open);
    const suspects = new Set(this.#passedOn);
    for (const holder of loosened) suspects.add(holder);
    loosened.clear();
    for (const store of open) for (const holder of this.#ledger.holdersOf(store)) suspects.add(holder);
    for (const holder of suspects) this.#set(holder, this.#leastOf(holder, (store) => store.claims.below(holder)), backflow);
    for (const holder of this.#passedOn) for (const store of this.#ledger.storesOf(holder)) open.add(store);
    this.#passedOn.clear();
    // From here on everything only becomes more urgent, so this ends.
    for (flush(), this.#survey(open); open.size > 0; flush(), this.#survey(open)) {
      const holders = new Set<Holder>();
      for (const store of open) for (const holder of this.#ledger.holdersOf(store)) holders.add(holder);
      open.clear();
      for (const holder of holders) {
        const boost = this.#leastOf(holder, (store) => store.urgencies.below(holder));
        if (boost >= holder.boost) continue;
        this.#passedOn.add(holder);
        this.#set(holder, boost, backflow);
      }
    }
  }

  #survey(open: Set<Store>): void {
    const { stale } = this.#ledger;
    for (const store of stale) {
      store.survey();
      open.add(store);
    }
    stale.clear();
  }

  #leastOf(holder: Holder, urgencyIn: (store: Store) => Urgency): Urgency {
    let least = leastUrgent;
    for (const store of this.#ledger.storesOf(holder)) least = Math.min(least, urgencyIn(store));
    return least;
  }

  #set(holder: Holder, boost: Urgency, backflow: Backflow): void {
    if (holder.boost === boost) return;
    holder.boost = boost;
    if (holder instanceof Graph) backflow.touchGraph(holder);
    else backflow.touch(holder);
  }
}
