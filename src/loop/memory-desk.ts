import { unreachable } from '../base/assert.ts';
import type { Bytes } from '../base/units.ts';
import type { GateId } from '../core/op.ts';
import { defaultBudget } from '../memory/budget.ts';
import type { AccountId, MemoryCommand, MemoryEvent, RequestId } from '../memory/ledger-event.ts';
import { MemoryLedger, type MemoryReport } from '../memory/ledger.ts';
import type { TenantId } from '../memory/quota.ts';
import { openingRequest } from '../wire/memory.ts';
import type { FromScheduler, GateIndex, PageToScheduler, SchedulerToPage, ToScheduler } from '../wire/messages.ts';
import type { Clock } from './clock.ts';

/** A device as the ledger's edge reaches it. */
export interface Holder {
  readonly index: GateIndex;
  readonly tenant: string;
  send(message: FromScheduler): void;
}

type FromDevice = ToScheduler & { readonly kind: 'memory-reported' | 'memory-asked' | 'memory-ran-out' };
type FromPage = PageToScheduler & { readonly kind: 'budget-set' | 'surroundings-changed' | 'tenant-set' };

/** The ledger's edge: every gate's device has an account of the gate's number. It decides nothing. */
export class MemoryDesk {
  readonly #ledger = new MemoryLedger(defaultBudget({ maxBufferSize: NaN, deviceMemory: undefined }));
  readonly #clock: Clock;
  readonly #tellPage: (message: SchedulerToPage) => void;
  readonly #holders = new Map<AccountId, Holder>();
  #callOff: (() => void) | undefined;

  readonly #defer: (tenant: string, isDeferred: boolean) => void;

  /** `defer`: ops of a tenant that holds too much are to stand behind others, or not any more. */
  constructor(clock: Clock, tellPage: (message: SchedulerToPage) => void, defer: (tenant: string, isDeferred: boolean) => void) {
    this.#clock = clock;
    this.#tellPage = tellPage;
    this.#defer = defer;
  }

  get report(): MemoryReport {
    return this.#ledger.report();
  }

  open(gate: GateId, holder: Holder, lease: Bytes): void {
    const account = accountOf(gate);
    this.#holders.set(account, holder);
    this.#step({ kind: 'account-opened', account, tenant: pathOf(holder.tenant), lease });
    // What it may hold unused, others may have: whoever opens a device waits until they have given it up.
    this.#step({ kind: 'account-asked', account, request: openingRequest as RequestId, need: this.#ledger.shortfall(account), wish: 0 });
  }

  close(gate: GateId): void {
    const account = accountOf(gate);
    if (!this.#holders.delete(account)) return;
    this.#step({ kind: 'account-closed', account });
  }

  fromDevice(gate: GateId, message: FromDevice): void {
    const account = accountOf(gate);
    switch (message.kind) {
      case 'memory-reported': return this.#step({ kind: 'account-reported', account, figures: message.figures });
      case 'memory-asked': return this.#step({ kind: 'account-asked', account, request: message.request as RequestId, need: message.need, wish: message.wish });
      case 'memory-ran-out': {
        // The device knows of itself only.
        const { live, idle, returning } = this.#ledger.report();
        return this.#step({ kind: 'memory-ran-out', charged: Math.max(message.charged, live + idle + returning) });
      }
      default: unreachable(message);
    }
  }

  fromPage(message: FromPage): void {
    switch (message.kind) {
      case 'budget-set': return this.#step(message);
      case 'surroundings-changed': {
        const { compute, hidden } = message;
        if (compute !== undefined) this.#step({ kind: 'compute-pressure-changed', level: compute });
        if (hidden !== undefined) this.#step({ kind: hidden ? 'page-hidden' : 'page-shown' });
        return;
      }
      case 'tenant-set': {
        const { soft, hard, weight } = message;
        if (soft === undefined && hard === undefined && weight === undefined) return;
        return this.#step({
          kind: 'quota-set', tenant: pathOf(message.tenant),
          ...(soft !== undefined && { soft }), ...(hard !== undefined && { hard }), ...(weight !== undefined && { weight }),
        });
      }
      default: unreachable(message);
    }
  }

  #step(event: MemoryEvent): void {
    for (const command of this.#ledger.step(event, this.#clock.now())) this.#perform(command);
  }

  #perform(command: MemoryCommand): void {
    switch (command.kind) {
      case 'lease': return this.#send(command.account, (gate) => ({ kind: 'lease', gate, granted: command.granted, request: command.request }));
      case 'trim': return this.#send(command.account, (gate) => ({ kind: 'trim', gate, trim: command.trim, to: command.to, unload: command.unload }));
      case 'refuse': return this.#send(command.account, (gate) => ({ kind: 'memory-refused', gate, request: command.request, refusal: command }));
      case 'reject': {
        // What our own devices tell is in step, but for what crossed a close; whoever waits is answered all the same.
        const { account, request } = command;
        if (account === undefined || request === undefined) return;
        return this.#send(account, (gate) => ({ kind: 'memory-refused', gate, request, refusal: { code: 'over-budget', fits: 0 } }));
      }
      case 'pressure': return this.#press(command);
      case 'soft-quota': {
        const { tenant, isOver } = command;
        for (const holder of this.#under(tenant)) {
          holder.send({ kind: 'soft-quota', gate: holder.index, isOver });
          this.#defer(holder.tenant, isOver);
        }
        return this.#tellPage({ kind: 'soft-quota', tenant, isOver });
      }
      case 'wake': return this.#wake(command.at);
      default: unreachable(command);
    }
  }

  /** Everybody under the limit hears of it, and the page. */
  #press({ level, tenant, bytesNeeded }: MemoryCommand & { readonly kind: 'pressure' }): void {
    const pressure = { level, bytesNeeded };
    for (const holder of this.#under(tenant)) holder.send({ kind: 'pressure', gate: holder.index, pressure });
    this.#tellPage({ kind: 'pressure', tenant, pressure });
  }

  /** Devices of a tenant and of those in it; of everybody for `undefined`. */
  #under(tenant: TenantId | undefined): readonly Holder[] {
    const all = [...this.#holders.values()];
    return tenant === undefined ? all : all.filter((holder) => `${pathOf(holder.tenant)}/`.startsWith(`${tenant}/`));
  }

  #send(account: AccountId, message: (gate: GateIndex) => FromScheduler): void {
    const holder = this.#holders.get(account);
    holder?.send(message(holder.index));
  }

  #wake(at: number): void {
    this.#callOff?.();
    this.#callOff = at === Infinity ? undefined : this.#clock.after(Math.max(0, at - this.#clock.now()), () => this.#step({ kind: 'woke' }));
  }
}

const accountOf = (gate: GateId): AccountId => gate as number as AccountId;

/** Tenants may be called anything; where parts of a path are empty they say nothing. */
const pathOf = (tenant: string): TenantId => (tenant.split('/').filter((part) => part !== '').join('/') || 'nameless') as TenantId;
