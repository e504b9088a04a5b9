import type { Account } from './account.ts';
import type { Scope } from './quota.ts';

/** So many bytes more lease the scope has for the account. Below 0 where more is leased or in use than may be. What it overshot by is in use already. */
export function roomIn(scope: Scope, account: Account): number {
  const { leased, committed } = scope.sums;
  const free = scope.hard - committed;
  return Math.min(scope.hard - leased, free < 0 && account.overshoot > 0 ? account.overshoot : free + account.overshoot);
}

/** The scope of the account's path with the least room; of several, the innermost. */
export function tightest(account: Account): Scope {
  let least: Scope | undefined;
  for (const scope of account.leaf.path) if (least === undefined || roomIn(scope, account) < roomIn(least, account)) least = scope;
  return least!;
}

/** So many bytes can be granted now. An account that was granted 2^53 bytes in its life gets no more until it is opened anew. */
export function fits(account: Account): number {
  return Math.max(0, Math.min(roomIn(tightest(account), account), Number.MAX_SAFE_INTEGER - account.granted));
}

/** How much must become free in the scope before so much fits. */
export function lackIn(scope: Scope, account: Account, need: number): number {
  const { leased, committed } = scope.sums;
  if (need <= roomIn(scope, account)) return 0;
  return Math.max(leased + need - scope.hard, committed + Math.max(0, need - account.overshoot) - scope.hard);
}
