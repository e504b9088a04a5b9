import type { Micros } from '../base/units.ts';
import type { Account } from './account.ts';
import type { Scope } from './quota.ts';
import { patience, type Trims } from './trims.ts';

/** Somebody who lacks memory: a request, or a quota below what is in use. */
export class Claim {
  /** Whose: what is inside may be taken without regard to shares. */
  readonly by: Scope;
  /** The account that asks; its own headroom is no help to it. */
  readonly account: Account | undefined;
  /** Were asked, for this, to unload models. Nobody is twice. */
  readonly unloading = new Set<Account>();
  /** Since when there is nothing to hope for but the GPU, and news of what was given out. */
  returningSince: Micros = Infinity;

  constructor(by: Scope, account?: Account) {
    this.by = by;
    this.account = account;
  }
}

/** So many bytes may be taken from the account before the claim of somebody else would take a tenant below its share. O(depth²). */
export function aboveShare(account: Account, { by }: Claim): number {
  let bytes = Infinity;
  for (const scope of account.leaf.path) {
    if (scope.has(by)) break;
    bytes = Math.min(bytes, scope.sums.committed - scope.sums.pending - scope.share);
  }
  return Math.max(0, bytes);
}

/**
 * Finds memory for a claim, in this order: headroom that nobody uses; the tenant's own idle memory; idle memory of tenants above their share; and once
 * all that has come and is not enough, models that nobody runs, under the same rule; then what the GPU is not through with.
 *
 * A share protects what a tenant holds, not headroom that it does not use.
 */
export class Reclaim {
  readonly #trims: Trims;

  constructor(trims: Trims) {
    this.#trims = trims;
  }

  /** Whether `lack` bytes, or some of them, may yet become free in the scope. O(accounts of the scope), and their sorting. */
  seek(claim: Claim, scope: Scope, lack: number, now: Micros): boolean {
    const wanted = lack - scope.sums.pending;
    if (wanted > 0) this.#trimIdle(claim, scope, wanted, now);
    if (scope.sums.pending === 0) this.#unload(claim, scope, lack, now);
    if (scope.sums.pending > 0) {
      claim.returningSince = Infinity;
      return true;
    }
    if (scope.sums.returning === 0 && !isUnheard(scope, claim)) return false;
    if (claim.returningSince === Infinity) claim.returningSince = now;
    return now < claim.returningSince + patience;
  }

  #trimIdle(claim: Claim, scope: Scope, lack: number, now: Micros): void {
    let wanted = lack;
    const take = (account: Account, bytes: number): void => {
      const taken = Math.min(wanted, bytes);
      this.#trims.ask(account, taken, 'idle', now);
      wanted -= taken;
    };
    for (const account of scope.accounts) if (account !== claim.account) take(account, account.takeable(now).spare);
    for (const account of this.#victims(claim, scope)) take(account, Math.min(account.takeable(now).idle, aboveShare(account, claim)));
  }

  #unload(claim: Claim, scope: Scope, lack: number, now: Micros): void {
    let wanted = lack;
    for (const account of this.#victims(claim, scope)) {
      if (wanted <= 0) return;
      const taken = Math.min(wanted, account.figures.live, account.lease, aboveShare(account, claim));
      if (taken <= 0 || account.isSilent || claim.unloading.has(account)) continue;
      claim.unloading.add(account);
      this.#trims.ask(account, taken, 'unload', now);
      wanted -= taken;
    }
  }

  /** Its own first, then those furthest above their share; ties in the order they were opened. */
  #victims(claim: Claim, scope: Scope): readonly Account[] {
    const excess = new Map([...scope.accounts].map((account) => [account, aboveShare(account, claim)]));
    return [...excess.keys()].sort((a, b) => (excess.get(a) === excess.get(b) ? 0 : excess.get(b)! - excess.get(a)!));
  }
}

/** Somebody was given lease and has not said yet what it does with it: some of that may be taken back. */
const isUnheard = (scope: Scope, { account: own }: Claim): boolean =>
  [...scope.accounts].some((account) => account !== own && !account.isSilent && account.granted > account.figures.granted);
