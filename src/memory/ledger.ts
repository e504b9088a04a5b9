import { assert, unreachable } from '../base/assert.ts';
import type { Micros } from '../base/units.ts';
import { Account } from './account.ts';
import { Ceiling } from './budget.ts';
import { isBytes } from './bytes.ts';
import { grantable, headroomOf } from './headroom.ts';
import type { AccountFigures, AccountId, MemoryCommand, MemoryEvent, RejectCode } from './ledger-event.ts';
import { isOverSoft, type Level, levels, Surroundings } from './pressure.ts';
import { isPath, isWeight, QuotaTree, type Scope, sumNames, type Sums, type TenantId } from './quota.ts';
import { Claim, Reclaim } from './reclaim.ts';
import { Requests } from './requests.ts';
import { Trims } from './trims.ts';

export interface TenantReport extends Sums {
  readonly tenant: TenantId;
  /** Bytes; `Infinity` where there is no quota. */
  readonly soft: number;
  readonly hard: number;
  readonly weight: number;
  readonly share: number;
  readonly level: Level;
  readonly isOverSoft: boolean;
  readonly peakLeased: number;
  /** Of live, idle and returning together. */
  readonly peakCharged: number;
  readonly refusedCount: number;
  readonly accountCount: number;
}

export interface AccountReport extends AccountFigures {
  readonly account: AccountId;
  readonly tenant: TenantId;
  readonly lease: number;
  /** Unused, as far as is known. */
  readonly spare: number;
  /** Asked back and not come yet. */
  readonly pending: number;
}

export interface MemoryReport extends Sums {
  readonly budget: number;
  /** What may be leased in all: the budget, or less after the GPU ran out of memory. */
  readonly ceiling: number;
  readonly level: Level;
  readonly waitingCount: number;
  readonly peakLeased: number;
  readonly peakCharged: number;
  readonly refusedCount: number;
  readonly tenants: readonly TenantReport[];
  readonly accounts: readonly AccountReport[];
}

/**
 * Divides one GPU memory budget among tenants whose devices live in other threads. A device may use its lease without asking, since `createBuffer` cannot
 * wait for an answer. `step` is the only door, as with `Scheduler`: no clock, no chance, no promise inside.
 *
 * By what the ledger grants, leases never exceed the ceiling in all, nor a tenant's leases a hard quota of it or of what it is in.
 */
export class MemoryLedger {
  readonly #tree = new QuotaTree();
  readonly #accounts = new Map<AccountId, Account>();
  readonly #ceiling: Ceiling;
  readonly #surroundings = new Surroundings();
  readonly #trims = new Trims();
  readonly #reclaim = new Reclaim(this.#trims);
  readonly #requests = new Requests(this.#reclaim);
  /** Tenants with a soft or hard quota. */
  readonly #limited = new Set<Scope>();
  /** Those that have more than they may. */
  readonly #excesses = new Map<Scope, Claim>();
  #rank = 0;
  #now: Micros = 0;
  #wakeAt: Micros = Infinity;

  /** `budget` in bytes; see `defaultBudget`. */
  constructor(budget: number) {
    assert(isBytes(budget), 'a budget is bytes');
    this.#ceiling = new Ceiling(budget);
    this.#tree.root.hard = budget;
  }

  /** The only way state changes. A clock that runs back, or tells no time, is taken to stand still. */
  step(event: MemoryEvent, at: Micros): readonly MemoryCommand[] {
    if (at > this.#now && at < Infinity) this.#now = at;
    const now = this.#now;
    const commands: MemoryCommand[] = [];
    if (event.kind === 'woke' || now >= this.#wakeAt) this.#wakeAt = Infinity;
    this.#ceiling.rise(now);
    this.#tree.root.hard = this.#ceiling.bytes;
    const code = this.#apply(event, now, commands);
    if (code !== undefined) commands.push(rejectionOf(event, code));
    this.#tree.root.hard = this.#ceiling.bytes;
    this.#trims.expire(now);
    this.#readGauges(now, commands);
    this.#seekExcesses(now);
    this.#requests.decide(now, this.#rank, commands);
    if (event.kind === 'account-opened' && code === undefined) this.#greet(event.account, commands);
    this.#trims.tell(commands);
    this.#wake(commands);
    return commands;
  }

  /** So much more lease a device that was just opened should have, which others must give up first. */
  shortfall(id: AccountId): number {
    const account = this.#accounts.get(id);
    if (account === undefined) return 0;
    const { granted } = account;
    return Math.max(0, headroomOf(account, this.#rank, granted) - granted);
  }

  /** Sums are kept, so it costs no more than its length. */
  report(): MemoryReport {
    const { root } = this.#tree;
    const { peakLeased, peakCharged, refusedCount } = root;
    const tenants = [...root].filter((scope) => scope.isTenant).map(tenantReport);
    return {
      budget: this.#ceiling.budget, ceiling: this.#ceiling.bytes, level: levels[this.#rank]!, waitingCount: this.#requests.waitingCount,
      ...root.sums, peakLeased, peakCharged, refusedCount, tenants, accounts: [...this.#accounts.values()].map(accountReport),
    };
  }

  /** Re-derives what the sums claim; a broken claim is a bug. */
  check(): void {
    for (const scope of this.#tree.root) {
      for (const name of sumNames) assert(isBytes(scope.sums[name]), `${scope.tenant}: ${name} is bytes`);
      for (const account of scope.accounts) assert(this.#accounts.get(account.account) === account, `${scope.tenant} counts open accounts`);
      assert(scope.sums.leased === [...scope.accounts].reduce((sum, { lease }) => sum + lease, 0), `${scope.tenant}: leases add up`);
      assert(scope.sums.pending === [...scope.accounts].reduce((sum, { pending }) => sum + pending, 0), `${scope.tenant}: trims add up`);
    }
    this.#requests.check();
  }

  #apply(event: MemoryEvent, now: Micros, commands: MemoryCommand[]): RejectCode | undefined {
    switch (event.kind) {
      case 'account-opened': return this.#open(event.account, event.tenant, event.lease ?? 0);
      case 'account-reported': return this.#note(event.account, event.figures, now);
      case 'account-asked': return this.#ask(event, now);
      case 'account-closed': return this.#close(event.account, commands);
      case 'tenant-closed': return this.#closeTenant(event.tenant, now, commands);
      case 'quota-set': return this.#setQuota(event);
      case 'budget-set': return this.#setBudget(event.bytes);
      case 'memory-ran-out': return this.#ranOut(event.charged, now);
      case 'compute-pressure-changed': this.#surroundings.compute = event.level; return undefined;
      case 'page-hidden': this.#surroundings.isHidden = true; return undefined;
      case 'page-shown': this.#surroundings.isHidden = false; return undefined;
      case 'woke': return undefined;
      default: return unreachable(event);
    }
  }

  #open(id: AccountId, tenant: TenantId, lease: number): RejectCode | undefined {
    if (this.#accounts.has(id)) return 'known-account';
    if (!isPath(tenant)) return 'bad-path';
    if (!isBytes(lease) || !isBytes(this.#tree.root.sums.committed + lease)) return 'not-bytes';
    this.#accounts.set(id, new Account(id, this.#tree.of(tenant).leaf, lease));
    return undefined;
  }

  #note(id: AccountId, figures: AccountFigures, now: Micros): RejectCode | undefined {
    const account = this.#accounts.get(id);
    if (account === undefined) return 'unknown-account';
    const flaw = account.flawOf(figures);
    if (flaw !== undefined) return flaw;
    const before = Math.max(account.lease, account.charged);
    if (!isBytes(this.#tree.root.sums.committed - before + account.committedWith(figures))) return 'not-bytes';
    account.report(figures, now);
    this.#trims.heard(account);
    return undefined;
  }

  #ask({ account: id, request, need, wish }: MemoryEvent & { kind: 'account-asked' }, now: Micros): RejectCode | undefined {
    const account = this.#accounts.get(id);
    if (account === undefined) return 'unknown-account';
    if (!isBytes(need) || !isBytes(wish)) return 'not-bytes';
    if (this.#requests.has(account, request)) return 'known-request';
    this.#requests.add(account, request, need, wish, now);
    return undefined;
  }

  #close(id: AccountId, commands: MemoryCommand[]): RejectCode | undefined {
    const account = this.#accounts.get(id);
    if (account === undefined) return 'unknown-account';
    this.#requests.drop(account, commands);
    this.#trims.forget(account);
    account.close();
    this.#accounts.delete(id);
    return undefined;
  }

  #closeTenant(tenant: TenantId, now: Micros, commands: MemoryCommand[]): RejectCode | undefined {
    const scope = isPath(tenant) ? this.#tree.find(tenant) : undefined;
    if (scope === undefined) return isPath(tenant) ? 'unknown-tenant' : 'bad-path';
    for (const { account } of [...scope.accounts]) this.#close(account, commands);
    // Whoever was told that it is under pressure is told that it is not.
    this.#readGauges(now, commands);
    for (const gone of scope) {
      this.#limited.delete(gone);
      this.#excesses.delete(gone);
    }
    this.#tree.remove(scope);
    return undefined;
  }

  #setQuota({ tenant, soft, hard, weight }: MemoryEvent & { kind: 'quota-set' }): RejectCode | undefined {
    if (!isPath(tenant)) return 'bad-path';
    if (weight !== undefined && !isWeight(weight)) return 'not-weight';
    for (const bytes of [soft, hard]) if (bytes !== undefined && bytes !== Infinity && !isBytes(bytes)) return 'not-bytes';
    const known = this.#tree.find(tenant);
    const newSoft = soft ?? known?.soft ?? Infinity;
    const newHard = hard ?? known?.hard ?? Infinity;
    if (newSoft < Infinity && newHard < newSoft) return 'hard-below-soft';
    const scope = this.#tree.of(tenant);
    scope.soft = newSoft;
    scope.hard = newHard;
    if (weight !== undefined) scope.weight = weight;
    this.#limited.add(scope);
    return undefined;
  }

  #setBudget(bytes: number): RejectCode | undefined {
    if (!isBytes(bytes)) return 'not-bytes';
    this.#ceiling.budget = bytes;
    return undefined;
  }

  #ranOut(charged: number, now: Micros): RejectCode | undefined {
    if (!isBytes(charged)) return 'not-bytes';
    this.#ceiling.ranOut(charged, this.#tree.root.sums.live, now);
    return undefined;
  }

  /** Tells of what changed, and takes back headroom that is too much at a higher level. */
  #readGauges(now: Micros, commands: MemoryCommand[]): void {
    const { root } = this.#tree;
    root.gauge.read(root.charged, root.hard);
    const rank = Math.max(root.gauge.rank, this.#surroundings.rank);
    const raised = new Set<Scope>(rank > this.#rank ? [root] : []);
    if (rank !== this.#rank) commands.push({ kind: 'pressure', level: levels[rank]!, bytesNeeded: bytesNeeded(root, rank) });
    this.#rank = rank;
    for (const scope of this.#limited) {
      const { tenant, gauge, charged, soft, hard } = scope;
      const before = gauge.rank;
      gauge.read(charged, hard);
      if (gauge.rank > before) raised.add(scope);
      if (gauge.rank !== before) commands.push({ kind: 'pressure', level: levels[gauge.rank]!, tenant, bytesNeeded: bytesNeeded(scope, gauge.rank) });
      const isOver = isOverSoft(scope.isOverSoft, charged, soft);
      if (isOver !== scope.isOverSoft) commands.push({ kind: 'soft-quota', tenant, isOver });
      scope.isOverSoft = isOver;
      if (soft === Infinity && hard === Infinity) {
        this.#limited.delete(scope);
        this.#excesses.delete(scope);
      }
    }
    for (const scope of raised) for (const account of scope.accounts) this.#shave(account, now);
  }

  #shave(account: Account, now: Micros): void {
    const surplus = account.spare - headroomOf(account, this.#rank);
    this.#trims.ask(account, Math.min(surplus - account.pending, account.takeable(now).spare), 'idle', now);
  }

  /** A budget or quota below what is in use refuses nobody what it has, but asks for it back. */
  #seekExcesses(now: Micros): void {
    for (const scope of [...this.#limited, this.#tree.root]) {
      const excess = scope.sums.committed - scope.hard;
      if (excess <= 0) this.#excesses.delete(scope);
      else {
        const claim = this.#excesses.get(scope) ?? new Claim(scope);
        this.#excesses.set(scope, claim);
        this.#reclaim.seek(claim, scope, excess, now);
      }
    }
  }

  /** A new device begins with headroom. */
  #greet(id: AccountId, commands: MemoryCommand[]): void {
    const account = this.#accounts.get(id)!;
    const headroom = this.#requests.isContested(account) ? 0 : grantable(account, Infinity, this.#rank);
    if (headroom === 0) return;
    account.grant(headroom);
    commands.push({ kind: 'lease', account: id, bytes: account.lease, granted: account.granted });
  }

  #wake(commands: MemoryCommand[]): void {
    const at = Math.min(this.#trims.nextAt, this.#requests.nextAt, this.#ceiling.raiseAt);
    if (at >= this.#wakeAt) return; // An early wake does no harm.
    this.#wakeAt = at;
    commands.push({ kind: 'wake', at });
  }
}

const bytesNeeded = ({ gauge, charged, hard }: Scope, rank: number): number => (gauge.rank === rank ? gauge.bytesNeeded(charged, hard) : 0);

function rejectionOf(event: MemoryEvent, code: RejectCode): MemoryCommand {
  return {
    kind: 'reject', event: event.kind, code,
    ...('account' in event ? { account: event.account } : {}), ...('request' in event ? { request: event.request } : {}),
  };
}

function tenantReport(scope: Scope): TenantReport {
  const { tenant, soft, hard, weight, share, gauge, isOverSoft, peakLeased, peakCharged, refusedCount, accounts, sums } = scope;
  return { tenant, soft, hard, weight, share, level: levels[gauge.rank]!, isOverSoft, peakLeased, peakCharged, refusedCount, accountCount: accounts.size, ...sums };
}

function accountReport(account: Account): AccountReport {
  return { account: account.account, tenant: account.leaf.tenant, lease: account.lease, spare: account.spare, pending: account.pending, ...account.figures };
}
