import type { Micros } from '../base/units.ts';
import type { TenantId } from './op.ts';
import type { Share } from './policy.ts';

/** What was given so long ago counts half. */
const halfLife: Micros = 1_000_000;
/** The largest weight. Service is counted over it, and must not grow out of what numbers tell apart. */
const most = 1_000_000;

/** One tenant's account. */
export class TenantShare implements Share {
  readonly tenant: TenantId;
  #weight = 1;
  /** So many of its ops may be under way. */
  slots = Infinity;
  /** It holds more memory than it should, and stands behind others. */
  isDeferred = false;
  /** Ops under way. */
  underWay = 0;
  /** Ops ready or under way, and gates with slices: while there are any, it stands in line. */
  backlog = 0;
  served = 0;
  servedEqually = 0;
  turns = 0;
  recent: Micros = 0;
  #recentAt: Micros = 0;
  readonly #shares: Shares;

  constructor(tenant: TenantId, shares: Shares) {
    this.tenant = tenant;
    this.#shares = shares;
  }

  get pickedKey(): number {
    return this.#shares.pickedKey;
  }

  get weight(): number {
    return this.#weight;
  }

  /** Above 0. Beyond a million to one either way it makes no difference that anybody could wait for. */
  set weight(weight: number) {
    this.#weight = Math.min(Math.max(weight, 1 / most), most);
  }

  /** Service as of now. Negative `cost` gives back what was charged too much, at the weight that it was charged at. */
  charge(cost: Micros, now: Micros, weight = this.#weight): void {
    this.served = Math.max(0, this.served + cost / weight);
    this.servedEqually = Math.max(0, this.servedEqually + cost);
    const past = now - this.#recentAt;
    if (past > 0) this.recent *= past < halfLife / 64 ? 1 - (past * Math.LN2) / halfLife : 2 ** (-past / halfLife);
    this.recent = Math.max(0, this.recent + cost);
    this.#recentAt = now;
  }
}

/**
 * Who was given how much. Virtual time is the least that any tenant with work has had when it was picked, so a tenant that comes late or back
 * from a rest starts where the others are.
 */
export class Shares {
  readonly #tenants = new Map<TenantId, TenantShare>();
  #served = 0;
  #servedEqually = 0;
  #turns = 0;
  pickedKey = 0;

  of(tenant: TenantId): TenantShare {
    let share = this.#tenants.get(tenant);
    if (share === undefined) this.#tenants.set(tenant, (share = new TenantShare(tenant, this)));
    return share;
  }

  /** The tenant has one more op or gate in line. */
  join(share: TenantShare): void {
    share.backlog += 1;
    if (share.backlog > 1) return;
    share.served = Math.max(share.served, this.#served);
    share.servedEqually = Math.max(share.servedEqually, this.#servedEqually);
    share.turns = Math.max(share.turns, this.#turns);
  }

  leave(share: TenantShare): void {
    share.backlog -= 1;
  }

  /** It was picked: what it had so far is the virtual time of all. */
  pick(share: TenantShare, key: number): void {
    this.#served = Math.max(this.#served, share.served);
    this.#servedEqually = Math.max(this.#servedEqually, share.servedEqually);
    this.#turns = Math.max(this.#turns, share.turns);
    if (key < Infinity) this.pickedKey = Math.max(this.pickedKey, key);
    share.turns += 1;
  }

  /** Keys of another policy mean something else. */
  forgetKeys(): void {
    this.pickedKey = 0;
  }

  [Symbol.iterator](): Iterator<TenantShare> {
    return this.#tenants.values();
  }
}
