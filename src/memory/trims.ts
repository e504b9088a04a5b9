import type { Micros } from '../base/units.ts';
import type { Account } from './account.ts';
import type { MemoryCommand } from './ledger-event.ts';

/** A device that has not answered a trim by then holds up nobody any more. */
export const patience: Micros = 2_000_000;

interface Outstanding {
  dueAt: Micros;
  unload: boolean;
  /** There is more to ask for than was told. */
  isChanged: boolean;
}

/** What was asked back and may still come. */
export class Trims {
  readonly #outstanding = new Map<Account, Outstanding>();

  /** So many bytes more. Told in one `trim` per account and turn; one that was told before is replaced by it, and is due no later. */
  ask(account: Account, bytes: number, kind: 'idle' | 'unload', now: Micros): void {
    if (bytes <= 0) return;
    account.ask(bytes);
    const known = this.#outstanding.get(account) ?? { dueAt: now + patience, unload: false, isChanged: true };
    this.#outstanding.set(account, { dueAt: known.dueAt, unload: known.unload || kind === 'unload', isChanged: true });
  }

  /** It has reported, or is closed. */
  heard(account: Account): void {
    if (!account.isTrimmed) this.#outstanding.delete(account);
  }

  forget(account: Account): void {
    this.#outstanding.delete(account);
  }

  expire(now: Micros): void {
    for (const [account, { dueAt }] of this.#outstanding) {
      if (dueAt > now) continue;
      account.expireTrim(now);
      this.#outstanding.delete(account);
    }
  }

  tell(commands: MemoryCommand[]): void {
    for (const [account, trim] of this.#outstanding) {
      if (!trim.isChanged) continue;
      trim.isChanged = false;
      commands.push({
        kind: 'trim', account: account.account, trim: account.nextTrim(), to: account.lease - account.pending, unload: trim.unload,
      });
    }
  }

  get nextAt(): Micros {
    let at = Infinity;
    for (const { dueAt } of this.#outstanding.values()) at = Math.min(at, dueAt);
    return at;
  }
}
