import type { Brand } from '../base/brand.ts';
import type { Account } from './account.ts';
import { Gauge } from './pressure.ts';

/** Who asks. A path: `app/chat` counts in `app` too. */
export type TenantId = Brand<string, 'tenant'>;

/** Bytes by what they are, summed over accounts. */
export interface Sums {
  /** Leases as the ledger knows them: never less than what the devices have. */
  readonly leased: number;
  /** Leases, or what is in use where that is more. */
  readonly committed: number;
  /** Lease that nobody uses. */
  readonly spare: number;
  /** Asked back with a trim and not come yet. */
  readonly pending: number;
  readonly live: number;
  readonly idle: number;
  readonly returning: number;
}

export const sumNames = ['leased', 'committed', 'spare', 'pending', 'live', 'idle', 'returning'] as const satisfies readonly (keyof Sums)[];
export const noSums: Sums = { leased: 0, committed: 0, spare: 0, pending: 0, live: 0, idle: 0, returning: 0 };

/** The name of the part that a tenant's own accounts are, beside the tenants below it. No tenant's name has an empty part. */
const own = '';
const mostWeight = 1e6;

export const isPath = (tenant: string): boolean => tenant.split('/').every((part) => part !== '');
export const isWeight = (weight: number): boolean => weight > 0 && weight <= mostWeight;

/**
 * A part of the budget: all of it, a tenant with those below it, or the accounts that are a tenant's own and nobody's below. Sums are kept with every change,
 * along the path.
 */
export class Scope {
  /** `''` for the whole budget. */
  readonly tenant: TenantId;
  readonly parent: Scope | undefined;
  /** From here to the whole budget. */
  readonly path: readonly Scope[];
  readonly children = new Map<string, Scope>();
  readonly accounts = new Set<Account>();
  readonly gauge = new Gauge();
  soft = Infinity;
  /** Of the whole budget: the ceiling. */
  hard = Infinity;
  isOverSoft = false;
  sums: Sums = noSums;
  peakLeased = 0;
  peakCharged = 0;
  refusedCount = 0;
  #weight = 1;
  /** Of the children that have accounts. */
  #activeWeight = 0;

  constructor(tenant: TenantId, parent: Scope | undefined) {
    this.tenant = tenant;
    this.parent = parent;
    this.path = [this, ...(parent?.path ?? [])];
  }

  get charged(): number {
    return this.sums.live + this.sums.idle + this.sums.returning;
  }

  get weight(): number {
    return this.#weight;
  }

  set weight(weight: number) {
    this.#weight = weight;
    this.parent?.reweigh();
  }

  get hasQuota(): boolean {
    return this.soft < Infinity || this.hard < Infinity || this.#weight !== 1;
  }

  /** The part that the tenant's own accounts are. */
  get leaf(): Scope {
    return this.child(own);
  }

  child(part: string): Scope {
    let child = this.children.get(part);
    if (child === undefined) {
      const tenant = part === own ? this.tenant : (`${this.parent === undefined ? '' : `${this.tenant}/`}${part}` as TenantId);
      this.children.set(part, (child = new Scope(tenant, this)));
    }
    return child;
  }

  /** Whether this is the tenant itself, and not the part that its own accounts are. */
  get isTenant(): boolean {
    return this.parent !== undefined && this.parent.tenant !== this.tenant;
  }

  /** The part of the parent that is this one's by weight, among those that have accounts. */
  get fraction(): number {
    if (this.parent === undefined || this.parent.#activeWeight === 0) return 1;
    return Math.min(1, this.#weight / this.parent.#activeWeight);
  }

  /** Bytes that nobody else's need can take from it: its weighted part of its parent's, or its quota where that is less. O(depth). */
  get share(): number {
    if (this.parent === undefined) return this.hard;
    return Math.min(this.hard, Math.floor(this.parent.share * this.fraction));
  }

  has(inner: Scope): boolean {
    return inner.path.includes(this);
  }

  join(account: Account): void {
    this.accounts.add(account);
    if (this.accounts.size === 1) this.parent?.reweigh();
  }

  leave(account: Account): void {
    this.accounts.delete(account);
    if (this.accounts.size === 0) this.parent?.reweigh();
  }

  /** What one account has, changed from one to the other. */
  post(before: Sums, after: Sums): void {
    const sums = { ...this.sums };
    for (const name of sumNames) sums[name] += after[name] - before[name];
    this.sums = sums;
    this.peakLeased = Math.max(this.peakLeased, sums.leased);
    this.peakCharged = Math.max(this.peakCharged, this.charged);
  }

  *[Symbol.iterator](): Iterator<Scope> {
    yield this;
    for (const child of this.children.values()) yield* child;
  }

  /** A child has its first account, or lost its last, or has another weight. */
  reweigh(): void {
    this.#activeWeight = 0;
    for (const child of this.children.values()) if (child.accounts.size > 0) this.#activeWeight += child.weight;
  }
}

/** All tenants, by their paths. A tenant is known from its first account or quota on, until it is closed. */
export class QuotaTree {
  readonly root = new Scope('' as TenantId, undefined);

  find(tenant: TenantId): Scope | undefined {
    let scope: Scope | undefined = this.root;
    for (const part of tenant.split('/')) scope = part === '' ? undefined : scope?.children.get(part);
    return scope;
  }

  of(tenant: TenantId): Scope {
    let scope = this.root;
    for (const part of tenant.split('/')) scope = scope.child(part);
    return scope;
  }

  /** With all below it, and what is above it only for its sake. Its accounts are closed before. */
  remove(scope: Scope): void {
    for (const gone of scope.path) {
      if (gone.parent === undefined || (gone !== scope && (gone.children.size > 0 || gone.hasQuota))) return;
      gone.parent.children.delete(gone.tenant.slice(gone.tenant.lastIndexOf('/') + 1));
    }
  }
}
