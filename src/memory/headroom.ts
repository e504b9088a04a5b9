import type { Account } from './account.ts';
import { fits } from './room.ts';

/** How much of what is free is given as headroom where others may want some, in the order of the levels. What is kept back grants a need in one turn. */
const parts = [7 / 8, 1 / 2, 1 / 16, 0] as const;

/**
 * So much lease may lie unused with the account: its part, by weight, of what the budget and its quotas leave free. Much, because who creates a buffer cannot
 * wait and is refused what its lease does not hold; all of it where nobody else is. `rank`: of the whole. `unheard`: lease that it has
 * and knows nothing of yet. O(depth).
 */
export function headroomOf(account: Account, rank: number, unheard = 0): number {
  const { path, accounts } = account.leaf;
  const most = path.reduce((level, { gauge }) => Math.max(level, gauge.rank), rank);
  let bytes = Infinity;
  let fraction = 1 / accounts.size;
  for (const scope of path) {
    const free = Math.max(0, scope.hard - (scope.sums.committed - scope.sums.spare - unheard));
    const part = scope.accounts.size === 1 ? 1 : parts[most]! * fraction;
    if (free < Infinity) bytes = Math.min(bytes, Math.floor(free * part));
    fraction *= scope.fraction;
  }
  return bytes;
}

/** What it may be given of what it wishes for. None while it is asked to give back. */
export function grantable(account: Account, wish: number, rank: number): number {
  if (account.isTrimmed) return 0;
  return Math.max(0, Math.min(wish, headroomOf(account, rank) - account.spare, fits(account)));
}
