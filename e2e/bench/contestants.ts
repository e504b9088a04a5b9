import { transfer, wrap, type Remote } from 'comlink';
import type { Feeds, TensorInfo } from '../../src/wire/tensor.ts';
import type { Stock } from './stock.worker.ts';

/** A model as the benchmark loads it: the same bytes for every contestant. */
export interface Model {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A loaded model that runs. Concurrent calls queue. */
export interface Runner {
  readonly inputs: readonly TensorInfo[];
  run(feeds: Feeds): Promise<Feeds>;
}

/** One way of sharing the GPU, with every model loaded. */
export interface Contestant {
  readonly interactive: Runner;
  readonly backgrounds: readonly Runner[];
}

export type Dims = Readonly<Record<string, number>>;

const openWorker = (): Remote<Stock> => wrap<Stock>(new Worker(new URL('./stock.worker.ts', import.meta.url), { type: 'module' }));

async function loadStock(worker: Remote<Stock>, { bytes }: Model, dims: Dims): Promise<Runner> {
  const copy = bytes.slice();
  const { model, inputs } = await worker.load(transfer(copy, [copy.buffer]), dims);
  return { inputs, run: (feeds) => worker.run(model, feeds) };
}

/** Best practice today: a worker, and so a device, for each model. */
export async function openStock(interactive: Model, backgrounds: readonly Model[], dims: Dims): Promise<Contestant> {
  const load = (model: Model) => loadStock(openWorker(), model, dims);
  return { interactive: await load(interactive), backgrounds: await inTurn(backgrounds, load) };
}

/** What transformers.js does: all models in one worker, a lock around the runs. */
export async function openShared(interactive: Model, backgrounds: readonly Model[], dims: Dims): Promise<Contestant> {
  const worker = openWorker();
  const load = (model: Model) => loadStock(worker, model, dims);
  return { interactive: await load(interactive), backgrounds: await inTurn(backgrounds, load) };
}

/** The part of the page API that is measured. */
interface Client {
  createScheduler(): Promise<{
    loadModel(bytes: Uint8Array, options: { tenant: string; priority: 'user-blocking' | 'background'; freeDimensions: Dims }): Promise<Runner>;
  }>;
}

const clients = import.meta.glob<Client>('../../src/client/index.ts');

/** Switchyard; `undefined` while there is no client to measure. */
export async function openScheduled(interactive: Model, backgrounds: readonly Model[], dims: Dims): Promise<Contestant | undefined> {
  const client = await Object.values(clients)[0]?.();
  if (!client) return undefined;
  const scheduler = await client.createScheduler();
  const load = (priority: 'user-blocking' | 'background') => ({ name, bytes }: Model, index: number) =>
    scheduler.loadModel(bytes.slice(), { tenant: `${name} ${index}`, priority, freeDimensions: dims });
  return {
    interactive: await load('user-blocking')(interactive, 0),
    backgrounds: await inTurn(backgrounds, (model, index) => load('background')(model, index + 1)),
  };
}

/** One at a time: sessions made at once only wait for each other's shaders. */
async function inTurn<T, R>(items: readonly T[], work: (item: T, index: number) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const [index, item] of items.entries()) results.push(await work(item, index));
  return results;
}
