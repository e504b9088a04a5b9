import type { Bytes, Micros } from '../base/units.ts';
import { type AccountFigures, openingRequest, type Pressure, type PressureLevel, type Refusal } from '../wire/memory.ts';
import type { Account, AccountReport } from './device-memory.ts';
import type { AccountControl, AccountLink } from './link.ts';

/** The device's memory, as it is governed. */
export interface GovernedMemory {
  /** Gives up idle blocks until no more than this is held, or nothing is idle. */
  trim(most: Bytes): void;
  /** Keeps idle blocks that nobody asks for so long, and no longer. */
  retain(retention: Micros): void;
}

/** What the owner of a device does when memory runs short. */
export interface TenantMemory {
  /** Frees what the tenant can spare, before it returns. */
  readonly onPressure?: ((pressure: Pressure) => void) | undefined;
  /** Unloads what nobody uses at the moment; resolves when that was given up. */
  readonly unload?: (() => Promise<void>) | undefined;
}

export interface LeasedAccountOptions extends TenantMemory {
  readonly after: (delay: Micros, call: () => void) => void;
}

/** A device is handed out after so long, whether others have given up what it may have or not. */
const longestOpening: Micros = 1_000_000;

/** What a device tells about its bytes is put together for so long. */
const newsAfter: Micros = 20_000;

/** A program that comes back after a pause finds its buffers, unless memory is short. */
const retentions: Readonly<Record<PressureLevel, Micros>> = { nominal: 30_000_000, fair: 2_000_000, serious: 0, critical: 0 };

/** With less than this part of the lease free, more is asked for ahead of need. */
const lowWater = 1 / 8;

/**
 * A device's side of the ledger. It may hold what it was leased without asking, because creating a buffer cannot wait for an answer; it asks ahead, and gives
 * back when told. Counts are cumulative, so a message lost or told twice shifts nothing. Until a ledger speaks the lease is boundless.
 */
export class LeasedAccount implements Account, AccountControl {
  readonly #options: LeasedAccountOptions;
  #link: AccountLink | undefined;
  #report: AccountReport = { live: 0, idle: 0, returning: 0 };
  #memory: GovernedMemory | undefined;
  #pressure: Pressure = { level: 'nominal', bytesNeeded: 0 };
  #isOverSoft = false;
  #lease: Bytes = Infinity;
  #lastLease: Bytes = 0;
  #start: Bytes = 0;
  #granted: Bytes = 0;
  #returned: Bytes = 0;
  #answered = 0;
  /** What was set aside and not created yet, the oldest first. */
  readonly #reservations = new Set<{ left: Bytes }>();
  /** Of reservations that wait for an answer: their bytes, and what was asked for them beyond the lease. */
  #expected: Bytes = 0;
  #asked: Bytes = 0;
  #requests = 0;
  /** The request for more headroom that is under way. */
  #wish = 0;
  readonly #waiting = new Map<number, (refusal: Refusal | undefined) => void>();
  #isMissing = false;
  #isTelling = false;
  #isPressing = false;
  #becomeReady!: () => void;
  /** Resolves with the first lease, or when there is nobody to give one. */
  readonly ready: Promise<void>;

  constructor(options: LeasedAccountOptions) {
    this.#options = options;
    this.ready = new Promise((resolve) => (this.#becomeReady = resolve));
  }

  get lease(): Bytes {
    return this.#lease;
  }

  /** Bytes that are held, or set aside. */
  get held(): Bytes {
    const { live, idle, returning } = this.#report;
    return live + idle + returning + this.#reserved;
  }

  govern(memory: GovernedMemory): void {
    this.#memory = memory;
  }

  /** How long idle memory is kept that nobody asks for. */
  get retention(): Micros {
    const { level, bytesNeeded } = this.#pressure;
    if (this.#isOverSoft) return 0;
    // A machine that is busy, or a page that nobody sees, has memory: to make buffers anew would only keep it busier.
    return bytesNeeded > 0 ? retentions[level] : retentions.nominal;
  }

  opening(): Bytes {
    // What it had under the last ledger it may be using by now.
    this.#start = Math.max(this.held, Number.isFinite(this.#lease) ? this.#lease : this.#lastLease);
    this.#granted = this.#returned = this.#answered = this.#wish = 0;
    return (this.#lease = this.#start);
  }

  joined(link: AccountLink): void {
    this.#link = link;
    this.#forgetRequests();
    this.#options.after(longestOpening, () => this.#becomeReady());
  }

  /** There is no ledger any more. */
  abandoned(): void {
    if (Number.isFinite(this.#lease)) this.#lastLease = this.#lease;
    this.#lease = Infinity;
    this.#link = undefined;
    this.#becomeReady();
    this.#forgetRequests();
  }

  /** Makes sure that `bytes` more can be held, waiting for others to give way where that helps. What was set aside is used up by what is created, or given back by `release`. */
  async reserve(bytes: Bytes): Promise<{ readonly ok: true; release(): void } | { readonly ok: false; readonly refusal: Refusal }> {
    const reservation = { left: bytes };
    // What is idle serves, or makes way.
    const missing = this.held - this.#report.idle + this.#expected + bytes - this.#lease - this.#asked;
    if (missing > 0) {
      // It counts as held when it is granted, not before: what is held beyond the lease counts as taken.
      this.#expected += bytes;
      this.#asked += missing;
      const refusal = await this.#ask(missing);
      this.#expected -= bytes;
      this.#asked -= missing;
      if (refusal !== undefined) return { ok: false, refusal };
    }
    this.#reservations.add(reservation);
    const release = (): void => {
      this.#reservations.delete(reservation);
      this.#tellSoon();
    };
    return { ok: true, release };
  }

  took(bytes: Bytes): void {
    let taken = bytes;
    for (const reservation of this.#reservations) {
      const part = Math.min(taken, reservation.left);
      reservation.left -= part;
      taken -= part;
    }
  }

  changed(report: AccountReport): void {
    this.#report = { live: report.live, idle: report.idle, returning: report.returning };
    this.#tellSoon();
  }

  missed(need: Bytes): void {
    if (this.#isMissing) return; // One who is refused again and again does not ask again and again.
    this.#isMissing = true;
    void this.#ask(need).then(() => (this.#isMissing = false));
  }

  failed(held: Bytes): void {
    this.#link?.ranOut(held);
  }

  press(bytesNeeded: Bytes): void {
    this.#tellTenant({ level: 'critical', bytesNeeded });
  }

  leased(granted: Bytes, request: number | undefined): void {
    this.#granted = granted;
    this.#lease = this.#start + this.#granted - this.#returned;
    this.#tell(); // What the ledger does not know to be heard of counts as used.
    if (request !== undefined) this.#answer(request, undefined);
  }

  refused(request: number, refusal: Refusal): void {
    this.#answer(request, refusal);
  }

  async trimmed(number: number, to: Bytes, mayUnload: boolean): Promise<void> {
    const before = this.held;
    // Who asks for more counts on all of its lease: what it unloads for that must come from what it holds.
    const isAsker = mayUnload && (this.#asked > 0 || this.#isMissing);
    const most = isAsker ? Math.max(0, before - (this.#lease - to)) : to;
    this.#memory?.trim(most);
    if (mayUnload && this.held > most) {
      await this.#options.unload?.();
      this.#memory?.trim(most);
    }
    this.#answered = Math.max(this.#answered, number);
    const spokenFor = Math.max(0, this.#expected - this.#asked);
    this.#giveBack(isAsker ? this.#lease - Math.max(0, before - this.held) : Math.max(to, this.held + spokenFor));
    this.#tell();
  }

  pressed(pressure: Pressure): void {
    this.#pressure = pressure;
    this.#memory?.retain(this.retention);
    this.#memory?.trim(this.held - pressure.bytesNeeded);
    this.#tellTenant(pressure);
  }

  wentOverSoft(isOver: boolean): void {
    this.#isOverSoft = isOver;
    this.#memory?.retain(this.retention);
  }

  get #reserved(): Bytes {
    let sum = 0;
    for (const { left } of this.#reservations) sum += left;
    return sum;
  }

  #giveBack(to: Bytes): void {
    const given = Math.max(0, this.#lease - to);
    if (!Number.isFinite(given)) return;
    this.#returned += given;
    this.#lease -= given;
  }

  #ask(need: Bytes): Promise<Refusal | undefined> {
    const link = this.#link;
    if (link === undefined) return Promise.resolve(undefined);
    const request = (this.#requests += 1);
    this.#tell(); // Figures first, so that what it frees meanwhile counts.
    return new Promise((resolve) => {
      this.#waiting.set(request, resolve);
      link.asked(request, Math.ceil(need), 0);
    });
  }

  /** Whoever kept the books cannot answer any more: what was asked for is tried. */
  #forgetRequests(): void {
    for (const answer of this.#waiting.values()) answer(undefined);
    this.#waiting.clear();
  }

  #answer(request: number, refusal: Refusal | undefined): void {
    if (request === openingRequest) this.#becomeReady();
    if (request === this.#wish) this.#wish = 0;
    this.#waiting.get(request)?.(refusal);
    this.#waiting.delete(request);
  }

  #tellTenant(pressure: Pressure): void {
    if (this.#isPressing) return; // Its own callback creates and frees.
    this.#isPressing = true;
    try {
      this.#options.onPressure?.(pressure);
    } catch (error) {
      reportError(error);
    } finally {
      this.#isPressing = false;
    }
  }

  #tellSoon(): void {
    if (this.#isTelling || this.#link === undefined) return;
    this.#isTelling = true;
    this.#options.after(newsAfter, () => {
      this.#isTelling = false;
      this.#tell();
    });
  }

  #tell(): void {
    const { live, idle, returning } = this.#report;
    // As far as what is set aside will need more than the idle memory it may use.
    const aside = Math.max(0, Math.min(this.#reserved, this.#lease - live - idle - returning));
    const figures: AccountFigures = {
      live: live + aside, idle, returning, granted: this.#granted, returned: this.#returned, trim: this.#answered,
    };
    this.#link?.reported(figures);
    this.#askAhead();
  }

  /** Headroom is asked for before it is used up. */
  #askAhead(): void {
    if (this.#wish !== 0 || this.#link === undefined || this.#lease - this.held >= this.#lease * lowWater) return;
    this.#wish = this.#requests += 1;
    this.#link.asked(this.#wish, 0, Math.ceil(this.#lease / 2));
  }
}
