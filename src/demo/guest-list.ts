import type { Scheduler } from '../client/index.ts';
import type { Brought } from './drop.ts';
import { Guest, prioritySelect, tenantNameFor } from './guest.ts';
import type { Notes } from './notes.ts';

/** The models that were brought, each with its latency, its priority and a way out. */
export class GuestList {
  readonly #list: HTMLElement;
  readonly #scheduler: Scheduler;
  readonly #notes: Notes;
  readonly #readings = new Map<Guest, HTMLElement>();
  readonly #residents: readonly string[];

  /** `residents` are names of tenants that a guest may not have. */
  constructor(list: HTMLElement, scheduler: Scheduler, notes: Notes, residents: readonly string[]) {
    this.#list = list;
    this.#scheduler = scheduler;
    this.#notes = notes;
    this.#residents = residents;
  }

  /** Runs a model as one more tenant. One that cannot be loaded leaves with a note; nothing else notices. */
  add({ name, bytes, sizes }: Brought): void {
    const tenant = tenantNameFor(name, new Set([...this.#residents, ...[...this.#readings.keys()].map((guest) => guest.tenant)]));
    const guest = new Guest(tenant, 'user-visible');
    const row = this.#row(guest);
    this.#list.append(row);
    const fail = (error: unknown): void => this.#notes.add(tenant, error);
    guest.run(this.#scheduler, bytes, sizes, fail)
      .catch((error: unknown) => { if (!guest.isRemoved) fail(error); })
      .finally(() => {
        this.#readings.delete(guest);
        row.remove();
      });
  }

  /** Writes what each guest measured. */
  update(): void {
    for (const [guest, element] of this.#readings) element.textContent = guest.reading(performance.now() * 1000);
  }

  #row(guest: Guest): HTMLElement {
    const row = document.createElement('li');
    const name = document.createElement('strong');
    name.textContent = guest.tenant;
    const reading = document.createElement('span');
    reading.className = 'reading';
    reading.textContent = 'loading';
    const remove = document.createElement('button');
    remove.type = 'button';
    remove.textContent = 'Remove';
    remove.setAttribute('aria-label', `Remove ${guest.tenant}`);
    remove.addEventListener('click', () => {
      guest.remove();
      row.remove();
    });
    row.append(name, reading, prioritySelect(guest), remove);
    this.#readings.set(guest, reading);
    return row;
  }
}
