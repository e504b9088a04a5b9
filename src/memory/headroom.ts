import type { Account } from './account.ts';
import { fits } from './room.ts';

/** How much of what is free is given as headroom, in the order of the levels. Not all: what is kept back grants a need in one turn. */
const parts = [1 / 2, 1 / 4, 1 / 16, 0] as const;

/** So much lease may lie unused with the account: its part, by weight, of what the budget and its quotas leave free. `rank`: of the whole. O(depth). */
export function headroomOf(account: Account, rank: number): number {
  const { path, accounts } = account.leaf;
  const part = parts[path.reduce((most, { gauge }) => Math.max(most, gauge.rank), rank)]!;
  let bytes = Infinity;
  let fraction = part / accounts.size;
  for (const scope of path) {
    const free = Math.max(0, scope.hard - (scope.sums.committed - scope.sums.spare));
    if (free < Infinity) bytes = Math.min(bytes, Math.floor(free * fraction));
    fraction *= scope.fraction;
  }
  return bytes;
}

/** What it may be given of what it wishes for. None while it is asked to give back. */
export function grantable(account: Account, wish: number, rank: number): number {
  if (account.isTrimmed) return 0;
  return Math.max(0, Math.min(wish, headroomOf(account, rank) - account.spare, fits(account)));
}
