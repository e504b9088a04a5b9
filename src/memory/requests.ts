import { assert } from '../base/assert.ts';
import type { Micros } from '../base/units.ts';
import type { Account } from './account.ts';
import { grantable } from './headroom.ts';
import type { MemoryCommand, Refusal, RequestId } from './ledger-event.ts';
import type { Scope } from './quota.ts';
import { Claim, type Reclaim } from './reclaim.ts';
import { fits, lackIn, tightest } from './room.ts';
import { patience } from './trims.ts';

/** No request waits longer, whatever is promised to it. */
const longestWait: Micros = 30_000_000;

export interface Request {
  readonly account: Account;
  readonly request: RequestId;
  readonly need: number;
  readonly wish: number;
  readonly askedAt: Micros;
  readonly claim: Claim;
}

/**
 * Those who asked and have no answer yet, in the order they came; who is over a soft quota stands behind who is not. Nobody takes, of a budget or a
 * quota, what somebody further in front lacks there.
 */
export class Requests {
  readonly #reclaim: Reclaim;
  #waiting: Request[] = [];
  /** Scopes in which somebody waits. */
  #contested = new Set<Scope>();

  constructor(reclaim: Reclaim) {
    this.#reclaim = reclaim;
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  has(account: Account, request: RequestId): boolean {
    return this.#waiting.some((waiting) => waiting.account === account && waiting.request === request);
  }

  add(account: Account, request: RequestId, need: number, wish: number, now: Micros): void {
    this.#waiting.push({ account, request, need, wish, askedAt: now, claim: new Claim(account.leaf, account) });
  }

  /** Its account closes. */
  drop(account: Account, commands: MemoryCommand[]): void {
    for (const waiting of this.#waiting) if (waiting.account === account) refuse(waiting, { code: 'account-closed', fits: 0 }, commands);
    this.#waiting = this.#waiting.filter((waiting) => waiting.account !== account);
  }

  /** Answers all that can be answered. `rank`: the level of the whole. O(requests × accounts) when memory is short, O(requests × depth) else. */
  decide(now: Micros, rank: number, commands: MemoryCommand[]): void {
    this.#contested.clear();
    if (this.#waiting.length === 0) return;
    const answered = new Set<Request>();
    const granted: Request[] = [];
    for (const waiting of this.#inOrder()) {
      const verdict = this.#decideOne(waiting, now);
      if (verdict === 'wait') continue;
      answered.add(waiting);
      if (verdict === 'grant') {
        waiting.account.grant(waiting.need);
        granted.push(waiting);
      } else refuse(waiting, verdict, commands);
    }
    this.#waiting = this.#waiting.filter((waiting) => !answered.has(waiting));
    // Headroom comes after every need.
    for (const { account, request, wish } of granted) {
      const headroom = this.isContested(account) ? 0 : grantable(account, wish, rank);
      if (headroom > 0) account.grant(headroom);
      commands.push({ kind: 'lease', account: account.account, bytes: account.lease, granted: account.granted, request });
    }
  }

  /** Somebody waits for memory that it could be given. */
  isContested({ leaf }: Account): boolean {
    return leaf.path.some((scope) => this.#contested.has(scope));
  }

  get nextAt(): Micros {
    let at = Infinity;
    for (const { askedAt, claim } of this.#waiting) at = Math.min(at, askedAt + longestWait, claim.returningSince + patience);
    return at;
  }

  #inOrder(): readonly Request[] {
    const isOver = ({ account }: Request): boolean => account.leaf.path.some(({ isOverSoft }) => isOverSoft);
    return [...this.#waiting.filter((waiting) => !isOver(waiting)), ...this.#waiting.filter(isOver)];
  }

  #decideOne({ account, need, askedAt, claim }: Request, now: Micros): 'grant' | 'wait' | Refusal {
    if (need === 0) return 'grant';
    const { path } = account.leaf;
    const isImpossible = path.find(({ hard }) => need > hard);
    if (isImpossible) return refusalOf(account, isImpossible);
    const inFront = path.find((scope) => this.#contested.has(scope));
    if (inFront === undefined && need <= fits(account)) return 'grant';
    if (now >= askedAt + longestWait) return refusalOf(account, inFront ?? tightest(account));
    if (inFront !== undefined) {
      claim.returningSince = Infinity;
      return 'wait';
    }
    // From the inside out: what a quota of its own rules out needs nobody else's memory.
    const short = path.filter((scope) => lackIn(scope, account, need) > 0);
    const hopeless = short.find((scope) => !this.#reclaim.seek(claim, scope, lackIn(scope, account, need), now));
    if (hopeless !== undefined || short.length === 0) return refusalOf(account, hopeless ?? tightest(account));
    for (const scope of short) this.#contested.add(scope);
    return 'wait';
  }

  /** Every request is of an open account. */
  check(): void {
    for (const { account } of this.#waiting) assert(account.leaf.accounts.has(account), 'who waits has an account');
  }
}

function refusalOf(account: Account, scope: Scope): Refusal {
  for (const on of account.leaf.path) on.refusedCount += 1;
  return scope.parent === undefined ? { code: 'over-budget', fits: fits(account) } : { code: 'over-quota', tenant: scope.tenant, fits: fits(account) };
}

function refuse({ account, request, need }: Request, refusal: Refusal, commands: MemoryCommand[]): void {
  commands.push({ kind: 'refuse', account: account.account, request, need, ...refusal });
}
