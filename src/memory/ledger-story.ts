import { MemoryLedger } from './ledger.ts';
import type { AccountFigures, AccountId, MemoryCommand, MemoryEvent, RequestId } from './ledger-event.ts';
import type { TenantId } from './quota.ts';

export const second = 1_000_000;

/** A ledger under a page: words in, words out. Accounts are numbers, bytes are small. */
export class Story {
  readonly ledger: MemoryLedger;
  now = 0;
  readonly #figures = new Map<number, AccountFigures>();

  constructor(budget: number) {
    this.ledger = new MemoryLedger(budget);
  }

  step(event: MemoryEvent): string {
    const commands = this.ledger.step(event, this.now);
    this.ledger.check();
    for (const command of commands) if (command.kind === 'lease') this.#figures.set(command.account, { ...this.figures(command.account), granted: command.granted });
    return commands.filter(({ kind }) => kind !== 'wake').map(wordOf).join(', ');
  }

  figures(account: number): AccountFigures {
    return this.#figures.get(account) ?? { live: 0, idle: 0, returning: 0, granted: 0, returned: 0, trim: 0 };
  }

  open = (account: number, tenant: string, lease = 0): string => this.step({ kind: 'account-opened', account: account as AccountId, tenant: tenant as TenantId, lease });
  ask = (account: number, need: number, wish = 0, request = account): string =>
    this.step({ kind: 'account-asked', account: account as AccountId, request: request as RequestId, need, wish });
  close = (account: number): string => this.step({ kind: 'account-closed', account: account as AccountId });
  quota = (tenant: string, quota: { soft?: number; hard?: number; weight?: number }): string => this.step({ kind: 'quota-set', tenant: tenant as TenantId, ...quota });
  budget = (bytes: number): string => this.step({ kind: 'budget-set', bytes });
  woke = (at: number): string => {
    this.now = at;
    return this.step({ kind: 'woke' });
  };
  report = (account: number, figures: Partial<AccountFigures>): string => {
    this.#figures.set(account, { ...this.figures(account), ...figures });
    return this.step({ kind: 'account-reported', account: account as AccountId, figures: this.figures(account) });
  };
  /** It gives back so many bytes of what is not live, and says that this answers the trim. */
  give = (account: number, bytes: number, trim: number, figures: Partial<AccountFigures> = {}): string =>
    this.report(account, { returned: this.figures(account).returned + bytes, trim, ...figures });
}

function wordOf(command: MemoryCommand): string {
  switch (command.kind) {
    case 'lease': return `${command.account} has ${command.bytes}`;
    case 'trim': return `${command.account} down to ${command.to}${command.unload ? ' unloading' : ''}`;
    case 'refuse': return `${command.account} no ${command.code}${command.code === 'over-quota' ? ` of ${command.tenant}` : ''} fits ${command.fits}`;
    case 'reject': return command.code;
    case 'pressure': return `${command.tenant ?? 'all'} ${command.level} ${command.bytesNeeded}`;
    case 'soft-quota': return `${command.tenant} ${command.isOver ? 'over' : 'under'}`;
    case 'wake': return `wake ${command.at}`;
  }
}

/** Accounts 1, 2, … of these tenants, each with so many bytes live and no headroom: they came while there was no budget. */
export function filled(budget: number, ...tenants: readonly (readonly [string, number])[]): Story {
  const story = new Story(0);
  tenants.forEach(([tenant], index) => story.open(index + 1, tenant));
  story.budget(budget);
  tenants.forEach(([, bytes], index) => {
    story.ask(index + 1, bytes, 0, 1000);
    story.report(index + 1, { live: bytes });
  });
  return story;
}
