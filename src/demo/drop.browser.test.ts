import { afterEach, expect, test, vi } from 'vitest';
import { writeModel } from '../onnx/model-writer.ts';
import { acceptModels, type Brought } from './drop.ts';

afterEach(() => document.body.replaceChildren());

/** A page that takes models: what a person gets to see, and what comes out. */
function page(): { drop: (...files: File[]) => void; dialog: HTMLDialogElement; brought: Brought[]; failures: string[] } {
  document.body.innerHTML = `<main></main><input type="file"><dialog><form method="dialog"><h2></h2><div class="fields"></div>
    <button value="cancel" formnovalidate>Cancel</button><button value="run">Run</button></form></dialog>`;
  const target = document.querySelector('main')!;
  const dialog = document.querySelector('dialog')!;
  const brought: Brought[] = [];
  const failures: string[] = [];
  acceptModels({
    target, dialog, chooser: document.querySelector<HTMLInputElement>('input[type=file]')!,
    onModel: (model) => brought.push(model), onFailure: (file, error) => failures.push(`${file}: ${(error as Error).message}`),
  });
  const drop = (...files: File[]): void => {
    const dataTransfer = new DataTransfer();
    for (const file of files) dataTransfer.items.add(file);
    target.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
  };
  return { drop, dialog, brought, failures };
}

const model = (name: string, ...dims: (number | string)[]): File => new File([writeModel({
  name, inputs: [{ name: 'x', type: 'float32', dims }], outputs: [{ name: 'y', type: 'float32', dims }],
  nodes: [{ operator: 'Relu', inputs: ['x'], outputs: ['y'] }], initializers: [],
})], `${name}.onnx`);

test('a model of fixed shape is taken without a question', async () => {
  const { drop, dialog, brought } = page();
  drop(model('fixed', 1, 4));
  await vi.waitFor(() => expect(brought.map(({ name, sizes }) => ({ name, sizes }))).toEqual([{ name: 'fixed.onnx', sizes: {} }]));
  expect(dialog.open).toBe(false);
});

test('free dimensions are asked for by name, and the answers come with the model', async () => {
  const { drop, dialog, brought } = page();
  drop(model('free', 'batch', 4));
  await vi.waitFor(() => expect(dialog.open).toBe(true));
  expect(dialog.querySelector('h2')!.textContent).toBe('Sizes for free.onnx');
  const field = dialog.querySelector<HTMLInputElement>('input[name=batch]')!;
  field.value = '3';
  dialog.querySelector<HTMLButtonElement>('[value=run]')!.click();
  await vi.waitFor(() => expect(brought[0]?.sizes).toEqual({ batch: 3 }));
});

test('a size below one is not accepted, and cancelling brings nothing', async () => {
  const { drop, dialog, brought } = page();
  drop(model('free', 'batch', 4), model('next', 2));
  await vi.waitFor(() => expect(dialog.open).toBe(true));
  dialog.querySelector<HTMLInputElement>('input[name=batch]')!.value = '0';
  dialog.querySelector<HTMLButtonElement>('[value=run]')!.click();
  expect(dialog.open).toBe(true);
  dialog.querySelector<HTMLButtonElement>('[value=cancel]')!.click();
  await vi.waitFor(() => expect(brought.map(({ name }) => name)).toEqual(['next.onnx']));
});

test('a file that is no model is told, and the next one is taken', async () => {
  const { drop, brought, failures } = page();
  drop(new File(['not a model'], 'broken.onnx'), model('fine', 2));
  await vi.waitFor(() => expect(brought.map(({ name }) => name)).toEqual(['fine.onnx']));
  expect(failures).toEqual([expect.stringMatching(/^broken\.onnx: /)]);
});
