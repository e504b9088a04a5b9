import type { Micros } from '../base/units.ts';
import type { Model, Scheduler } from '../client/index.ts';
import type { Tensor } from '../wire/tensor.ts';
import * as models from './models.ts';
import { brightness, greyImage } from './pictures.ts';
import { elapsed, repeat, visible } from './repeat.ts';
import { Scene } from './scene.ts';

/** The interactive model is asked this often, as a camera would. */
const INTERVAL_MILLIS = 40;

/** What a tenant of the page needs to run by itself. */
export interface TenantOptions {
  readonly scheduler: Scheduler;
  readonly input: HTMLCanvasElement;
  readonly output: HTMLCanvasElement;
  readonly signal: AbortSignal;
  readonly onFailure: (error: unknown) => void;
  /** Called as each run begins; what it answers is called when the run is done, with how long that took. */
  readonly onRun: () => (latency: Micros) => void;
}

/** Finds edges in the moving picture, 25 times a second: what a person waits for. Never rejects. */
export async function runInteractive(options: TenantOptions): Promise<void> {
  const { size } = models.interactive;
  const scene = new Scene(options.input, size);
  await runModel(options, () => models.edges(), { tenant: 'edges', priority: 'user-blocking' }, async (model) => {
    const dueAt = performance.now() + INTERVAL_MILLIS;
    const image: Tensor = { type: 'float32', dims: [size, size], data: brightness(scene.at(performance.now() / 1000)) };
    await show(options, model, image, 'edges', size);
    await elapsed(dueAt - performance.now(), options.signal);
  });
}

/** How far each of the heavy models lets the picture diffuse. */
const sigmas = [2, 4, 8] as const;

/** The background's tenants, one for each heavy model. */
export const backgroundTenants = sigmas.map((sigma) => `diffusion ${sigma}`);

export interface BackgroundOptions extends Omit<TenantOptions, 'output'> {
  /** One for each of `backgroundTenants`. */
  readonly outputs: readonly HTMLCanvasElement[];
}

/** Heavy models diffuse the picture, again and again without pause, a tenant each: work that nobody waits for. Never rejects. */
export async function runBackground({ outputs, ...options }: BackgroundOptions): Promise<void> {
  const { size } = models.deep;
  const scene = new Scene(options.input, size);
  await Promise.all(sigmas.map((sigma, index) => {
    const own = { ...options, output: outputs[index]! };
    return runModel(own, () => models.diffusion({ ...models.deep, sigma }), { tenant: backgroundTenants[index]!, priority: 'background' }, async (model) => {
      const image: Tensor = { type: 'float32', dims: [size, size], data: brightness(scene.at(performance.now() / 1000)) };
      await show(own, model, image, 'diffused', size);
    });
  }));
}

/** Loads the model, taking its time after failures, and steps until the signal aborts. */
async function runModel(
  { scheduler, signal, onFailure }: TenantOptions,
  bytes: () => Uint8Array,
  as: Parameters<Scheduler['loadModel']>[1],
  step: (model: Model) => Promise<void>,
): Promise<void> {
  let model: Model | undefined;
  await repeat(async () => {
    await visible(signal);
    model ??= await scheduler.loadModel(bytes(), { ...as, signal });
    await step(model);
  }, { signal, onFailure, rest: () => elapsed(1000, signal) });
  await model?.close();
}

/** One run from picture to picture. */
async function show({ output, onRun, signal }: TenantOptions, model: Model, image: Tensor, name: string, size: number): Promise<void> {
  const done = onRun();
  const beganAt = performance.now();
  const outputs = await model.run({ image }, { signal });
  done((performance.now() - beganAt) * 1000);
  const plane = outputs[name]?.data;
  if (!(plane instanceof Float32Array)) throw new Error(`the model gave no '${name}'`);
  if (output.width !== size) output.width = output.height = size;
  output.getContext('2d')!.putImageData(greyImage(plane, size, size), 0, 0);
}
