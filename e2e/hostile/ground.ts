import { createScheduler, SwitchyardError, type Feeds, type Model, type Notice, type Scheduler, type Tensor } from '../../src/client/index.ts';
import { diffusion, edges } from '../../src/demo/models.ts';
import type { Found, Order, Up } from './lane.worker.ts';

/** A scheduler whose workers the test holds in its hands. */
export class Ground implements AsyncDisposable {
  readonly notices: Notice[] = [];
  /** Every worker ever started, the present one last. */
  readonly schedulers: Worker[] = [];
  readonly lanes = new Map<string, Worker[]>();
  readonly found = new Map<string, Found>();
  /** Those that live and whose end would be noticed at once. */
  readonly up = new Set<Worker>();
  scheduler!: Scheduler;

  static async open(): Promise<Ground> {
    const ground = new Ground();
    ground.scheduler = await createScheduler({ workers: { scheduler: () => ground.#startScheduler(), lane: (tenant) => ground.#startLane(tenant) } });
    ground.scheduler.onTrace(() => ground.up.add(ground.schedulers.at(-1)!));
    ground.scheduler.onNotice((notice) => ground.notices.push(notice));
    return ground;
  }

  /** The worker that lives now. */
  lane(tenant: string): Worker {
    return this.lanes.get(tenant)!.at(-1)!;
  }

  order(tenant: string, order: Order['order']): void {
    this.lane(tenant).postMessage({ order } satisfies Order);
  }

  killScheduler(): void {
    this.kill(this.schedulers.at(-1)!);
  }

  kill(worker: Worker): void {
    this.up.delete(worker);
    worker.terminate();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.scheduler.close();
  }

  #startScheduler(): Worker {
    const worker = new Worker(new URL('../../workers/scheduler.worker.ts', import.meta.url), { type: 'module' });
    this.schedulers.push(worker);
    return worker;
  }

  #startLane(tenant: string): Worker {
    const worker = new Worker(new URL('./lane.worker.ts', import.meta.url), { type: 'module', name: this.found.get(tenant) ?? 'gpu' });
    worker.addEventListener('message', ({ data }: MessageEvent<Partial<Up>>) => {
      if (data.up) this.up.add(worker);
    });
    this.lanes.set(tenant, [...(this.lanes.get(tenant) ?? []), worker]);
    return worker;
  }
}

/** A model with feeds whose outputs are always the same. */
export interface Sample {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly feeds: Feeds;
  readonly output: string;
}

const ramp = (count: number): Float32Array<ArrayBuffer> => Float32Array.from({ length: count }, (_, i) => ((i * 7919) % 251) / 251);

/** A few dispatches. */
export const short = (size = 32): Sample =>
  ({ bytes: edges({ size }), feeds: { image: { type: 'float32', dims: [size, size], data: ramp(size * size) } }, output: 'edges' });

/** `2 * steps` dispatches, of about 7 ms each on the software adapter at size 128. */
export const long = (size = 128, steps = 24): Sample =>
  ({ bytes: diffusion({ size, steps, sigma: 8 }), feeds: { image: { type: 'float32', dims: [size, size], data: ramp(size * size) } }, output: 'diffused' });

/** The bits of a sample's output. */
export const bitsOf = (sample: Sample, outputs: Readonly<Record<string, Tensor>>): string =>
  String(new Uint32Array((outputs[sample.output]!.data as Float32Array).slice().buffer));

export const runBits = async (model: Model, sample: Sample): Promise<string> => bitsOf(sample, await model.run(sample.feeds));

/** How a promise ended: `ok`, the code of its failure, or what it rejected with against the promise of the library. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'ok';
  } catch (error) {
    return error instanceof SwitchyardError ? error.code : `not a SwitchyardError: ${String(error)}`;
  }
}

/** Resolves with the first slice of the tenant that the trace shows from now on: its run is on the GPU. */
export function slicedOnce(scheduler: Scheduler, tenant: string): Promise<void> {
  return new Promise((resolve) => {
    const stop = scheduler.onTrace(({ names, spans }) => {
      const slice = 3;
      if (!spans.kind.some((kind, i) => kind === slice && names[spans.tenant[i]!] === tenant)) return;
      stop();
      resolve();
    });
  });
}

/** Names of the locks of this library that anybody holds or waits for. */
export async function locks(): Promise<string[]> {
  const { held = [], pending = [] } = await navigator.locks.query();
  return [...held, ...pending].map(({ name }) => name ?? '').filter((name) => name.startsWith('switchyard'));
}
