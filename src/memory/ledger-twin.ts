import { assert } from '../base/assert.ts';
import type { MemoryLedger } from './ledger.ts';
import type { AccountFigures, AccountId, MemoryCommand, MemoryEvent } from './ledger-event.ts';

interface TwinAccount {
  readonly tenant: string;
  readonly start: number;
  granted: number;
  figures: AccountFigures;
}
interface TwinRequest {
  readonly account: AccountId;
  readonly need: number;
}
interface TwinQuota {
  soft: number;
  hard: number;
}
interface Past {
  readonly accounts: Map<AccountId, TwinAccount>;
  readonly quotas: Map<string, TwinQuota>;
  readonly waiting: Map<string, TwinRequest>;
}

const nothing: AccountFigures = { live: 0, idle: 0, returning: 0, granted: 0, returned: 0, trim: 0 };
const thresholds = [0, 0.7, 0.85, 0.95, Infinity];
/** A limit of 0 is passed by any byte, but what comes after critical is never reached. */
const ratioOf = (charged: number, limit: number): number => (charged === 0 ? 0 : Math.min(charged / limit, Number.MAX_VALUE));
const words = ['nominal', 'fair', 'serious', 'critical'];

const leaseOf = ({ start, granted, figures }: TwinAccount): number => start + granted - figures.returned;
const chargedOf = ({ figures: { live, idle, returning } }: TwinAccount): number => live + idle + returning;
const committedOf = (account: TwinAccount): number => Math.max(leaseOf(account), chargedOf(account));
const isIn = (inner: string, outer: string): boolean => outer === '' || inner === outer || inner.startsWith(`${outer}/`);

/** Writes down what is told and answered, works everything out from the beginning after each step, and compares. Slow, and obvious. */
export class LedgerTwin {
  readonly #ledger: MemoryLedger;
  readonly #log: (MemoryEvent | MemoryCommand)[] = [];
  readonly #levels = new Map<string, string>();
  readonly #over = new Map<string, boolean>();

  constructor(ledger: MemoryLedger) {
    this.#ledger = ledger;
  }

  /** One step has been taken. What it was told was well-formed, so that none of it is rejected. */
  note(event: MemoryEvent, commands: readonly MemoryCommand[]): void {
    this.#log.push(event, ...commands);
    const past = this.#retell();
    this.#checkSums(past);
    for (const command of commands) this.#checkCommand(command, past);
    this.#checkLevels(past);
    this.#checkWaiting(past);
  }

  /** From the first entry on. */
  #retell(): Past {
    const past: Past = { accounts: new Map(), quotas: new Map(), waiting: new Map() };
    for (const entry of this.#log) retellOne(past, entry);
    return past;
  }

  #checkSums({ accounts }: Past): void {
    const report = this.#ledger.report();
    for (const row of [{ ...report, tenant: '' }, ...report.tenants]) {
      const inside = [...accounts.values()].filter(({ tenant }) => isIn(tenant, row.tenant));
      const sum = (of: (account: TwinAccount) => number): number => inside.reduce((total, account) => total + of(account), 0);
      const spare = ({ granted, figures, start }: TwinAccount): number =>
        Math.max(0, start + granted - figures.returned - (granted - figures.granted) - figures.live - figures.idle - figures.returning);
      const sums = { leased: sum(leaseOf), committed: sum(committedOf), spare: sum(spare),
        live: sum(({ figures }) => figures.live), idle: sum(({ figures }) => figures.idle), returning: sum(({ figures }) => figures.returning) };
      for (const [name, bytes] of Object.entries(sums)) assert(row[name as keyof typeof sums] === bytes, `${row.tenant}: ${name} is ${bytes}`);
      assert(row.peakLeased >= sums.leased && row.peakCharged >= sums.live + sums.idle + sums.returning, `${row.tenant}: a peak is a peak`);
    }
    assert(report.accounts.length === accounts.size, 'accounts are those that are open');
  }

  #checkCommand(command: MemoryCommand, past: Past): void {
    if (command.kind === 'reject') throw new Error(`rejected: ${command.code}`);
    if (command.kind === 'lease') this.#checkGrant(command.account, past);
    if (command.kind === 'trim') assert(command.to >= 0 && command.to <= leaseOf(past.accounts.get(command.account)!), 'a trim asks for less than there is');
    if (command.kind === 'pressure') {
      const key = command.tenant ?? '';
      assert((this.#levels.get(key) ?? 'nominal') !== command.level, `pressure of ${key} is told when it changes`);
      this.#levels.set(key, command.level);
    }
    if (command.kind === 'soft-quota') {
      assert((this.#over.get(command.tenant) ?? false) !== command.isOver, `${command.tenant} is told when it crosses its soft quota`);
      this.#over.set(command.tenant, command.isOver);
    }
  }

  #checkGrant(id: AccountId, { accounts, quotas }: Past): void {
    const { tenant } = accounts.get(id)!;
    if (this.#grantOf(id) === 0) return;
    for (const [path, { hard }] of [...quotas, ['', { hard: this.#ledger.report().ceiling }] as const]) {
      if (!isIn(tenant, path)) continue;
      const leased = [...accounts.values()].filter((account) => isIn(account.tenant, path)).reduce((sum, account) => sum + leaseOf(account), 0);
      assert(leased <= hard, `leases of ${path} are within ${hard}, not ${leased}`);
    }
  }

  /** By how much the last lease of the account was more than the one before. */
  #grantOf(id: AccountId): number {
    let last = 0;
    let by = 0;
    for (const entry of this.#log) {
      if (entry.kind !== 'lease' || entry.account !== id) continue;
      by = entry.granted - last;
      last = entry.granted;
    }
    return by;
  }

  #checkLevels({ accounts, quotas }: Past): void {
    const { ceiling, level, tenants } = this.#ledger.report();
    const within = (path: string): number => [...accounts.values()].filter(({ tenant }) => isIn(tenant, path)).reduce((sum, account) => sum + chargedOf(account), 0);
    const isFalse = (level: string, charged: number, limit: number): boolean => {
      const ratio = ratioOf(charged, limit);
      const rank = words.indexOf(level);
      return ratio >= thresholds[rank + 1]! || (rank > 0 && ratio < thresholds[rank]! - 0.05);
    };
    // What happens outside may raise it further.
    assert(ratioOf(within(''), ceiling) < thresholds[words.indexOf(level) + 1]!, `the level is more than ${level}`);
    for (const { tenant, level } of tenants) {
      const { soft, hard } = quotas.get(tenant) ?? { soft: Infinity, hard: Infinity };
      const charged = within(tenant);
      assert(!isFalse(level, charged, hard), `${tenant} with ${charged} of ${hard} is not ${level}`);
      assert((this.#levels.get(tenant) ?? 'nominal') === level, `all were told that ${tenant} is ${level}`);
      assert(this.#over.get(tenant) ? charged > soft * 0.95 : charged <= soft, `${tenant} with ${charged} of ${soft} was told`);
    }
    assert((this.#levels.get('') ?? 'nominal') === level, `all were told of ${level}`);
  }

  /** Whoever is first and fits does not wait. */
  #checkWaiting({ accounts, quotas, waiting }: Past): void {
    const { waitingCount, ceiling } = this.#ledger.report();
    assert(waitingCount === waiting.size, 'those wait who have no answer');
    const isSoft = ({ account }: TwinRequest): boolean => [...this.#over].some(([path, over]) => over && isIn(accounts.get(account)!.tenant, path));
    const first = [...waiting.values()].find((request) => !isSoft(request)) ?? [...waiting.values()][0];
    if (first === undefined) return;
    const { tenant } = accounts.get(first.account)!;
    const isShort = [...quotas, ['', { hard: ceiling }] as const].some(([path, { hard }]) => isIn(tenant, path)
      && [...accounts.values()].filter((account) => isIn(account.tenant, path)).reduce((sum, account) => sum + committedOf(account), 0) + first.need > hard);
    assert(isShort, `account ${first.account} waits for ${first.need} that are there`);
  }
}

function retellOne(past: Past, entry: MemoryEvent | MemoryCommand): void {
  const { accounts, quotas, waiting } = past;
  const answer = (account: AccountId, request: number): void =>
    assert(waiting.delete(`${account}:${request}`), `request ${request} of account ${account} is answered once`);
  switch (entry.kind) {
    case 'account-opened': accounts.set(entry.account, { tenant: entry.tenant, start: entry.lease ?? 0, granted: 0, figures: nothing }); break;
    case 'account-reported': accounts.get(entry.account)!.figures = entry.figures; break;
    case 'account-closed': accounts.delete(entry.account); break;
    case 'tenant-closed':
      for (const [id, { tenant }] of accounts) if (isIn(tenant, entry.tenant)) accounts.delete(id);
      for (const path of quotas.keys()) if (isIn(path, entry.tenant)) quotas.delete(path);
      break;
    case 'account-asked': waiting.set(`${entry.account}:${entry.request}`, entry); break;
    case 'quota-set': {
      const known = quotas.get(entry.tenant) ?? { soft: Infinity, hard: Infinity };
      quotas.set(entry.tenant, { soft: entry.soft ?? known.soft, hard: entry.hard ?? known.hard });
      break;
    }
    case 'lease':
      accounts.get(entry.account)!.granted = entry.granted;
      if (entry.request !== undefined) answer(entry.account, entry.request);
      break;
    case 'refuse': answer(entry.account, entry.request); break;
    default:
  }
}
