import { transfer, wrap, type Remote } from 'comlink';
import { createScheduler, type Feeds, type PolicyName, type Priority, type TensorInfo } from '../../src/client/index.ts';
import type { Stock } from './stock.worker.ts';

/** A model as the benchmark loads it: the same bytes for every contestant. */
export interface Model {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
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

/** Switchyard, as any page uses it. */
export async function openScheduled(interactive: Model, backgrounds: readonly Model[], dims: Dims, policy: PolicyName): Promise<Contestant> {
  const scheduler = await createScheduler({ policy });
  const load = ({ name, bytes }: Model, index: number, priority: Priority): Promise<Runner> =>
    scheduler.loadModel(bytes, { tenant: `${name} ${index}`, name, priority, freeDimensions: dims });
  return {
    interactive: await load(interactive, 0, 'user-blocking'),
    backgrounds: await inTurn(backgrounds, (model, index) => load(model, index + 1, 'background')),
  };
}

/** One at a time: sessions made at once only wait for each other's shaders. */
async function inTurn<T, R>(items: readonly T[], work: (item: T, index: number) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const [index, item] of items.entries()) results.push(await work(item, index));
  return results;
}
