import type { Bytes } from '../../src/base/units.ts';
import { seededRandom } from '../../src/base/random.ts';
import type { Feeds } from '../../src/client/index.ts';
import { deep, diffusion, edges } from '../../src/demo/models.ts';
import { randomFeeds } from '../../src/onnx/feeds.ts';
import { ModelFolder } from '../../src/onnx/real-models.ts';
import { openOurHolder, openStockHolder, type Holder, type Loaded, type MemoryModel, type Reported } from './memory-contestants.ts';
import { sameOutputs } from './outputs.ts';

/** What to measure; plain data, since it comes from Node. */
export interface MemoryPlan {
  /** Where the real models are served; '' where there are none: then the project's own are measured. */
  readonly folder: string;
  /** Ids of real models, and in which layout onnxruntime-web computes them rightly where that is not its default. */
  readonly models: Readonly<Record<string, 'NCHW' | 'NHWC' | 'default'>>;
  /** Of these models, the one that is loaded many times. */
  readonly repeated: string;
  readonly copies: number;
  /** Runs of each model before anything counts, and in each round. */
  readonly warmUp: number;
  readonly runs: number;
  readonly rounds: number;
}

/** One arm, as figures. */
export interface HeldMemory {
  readonly peak: Bytes;
  /** After the last run, everything still loaded. */
  readonly live: Bytes;
  /** GPUBuffers that the browser was asked for, per warm run. */
  readonly createdPerRun: number;
  readonly runsPerSecond: number;
  /** What the contestant says of itself. */
  readonly reported: Reported | undefined;
}

export interface MemorySession {
  readonly adapter: string;
  readonly isolated: boolean;
  readonly cores: number;
  /** One session of each model, and many of one. */
  readonly set: Readonly<Record<ArmName, HeldMemory>>;
  readonly repeated: Readonly<Record<ArmName, HeldMemory>>;
  /** Whether every output of `ours` equals, bit for bit, that of `stock`. */
  readonly identical: boolean;
}

type ArmName = 'stock' | 'ours';

interface Prepared extends MemoryModel {
  /** `undefined`: drawn once the inputs are known. */
  readonly feeds: Feeds | undefined;
}

interface Arm {
  readonly holder: Holder;
  readonly models: readonly { readonly loaded: Loaded; readonly feeds: Feeds }[];
}

/** Seen by the process that started the browser, which prints it. */
const say = (line: string) => console.info(`bench: ${line}`);

async function prepare({ folder, models }: MemoryPlan): Promise<readonly Prepared[]> {
  if (folder === '') {
    const own = { interactive: edges(), deep: diffusion(deep) };
    return Object.entries(own).map(([name, bytes]) => ({ name, bytes, layout: undefined, feeds: undefined }));
  }
  const real = new ModelFolder(folder);
  const wanted = (await real.models()).filter(({ id }) => id in models);
  return Promise.all(wanted.map(async (model) => {
    const [sample] = await real.samples(model);
    const layout = models[model.id];
    return { name: model.id, bytes: await real.read(model.file), layout: layout === 'default' ? undefined : layout, feeds: sample!.feeds };
  }));
}

async function open(holder: Holder, prepared: readonly Prepared[]): Promise<Arm> {
  const models = [];
  for (const { feeds, ...model } of prepared) {
    const loaded = await holder.load(model);
    models.push({ loaded, feeds: feeds ?? randomFeeds(loaded.inputs, {}, seededRandom(1)) });
  }
  return { holder, models };
}

/** Every model in turn, `runs` times. Resolves with milliseconds and the last outputs. */
async function play({ models }: Arm, runs: number): Promise<{ duration: number; outputs: Map<string, Feeds> }> {
  const outputs = new Map<string, Feeds>();
  const startAt = performance.now();
  for (let run = 0; run < runs; run++) {
    for (const [index, { loaded, feeds }] of models.entries()) outputs.set(String(index), await loaded.run(feeds));
  }
  return { duration: performance.now() - startAt, outputs };
}

/** Loads the same models into both holders and plays them A B, B A, …, so that what drifts over time drifts through both. */
async function compare(prepared: readonly Prepared[], { warmUp, runs, rounds }: MemoryPlan) {
  const arms = { stock: await open(openStockHolder(), prepared), ours: await open(await openOurHolder(), prepared) };
  const names: readonly ArmName[] = ['stock', 'ours'];
  const expected = (await play(arms.stock, warmUp)).outputs;
  let isSame = sameOutputs(expected, (await play(arms.ours, warmUp)).outputs);
  say('both are warm');
  const created = { stock: (await arms.stock.holder.counts()).created, ours: (await arms.ours.holder.counts()).created };
  const durations = { stock: 0, ours: 0 };
  for (let round = 0; round < rounds; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const { duration, outputs } = await play(arms[name], runs);
      durations[name] += duration;
      isSame &&= sameOutputs(expected, outputs);
    }
    say(`round ${round + 1} of ${rounds}`);
  }
  const runCount = rounds * runs * prepared.length;
  const figuresOf = async (name: ArmName): Promise<HeldMemory> => {
    const { holder } = arms[name];
    const counts = await holder.counts();
    const reported = await holder.reported();
    await holder.close();
    const { live, peak } = counts;
    return { peak, live, createdPerRun: (counts.created - created[name]) / runCount, runsPerSecond: (1000 * runCount) / durations[name], reported };
  };
  return { figures: { stock: await figuresOf('stock'), ours: await figuresOf('ours') }, isSame };
}

async function measure(plan: MemoryPlan): Promise<MemorySession> {
  const prepared = await prepare(plan);
  const set = await compare(prepared, plan);
  const one = prepared.find(({ name }) => name === plan.repeated) ?? prepared[0]!;
  say(`now ${plan.copies} of ${one.name}`);
  const repeated = await compare(Array.from({ length: plan.copies }, () => one), plan);
  const { vendor = '', architecture = '' } = (await navigator.gpu.requestAdapter())?.info ?? {};
  return {
    adapter: `${vendor} ${architecture}`.trim(), isolated: crossOriginIsolated, cores: navigator.hardwareConcurrency,
    set: set.figures, repeated: repeated.figures, identical: set.isSame && repeated.isSame,
  };
}

declare global {
  /** Set when the page is ready. */
  var measureMemory: typeof measure | undefined;
}

globalThis.measureMemory = measure;
