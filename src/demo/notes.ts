/** Notes shown at most; the oldest leave first. */
const LIMIT = 5;

/** Failures where a person sees them. The same sentence again is counted, not repeated. */
export class Notes {
  readonly #list: HTMLElement;

  constructor(list: HTMLElement) {
    this.#list = list;
  }

  /** Shows what went wrong and whose it was. */
  add(whose: string, error: unknown): void {
    const sentence = error instanceof Error ? error.message : String(error);
    const text = `${whose}: ${sentence}`;
    const known = [...this.#list.children].find((note) => note instanceof HTMLElement && note.dataset['text'] === text) as HTMLElement | undefined;
    if (known !== undefined) {
      const count = Number(known.dataset['count'] ?? 1) + 1;
      known.dataset['count'] = String(count);
      known.querySelector('.count')!.textContent = `${count} times`;
      return;
    }
    this.#list.append(noteOf(text));
    while (this.#list.childElementCount > LIMIT) this.#list.firstElementChild!.remove();
  }
}

function noteOf(text: string): HTMLElement {
  const note = document.createElement('li');
  note.dataset['text'] = text;
  const sentence = document.createElement('span');
  sentence.textContent = text;
  const count = document.createElement('span');
  count.className = 'count';
  const dismiss = document.createElement('button');
  dismiss.type = 'button';
  dismiss.textContent = 'Dismiss';
  dismiss.addEventListener('click', () => note.remove());
  note.append(sentence, count, dismiss);
  return note;
}
