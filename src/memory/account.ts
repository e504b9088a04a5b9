import { assert } from '../base/assert.ts';
import type { Micros } from '../base/units.ts';
import { isBytes } from './bytes.ts';
import type { AccountFigures, AccountId, RejectCode } from './ledger-event.ts';
import { noSums, type Scope, type Sums } from './quota.ts';

/** What a device said that it cannot give is not asked for again for so long. */
const declinedFor: Micros = 2_000_000;

/** One device's lease, and what the device last said that it does with it. Whatever changes is posted to all scopes that it counts in. */
export class Account {
  readonly account: AccountId;
  readonly leaf: Scope;
  #lease: number;
  /** What it held when it was opened. */
  readonly #start: number;
  #granted = 0;
  #figures: AccountFigures = { live: 0, idle: 0, returning: 0, granted: 0, returned: 0, trim: 0 };
  #pending = 0;
  /** The number of the last trim, and of the last that it did not answer in time. */
  #trim = 0;
  #expired = 0;
  #declined = 0;
  #declinedUntil: Micros = -Infinity;
  #posted: Sums = noSums;

  constructor(account: AccountId, leaf: Scope, lease: number) {
    this.account = account;
    this.leaf = leaf;
    this.#lease = lease;
    this.#start = lease;
    for (const scope of leaf.path) scope.join(this);
    this.#post();
  }

  get lease(): number {
    return this.#lease;
  }

  get granted(): number {
    return this.#granted;
  }

  get figures(): AccountFigures {
    return this.#figures;
  }

  get charged(): number {
    const { live, idle, returning } = this.#figures;
    return live + idle + returning;
  }

  /** In use beyond the lease. */
  get overshoot(): number {
    return Math.max(0, this.charged - this.#lease);
  }

  /** Lease that it does not use. What it has not heard of yet it may need at once: that is none. */
  get spare(): number {
    return Math.max(0, this.#lease - (this.#granted - this.#figures.granted) - this.charged);
  }

  /** Asked back and not come yet. */
  get pending(): number {
    return this.#pending;
  }

  get trim(): number {
    return this.#trim;
  }

  /** There is a trim that it has neither answered nor let pass. */
  get isTrimmed(): boolean {
    return this.#trim > Math.max(this.#figures.trim, this.#expired);
  }

  /** It let a trim pass, and has not answered since: it is not asked again. */
  get isSilent(): boolean {
    return this.#figures.trim < this.#expired;
  }

  /** Headroom, and idle memory, that are worth asking for. */
  takeable(now: Micros): { readonly spare: number; readonly idle: number } {
    if (this.isSilent) return { spare: 0, idle: 0 };
    const gone = this.#pending + (now < this.#declinedUntil ? this.#declined : 0);
    const spare = Math.max(0, this.spare - gone);
    const all = Math.min(this.#lease, this.spare + this.#figures.idle);
    return { spare, idle: Math.max(0, all - gone - spare) };
  }

  /** What is wrong with figures; `undefined` when nothing is. */
  flawOf({ live, idle, returning, granted, returned, trim }: AccountFigures): RejectCode | undefined {
    if (![live, idle, returning, granted, returned, trim, live + idle + returning].every(isBytes)) return 'not-bytes';
    const known = this.#figures;
    const isInStep = granted >= known.granted && granted <= this.#granted
      && returned >= known.returned && returned <= this.#start + granted
      && trim >= known.trim && trim <= this.#trim;
    return isInStep ? undefined : 'out-of-step';
  }

  /** What `committed` would be with these figures. */
  committedWith({ live, idle, returning, returned }: AccountFigures): number {
    return Math.max(this.#lease - (returned - this.#figures.returned), live + idle + returning);
  }

  report(figures: AccountFigures, now: Micros): void {
    const given = figures.returned - this.#figures.returned;
    this.#lease -= given;
    this.#pending = Math.max(0, this.#pending - given);
    const isAnswer = figures.trim > this.#figures.trim && figures.trim === this.#trim;
    this.#figures = figures;
    if (isAnswer) this.#endTrim(now);
    this.#post();
  }

  grant(bytes: number): void {
    assert(isBytes(bytes) && isBytes(this.#granted + bytes), 'a grant is bytes');
    this.#lease += bytes;
    this.#granted += bytes;
    this.#post();
  }

  /** So much more is asked back. `nextTrim` gives the request its number. */
  ask(bytes: number): void {
    assert(bytes >= 0 && this.#pending + bytes <= this.#lease, 'no more is asked back than was leased');
    this.#pending += bytes;
    this.#post();
  }

  nextTrim(): number {
    return (this.#trim += 1);
  }

  /** The trim was not answered in time. What comes of it later counts all the same. */
  expireTrim(now: Micros): void {
    this.#expired = this.#trim;
    this.#endTrim(now);
    this.#post();
  }

  close(): void {
    this.#lease = 0;
    this.#granted = 0;
    this.#pending = 0;
    this.#figures = { live: 0, idle: 0, returning: 0, granted: 0, returned: 0, trim: this.#trim };
    this.#post();
    for (const scope of this.leaf.path) scope.leave(this);
  }

  /** If it has not given all, then not for want of asking: the rest of what it has is not to be had either. */
  #endTrim(now: Micros): void {
    this.#declined = this.#pending > 0 ? this.spare + this.#figures.idle : 0;
    this.#declinedUntil = now + declinedFor;
    this.#pending = 0;
  }

  #post(): void {
    const { live, idle, returning } = this.#figures;
    const sums = { leased: this.#lease, committed: Math.max(this.#lease, this.charged), spare: this.spare, pending: this.#pending, live, idle, returning };
    for (const scope of this.leaf.path) scope.post(this.#posted, sums);
    this.#posted = sums;
  }
}
