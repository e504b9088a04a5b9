import { assert } from '../base/assert.ts';
import { seededRandom } from '../base/random.ts';
import { MemoryLedger } from './ledger.ts';
import type { AccountFigures, AccountId, MemoryCommand, MemoryEvent, RequestId } from './ledger-event.ts';
import type { TenantId } from './quota.ts';

export type Manner = 'honest' | 'stingy' | 'silent';

/** A device as the ledger's protocol wants it, or one that gives nothing, or one that never answers a trim. */
export class FalseDevice {
  readonly account: AccountId;
  readonly manner: Manner;
  /** What it held under an earlier ledger. */
  readonly start: number;
  live = 0;
  idle = 0;
  returning = 0;
  granted = 0;
  returned = 0;
  trim = 0;
  /** The link each way keeps its order. */
  readonly up: MemoryEvent[] = [];
  readonly down: MemoryCommand[] = [];
  #requests = 0;
  #target: { readonly to: number; readonly trim: number } | undefined;

  constructor(account: AccountId, manner: Manner, start: number) {
    this.account = account;
    this.start = start;
    this.manner = manner;
  }

  get lease(): number {
    return this.start + this.granted - this.returned;
  }

  get spare(): number {
    return Math.max(0, this.lease - this.live - this.idle - this.returning);
  }

  get figures(): AccountFigures {
    const { live, idle, returning, granted, returned, trim } = this;
    return { live, idle, returning, granted, returned, trim };
  }

  ask(need: number, wish: number): void {
    this.up.push({ kind: 'account-asked', account: this.account, request: (this.#requests += 1) as RequestId, need, wish });
  }

  report(): void {
    this.up.push({ kind: 'account-reported', account: this.account, figures: this.figures });
  }

  giveBack(bytes: number): void {
    this.returned += Math.min(bytes, this.spare);
    this.report();
  }

  /** The GPU is through with what was destroyed. */
  settle(): void {
    this.returning = 0;
    this.#answer();
  }

  hear(): void {
    const command = this.down.shift();
    if (command?.kind === 'lease') this.granted = command.granted;
    if (command?.kind !== 'trim' || this.manner === 'silent') return;
    this.#target = { to: command.to, trim: command.trim };
    if (this.manner === 'honest') {
      const idle = Math.min(this.idle, Math.max(0, this.lease - this.spare - command.to));
      this.idle -= idle;
      const unloaded = command.unload ? Math.min(this.live >> 1, Math.max(0, this.lease - this.spare - idle - command.to)) : 0;
      this.live -= unloaded;
      this.returning += idle + unloaded;
    }
    this.#answer();
  }

  #answer(): void {
    const target = this.#target;
    if (target === undefined) return;
    if (this.manner === 'honest') this.returned += Math.min(this.spare, Math.max(0, this.lease - target.to));
    if (this.returning === 0) {
      this.trim = target.trim;
      this.#target = undefined;
    }
    this.report();
  }
}

const paths = ['a', 'a/x', 'a/y', 'b', 'c/z/w'] as const;
const outside: readonly MemoryEvent[] = [
  { kind: 'page-hidden' }, { kind: 'page-shown' },
  { kind: 'compute-pressure-changed', level: 'nominal' }, { kind: 'compute-pressure-changed', level: 'serious' }, { kind: 'compute-pressure-changed', level: 'critical' },
];

/** Devices in other threads, links that delay, a clock: everything that the ledger does not know, drawn from a seed. */
export class LedgerWorld {
  readonly ledger: MemoryLedger;
  readonly devices = new Map<AccountId, FalseDevice>();
  now = 0;
  readonly #random: () => number;
  readonly #whenStepped: (event: MemoryEvent, commands: readonly MemoryCommand[]) => void;
  readonly #budget: number;
  #accounts = 0;
  #wakeAt = Infinity;

  constructor(seed: number, budget: number, whenStepped: (world: LedgerWorld, event: MemoryEvent, commands: readonly MemoryCommand[]) => void) {
    this.#random = seededRandom(seed);
    this.#budget = budget;
    this.ledger = new MemoryLedger(budget);
    this.#whenStepped = (event, commands) => whenStepped(this, event, commands);
  }

  draw(below: number): number {
    return Math.floor(this.#random() * below);
  }

  tell(event: MemoryEvent): void {
    if (this.now >= this.#wakeAt || event.kind === 'woke') this.#wakeAt = Infinity;
    const commands = this.ledger.step(event, this.now);
    this.ledger.check();
    for (const command of commands) {
      if (command.kind === 'wake') this.#wakeAt = command.at;
      else if ('account' in command && command.account !== undefined) this.devices.get(command.account)?.down.push(command);
    }
    this.#whenStepped(event, commands);
    for (const id of this.devices.keys()) if (event.kind === 'account-closed' && event.account === id) this.devices.delete(id);
    if (event.kind === 'tenant-closed') this.#forgetClosed();
  }

  open(tenant: string, manner: Manner, lease = 0): FalseDevice {
    const device = new FalseDevice((this.#accounts += 1) as AccountId, manner, lease);
    this.devices.set(device.account, device);
    this.tell({ kind: 'account-opened', account: device.account, tenant: tenant as TenantId, lease });
    return device;
  }

  /** Something happens somewhere. */
  play(): void {
    const what = this.draw(100);
    const device = this.#any();
    if (device === undefined || (what < 4 && this.devices.size < 8)) this.#openAny();
    else if (what < 45) this.deliver(device);
    else if (what < 90) this.act(device);
    else if (what < 92) this.tell({ kind: 'quota-set', tenant: this.#pick(paths) as TenantId, ...this.#quota() });
    else if (what < 93) this.tell({ kind: 'budget-set', bytes: this.draw(2 * this.#budget) });
    else if (what < 94) this.tell({ kind: 'memory-ran-out', charged: this.draw(this.#budget) });
    else if (what < 96) this.tell(this.#pick(outside));
    else if (what < 97 && this.draw(4) === 0) this.closeTenant(this.#pick(['a', ...paths]));
    else this.pass(this.draw(4) === 0 ? this.draw(40_000_000) : this.draw(300_000));
  }

  /** Time passes, with all the wakes that fall into it. */
  pass(micros: number): void {
    const until = this.now + micros;
    for (let wakes = 0; this.#wakeAt <= until; wakes += 1) {
      assert(wakes < 1000 && this.#wakeAt > this.now - 1, 'a wake leads on');
      this.now = Math.max(this.now, this.#wakeAt);
      this.tell({ kind: 'woke' });
    }
    this.now = until;
  }

  /** Everything on its way arrives, and the GPU ends its work. */
  settle(): void {
    for (let isMoving = true; isMoving;) {
      isMoving = false;
      for (const device of this.devices.values()) {
        if (device.returning > 0) device.settle();
        while (device.up.length > 0 || device.down.length > 0) {
          isMoving = true;
          this.deliver(device);
        }
      }
    }
  }

  closeTenant(tenant: string): void {
    if (this.ledger.report().tenants.some((row) => row.tenant === tenant)) this.tell({ kind: 'tenant-closed', tenant: tenant as TenantId });
  }

  /** The device does something of its own accord. */
  act(device: FalseDevice): void {
    const what = this.draw(100);
    const some = (bytes: number): number => this.draw(bytes + 1);
    if (what < 30) device.ask(some(this.#budget >> this.draw(5)), this.draw(3) === 0 ? some(this.#budget) : 0);
    else if (what < 50) device.live += some(device.spare);
    else if (what < 53) device.live += some(this.#budget >> 4);
    else if (what < 65) {
      const freed = some(device.live);
      device.live -= freed;
      device.idle += freed;
    } else if (what < 72) {
      const freed = some(device.idle);
      device.idle -= freed;
      device.returning += freed;
    } else if (what < 80) device.settle();
    else if (what < 84) device.giveBack(some(device.spare));
    else if (what < 97) device.report();
    else device.up.push({ kind: 'account-closed', account: device.account });
  }

  /** One message, one way or the other; when there is none, nothing. */
  deliver(device: FalseDevice): void {
    const event = device.up.length > 0 && (device.down.length === 0 || this.draw(2) === 0) ? device.up.shift() : undefined;
    if (event === undefined) device.hear();
    else if (this.devices.has(device.account)) this.tell(event);
  }

  #quota(): { soft?: number; hard?: number; weight?: number } {
    const hard = this.draw(4) === 0 ? Infinity : this.draw(this.#budget);
    return { hard, soft: this.draw(3) === 0 ? Infinity : Math.floor(Math.min(hard, this.#budget) * this.#random()), weight: 1 + this.draw(4) };
  }

  #forgetClosed(): void {
    const open = new Set(this.ledger.report().accounts.map(({ account }) => account));
    for (const id of this.devices.keys()) if (!open.has(id)) this.devices.delete(id);
  }

  #openAny(): void {
    const manner = this.#pick<Manner>(['honest', 'honest', 'honest', 'stingy', 'silent']);
    this.open(this.#pick(paths), manner, this.draw(8) === 0 ? this.draw(this.#budget) : 0);
  }

  #any(): FalseDevice | undefined {
    return [...this.devices.values()][this.draw(this.devices.size)];
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.draw(from.length)]!;
  }
}
