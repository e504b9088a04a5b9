import type { Feeds, PolicyName } from '../../src/client/index.ts';
import { big, deep, diffusion, edges } from '../../src/demo/models.ts';
import { randomFeeds } from '../../src/onnx/feeds.ts';
import { openScheduled, openShared, openStock, type Contestant, type Dims, type Model, type Runner } from './contestants.ts';
import { sameOutputs } from './outputs.ts';
import { seededRandom } from '../../src/base/random.ts';
import { playRound, type FeedSets, type Load, type Outputs, type Pace } from './round.ts';

/** The models that the project makes. */
export type Demo = 'interactive' | 'deep' | 'big';

/** Where a model comes from: a file that is served, or one that the project makes. */
export type Source = { readonly name: string; readonly url: string } | { readonly name: string; readonly demo: Demo };

/** What to measure; plain data, since it comes from Node. */
export interface Plan {
  readonly interactive: Source;
  readonly backgrounds: readonly Source[];
  readonly dims: Dims;
  readonly policy: PolicyName;
  readonly rounds: number;
  readonly requests: number;
  /** Arms without requests last as long as this many would. */
  readonly aloneRequests: number;
  /** Milliseconds for which each arm is played before anything counts. */
  readonly warmUp: number;
  /** Milliseconds between requests; `undefined`: 100, or more when the interactive model alone needs more. */
  readonly period: number | undefined;
}

/** One round of one arm, as figures. */
export interface Measured {
  readonly arm: ArmName;
  readonly latencies: readonly number[];
  readonly runs: number;
  readonly window: number;
  /** Whether every output equals, bit for bit, that of stock onnxruntime-web running alone. */
  readonly identical: boolean;
}

export interface Session {
  readonly adapter: string;
  readonly isolated: boolean;
  readonly cores: number;
  readonly period: number;
  readonly rounds: readonly Measured[];
}

type Name = 'stock' | 'shared' | 'scheduled';

const arms = {
  solo: { by: 'stock', interactive: true, background: false },
  stock: { by: 'stock', interactive: true, background: true },
  stockShared: { by: 'shared', interactive: true, background: true },
  scheduled: { by: 'scheduled', interactive: true, background: true },
  stockAlone: { by: 'stock', interactive: false, background: true },
  scheduledAlone: { by: 'scheduled', interactive: false, background: true },
} as const satisfies Record<string, Load & { by: Name }>;

export type ArmName = keyof typeof arms;

const SEED = 7;
/** Heavy models may take seconds a run, and every set costs a run of each before anything is measured. */
const SETS = { interactive: 4, background: 2 };
const PERIOD = 100;

const demos: Readonly<Record<Demo, () => Uint8Array<ArrayBuffer>>> = {
  interactive: () => edges(),
  deep: () => diffusion(deep),
  big: () => diffusion(big),
};

async function fetchModel(source: Source): Promise<Model> {
  if ('demo' in source) return { name: source.name, bytes: demos[source.demo]() };
  const response = await fetch(source.url);
  if (!response.ok) throw new Error(`${source.url}: ${response.status}`);
  return { name: source.name, bytes: new Uint8Array(await response.arrayBuffer()) };
}

/** Seen by the process that started the browser, which prints it. */
const say = (line: string) => console.info(`bench: ${line}`);

const feedsOf = ({ interactive, backgrounds }: Contestant, dims: Dims): FeedSets => {
  const setsOf = (length: number, { inputs }: Runner, seed: number): Feeds[] => {
    const random = seededRandom(seed);
    return Array.from({ length }, () => randomFeeds(inputs, dims, random));
  };
  return {
    interactive: setsOf(SETS.interactive, interactive, SEED),
    backgrounds: backgrounds.map((runner, index) => setsOf(SETS.background, runner, SEED + 1 + index)),
  };
};

/** Every model with every feed set, one at a time: what each output should be, and how long the interactive model takes undisturbed. */
async function runUndisturbed({ interactive, backgrounds }: Contestant, feeds: FeedSets): Promise<{ outputs: Outputs; fastest: number }> {
  const outputs: Outputs = new Map();
  let fastest = Infinity;
  for (const [set, feed] of feeds.interactive.entries()) {
    const startAt = performance.now();
    outputs.set(`interactive/${set}`, await interactive.run(feed));
    fastest = Math.min(fastest, performance.now() - startAt);
  }
  for (const [index, runner] of backgrounds.entries()) {
    for (const [set, feed] of feeds.backgrounds[index]!.entries()) outputs.set(`${index}/${set}`, await runner.run(feed));
  }
  return { outputs, fastest };
}

/** Loads everything, then plays the arms A B C … C B A, so that what drifts over time drifts through all of them. */
async function measure(plan: Plan): Promise<Session> {
  const models = [await fetchModel(plan.interactive), await Promise.all(plan.backgrounds.map(fetchModel)), plan.dims] as const;
  const open = async (name: Name, opening: Promise<Contestant>) => {
    const contestant = await opening;
    say(`${name} has loaded its models`);
    return contestant;
  };
  const contestants = {
    stock: await open('stock', openStock(...models)),
    shared: await open('shared', openShared(...models)),
    scheduled: await open('scheduled', openScheduled(...models, plan.policy)),
  } as const;

  const feeds = feedsOf(contestants.stock, plan.dims);
  const { outputs: expected, fastest } = await runUndisturbed(contestants.stock, feeds);
  say('stock is warm');
  const undisturbed = { stock: true, shared: false, scheduled: false };
  for (const name of ['shared', 'scheduled'] as const) {
    undisturbed[name] = sameOutputs(expected, (await runUndisturbed(contestants[name], feeds)).outputs);
    say(`${name} is warm`);
  }
  const period = plan.period ?? Math.max(PERIOD, Math.ceil(fastest * 2.5));
  say(`a request every ${period} ms`);
  const names = Object.keys(arms) as ArmName[];
  // Costs are learned and memory grows here, not in what is counted; and the engine compiles the runtime's WASM anew for as long as half
  // a minute, which takes a core from whatever is measured meanwhile.
  for (const name of names) await playRound(contestants[arms[name].by], arms[name], feeds, { period, requests: Math.ceil(plan.warmUp / period) });

  const rounds: Measured[] = [];
  for (let round = 0; round < plan.rounds; round++) {
    for (const arm of round % 2 === 0 ? names : names.toReversed()) {
      const pace: Pace = { period, requests: arms[arm].interactive ? plan.requests : plan.aloneRequests };
      const { latencies, runs, window, outputs } = await playRound(contestants[arms[arm].by], arms[arm], feeds, pace);
      rounds.push({ arm, latencies, runs, window, identical: undisturbed[arms[arm].by] && sameOutputs(expected, outputs) });
      say(`round ${round + 1} of ${plan.rounds}: ${arm}`);
    }
  }
  const { vendor = '', architecture = '' } = (await navigator.gpu.requestAdapter())?.info ?? {};
  return { adapter: `${vendor} ${architecture}`.trim(), isolated: crossOriginIsolated, cores: navigator.hardwareConcurrency, period, rounds };
}

declare global {
  /** Set when the page is ready. */
  var measureIsolation: typeof measure | undefined;
}

globalThis.measureIsolation = measure;
