import { transfer, wrap } from 'comlink';
import { createScheduler, type Feeds, type Scheduler, type TensorInfo } from '../../src/client/index.ts';
import type { Bytes } from '../../src/base/units.ts';
import type { BufferCounts } from './counted-gpu.ts';
import type { Stock } from './stock.worker.ts';

/** A model as both contestants load it. */
export interface MemoryModel {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly layout: 'NHWC' | 'NCHW' | undefined;
}

/** A model that is loaded: one session of onnxruntime-web, one model of Switchyard. */
export interface Loaded {
  readonly inputs: readonly TensorInfo[];
  run(feeds: Feeds): Promise<Feeds>;
}

/** One way of holding models in GPU memory: all of them on one device, in one worker. */
export interface Holder {
  load(model: MemoryModel): Promise<Loaded>;
  /** What the browser was asked for; the same measure for everybody. */
  counts(): Promise<BufferCounts>;
  /** What the contestant says of itself, if it says anything. */
  reported(): Promise<Reported | undefined>;
  close(): Promise<void>;
}

export interface Reported {
  readonly live: Bytes;
  readonly peak: Bytes;
}

const TENANT = 'memory';

function countsOf(worker: Worker): Promise<BufferCounts> {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = ({ data }: MessageEvent<BufferCounts>) => {
      port1.close();
      resolve(data);
    };
    worker.postMessage({ countsTo: port2 }, [port2]);
  });
}

/** Plain onnxruntime-web as it comes: its own device, its own caches. */
export function openStockHolder(): Holder {
  const worker = new Worker(new URL('./counted.stock.worker.ts', import.meta.url), { type: 'module' });
  const stock = wrap<Stock>(worker);
  return {
    async load({ bytes, layout }) {
      const copy = bytes.slice();
      const { model, inputs } = await stock.load(transfer(copy, [copy.buffer]), {}, layout);
      return { inputs, run: (feeds) => stock.run(model, feeds) };
    },
    counts: () => countsOf(worker),
    reported: async () => undefined,
    close: async () => worker.terminate(),
  };
}

/** Switchyard as any page uses it, one tenant for all models. */
export async function openOurHolder(): Promise<Holder> {
  let worker: Worker | undefined;
  const lane = (): Worker => (worker = new Worker(new URL('./counted.lane.worker.ts', import.meta.url), { type: 'module' }));
  const scheduler = await createScheduler({ workers: { lane } });
  return {
    load: ({ name, bytes, layout }) => scheduler.loadModel(bytes, { tenant: TENANT, name, preferredLayout: layout }),
    counts: () => countsOf(worker!),
    reported: () => reportOf(scheduler),
    close: () => scheduler.close(),
  };
}

/** What Switchyard says its tenant has. */
async function reportOf(scheduler: Scheduler): Promise<Reported | undefined> {
  const { tenants } = await scheduler.memory();
  const own = tenants.find(({ tenant }) => tenant === TENANT);
  return own && { live: own.live + own.idle, peak: own.peakCharged };
}
