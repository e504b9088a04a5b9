import { freeDimensions, type FreeDimension } from '../onnx/feeds.ts';
import { readHeader } from '../onnx/proto.ts';
import { describe } from '../wire/failure.ts';

/** A model file with a size for each of its free dimensions. */
export interface Brought {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly sizes: Readonly<Record<string, number>>;
}

export interface DropOptions {
  /** The whole page takes files. */
  readonly target: HTMLElement;
  readonly chooser: HTMLInputElement;
  readonly dialog: HTMLDialogElement;
  readonly onModel: (brought: Brought) => void;
  readonly onFailure: (file: string, error: unknown) => void;
}

/** Takes `.onnx` files that are dropped or chosen, asks for their free dimensions, and hands them on one after the other. */
export function acceptModels({ target, chooser, dialog, onModel, onFailure }: DropOptions): void {
  let last = Promise.resolve();
  const take = (files: Iterable<File>): void => {
    for (const file of files) {
      last = last.then(() => open(file, dialog)).then((brought) => { if (brought) onModel(brought); }, (error: unknown) => onFailure(file.name, error));
    }
  };
  chooser.addEventListener('change', () => {
    take([...(chooser.files ?? [])]);
    // The same file may be chosen again.
    chooser.value = '';
  });
  let depth = 0;
  const mark = (): void => { target.classList.toggle('is-target', depth > 0); };
  target.addEventListener('dragenter', () => { depth++; mark(); });
  target.addEventListener('dragleave', () => { depth--; mark(); });
  target.addEventListener('dragover', (event) => event.preventDefault());
  target.addEventListener('drop', (event) => {
    event.preventDefault();
    depth = 0;
    mark();
    take([...(event.dataTransfer?.files ?? [])]);
  });
}

/** Reads a file's header and asks for what it leaves open; `undefined` when the person changes their mind. */
async function open(file: File, dialog: HTMLDialogElement): Promise<Brought | undefined> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const header = readHeader(bytes);
  if (!header.ok) throw new Error(describe(header.failure));
  const free = freeDimensions(header.value.inputs);
  const sizes = free.length === 0 ? {} : await ask(file.name, free, dialog);
  return sizes && { name: file.name, bytes, sizes };
}

function ask(name: string, free: readonly FreeDimension[], dialog: HTMLDialogElement): Promise<Record<string, number> | undefined> {
  dialog.querySelector('h2')!.textContent = `Sizes for ${name}`;
  dialog.querySelector('.fields')!.replaceChildren(...free.map(field));
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      const inputs = [...dialog.querySelectorAll<HTMLInputElement>('.fields input')];
      resolve(dialog.returnValue === 'run' ? Object.fromEntries(inputs.map((input) => [input.name, input.valueAsNumber])) : undefined);
    }, { once: true });
  });
}

function field({ key, places }: FreeDimension): HTMLElement {
  const label = document.createElement('label');
  const text = document.createElement('span');
  text.textContent = key;
  const where = document.createElement('small');
  where.textContent = places.join(', ');
  const input = document.createElement('input');
  Object.assign(input, { type: 'number', name: key, min: '1', step: '1', required: true, value: '1' });
  label.append(text, where, input);
  return label;
}
