import type { Brand } from '../base/brand.ts';
import type { Micros } from '../base/units.ts';
import type { Level } from './pressure.ts';
import type { TenantId } from './quota.ts';

/** One device's account with the ledger. The edge counts them up; none comes again. */
export type AccountId = Brand<number, 'account'>;
/** Names a request among those of its account. */
export type RequestId = Brand<number, 'request'>;

/**
 * How things stand with an account, told by its device. `granted`, `returned` and `trim` are cumulative, so that what crosses on the way, or is
 * told twice, cannot shift the count: a device's lease is what it has heard of less what it has returned, and the ledger never believes less.
 */
export interface AccountFigures {
  /** Bytes handed out, or set aside for what is being loaded. */
  readonly live: number;
  /** Bytes pooled, which this device alone can use again. */
  readonly idle: number;
  /** Bytes destroyed, with which the GPU is not through yet. They are part of the lease until then. */
  readonly returning: number;
  /** The `granted` of the last `lease` that it has heard. */
  readonly granted: number;
  /** Bytes of lease that it has given back since it was opened, for a trim or by itself. */
  readonly returned: number;
  /** The last `trim` for which it has given all that it can; 0 before the first. */
  readonly trim: number;
}

/** What happened, told by the edge. Bytes are whole numbers from 0 to 2^53 − 1; anything else, and what is not known, is answered with `reject`. */
export type MemoryEvent =
  /** `lease`: what the device holds already, from a scheduler that is gone. Its `granted` and `returned` start at 0 all the same. */
  | { readonly kind: 'account-opened'; readonly account: AccountId; readonly tenant: TenantId; readonly lease?: number }
  | { readonly kind: 'account-reported'; readonly account: AccountId; readonly figures: AccountFigures }
  /**
   * `need`: bytes beyond its lease, and beyond what it has asked for before, that it must have. `wish`: headroom that it would like on top. Answered
   * exactly once: by `lease`, `refuse` or `reject`. One that needs nothing is answered at once, by `lease`.
   */
  | { readonly kind: 'account-asked'; readonly account: AccountId; readonly request: RequestId; readonly need: number; readonly wish: number }
  /** The device is gone, and all its memory with it. */
  | { readonly kind: 'account-closed'; readonly account: AccountId }
  /** The tenant and all below it: their accounts close, their quotas and counts are forgotten. */
  | { readonly kind: 'tenant-closed'; readonly tenant: TenantId }
  /** What is not named stays. `Infinity`: no quota, as before anything was told. `weight`: above 0, at most a million; 1 until told. */
  | { readonly kind: 'quota-set'; readonly tenant: TenantId; readonly soft?: number; readonly hard?: number; readonly weight?: number }
  | { readonly kind: 'budget-set'; readonly bytes: number }
  /** A real out-of-memory error, while so many bytes were charged in all. */
  | { readonly kind: 'memory-ran-out'; readonly charged: number }
  /** What the platform says of processor and GPU. */
  | { readonly kind: 'compute-pressure-changed'; readonly level: Level }
  | { readonly kind: 'page-hidden' }
  | { readonly kind: 'page-shown' }
  | { readonly kind: 'woke' };

/** What the edge must do now. */
export type MemoryCommand =
  /**
   * `bytes`: the lease as the ledger knows it. `granted`: all that the account was ever granted. `request`: the one that this answers. The device
   * reports soon after it has heard of it; until then none of it is taken for unused.
   */
  | { readonly kind: 'lease'; readonly account: AccountId; readonly bytes: number; readonly granted: number; readonly request?: RequestId }
  /**
   * The device should give up headroom and idle memory until its lease is `to`, and then report `trim`; also when it cannot. `unload`: for this it may
   * drop models that nobody runs.
   */
  | { readonly kind: 'trim'; readonly account: AccountId; readonly trim: number; readonly to: number; readonly unload: boolean }
  | ({ readonly kind: 'refuse'; readonly account: AccountId; readonly request: RequestId; readonly need: number } & Refusal)
  /** What the edge told is none of its words, and nothing was changed by it. */
  | { readonly kind: 'reject'; readonly event: MemoryEvent['kind']; readonly account?: AccountId; readonly request?: RequestId; readonly code: RejectCode }
  /**
   * `tenant`: under its own hard quota; absent: under the budget. `bytesNeeded`: so many must go before memory lets the level fall by one; 0 when
   * memory is not the cause.
   */
  | { readonly kind: 'pressure'; readonly level: Level; readonly tenant?: TenantId; readonly bytesNeeded: number }
  /** The tenant went over its soft quota, or came back under 95 % of it. */
  | { readonly kind: 'soft-quota'; readonly tenant: TenantId; readonly isOver: boolean }
  /** Call again with `woke` at this instant, unless another `wake` replaces it. */
  | { readonly kind: 'wake'; readonly at: Micros };

/** `fits`: so many bytes would have fitted. */
export type Refusal =
  | { readonly code: 'over-quota'; readonly tenant: TenantId; readonly fits: number }
  | { readonly code: 'over-budget'; readonly fits: number }
  | { readonly code: 'account-closed'; readonly fits: 0 };

export type RejectCode =
  /** NaN, negative, a fraction, 2^53 and above; or so many that a sum would be. */
  | 'not-bytes'
  /** Not above 0, or above a million. */
  | 'not-weight'
  /** A tenant's name that is empty or has an empty part. */
  | 'bad-path'
  | 'hard-below-soft'
  | 'unknown-account'
  | 'unknown-tenant'
  /** It is open already. */
  | 'known-account'
  /** It waits already. The request that waits is answered all the same. */
  | 'known-request'
  /** It returns what it never had, or has heard what was never said. */
  | 'out-of-step';
