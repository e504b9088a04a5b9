import type { Feeds } from '../../src/client/index.ts';
import type { Contestant, Runner } from './contestants.ts';
import { runsWithin, type Interval } from './statistics.ts';

/** What runs in an arm: the interactive model with or without its neighbours, or the neighbours alone. */
export interface Load {
  readonly interactive: boolean;
  readonly background: boolean;
}

/** How long a round lasts: `requests` of them every `period` ms. Arms without requests take as long. */
export interface Pace {
  readonly requests: number;
  readonly period: number;
}

/** Seeded feeds: request k of a model gets set k mod their number, in every arm. */
export interface FeedSets {
  readonly interactive: readonly Feeds[];
  readonly backgrounds: readonly (readonly Feeds[])[];
}

/** The last output of each feed set, per model: `interactive` or the background's index. */
export type Outputs = Map<string, Feeds>;

export interface Round {
  /** Milliseconds from when a request was due to when its outputs were on the page, in order. */
  readonly latencies: readonly number[];
  /** Background runs within the window. */
  readonly runs: number;
  /** Milliseconds. */
  readonly window: number;
  readonly outputs: Outputs;
}

/** The background is at full speed before the first request. */
const LEAD_IN = 300;

const now = () => performance.now();
const until = (at: number) => new Promise<void>((resolve) => { setTimeout(resolve, Math.max(0, at - now())); });

/** Requests arrive at their time whatever happens to those before: a queue counts as latency. */
async function openLoop(runner: Runner, sets: readonly Feeds[], pace: Pace, startAt: number, outputs: Outputs): Promise<number[]> {
  const latencies: Promise<number>[] = [];
  for (let k = 0; k < pace.requests; k++) {
    const dueAt = startAt + k * pace.period;
    await until(dueAt);
    const set = k % sets.length;
    latencies.push(runner.run(sets[set]!).then((output) => {
      const latency = now() - dueAt;
      outputs.set(`interactive/${set}`, output);
      return latency;
    }));
  }
  return Promise.all(latencies);
}

/** Runs without pause, one in flight, until `stopped`. */
async function closedLoop(runner: Runner, sets: readonly Feeds[], name: string, stopped: AbortSignal, outputs: Outputs): Promise<Interval[]> {
  const runs: Interval[] = [];
  for (let k = 0; !stopped.aborted; k++) {
    const set = k % sets.length;
    const startAt = now();
    outputs.set(`${name}/${set}`, await runner.run(sets[set]!));
    runs.push({ startAt, endAt: now() });
  }
  return runs;
}

/** One round of one arm. Nothing of it is left running when it resolves. */
export async function playRound(contestant: Contestant, load: Load, feeds: FeedSets, pace: Pace): Promise<Round> {
  const outputs: Outputs = new Map();
  const stop = new AbortController();
  const backgrounds = load.background
    ? contestant.backgrounds.map((runner, index) => closedLoop(runner, feeds.backgrounds[index]!, String(index), stop.signal, outputs))
    : [];
  const window: Interval = { startAt: now() + LEAD_IN, endAt: now() + LEAD_IN + pace.requests * pace.period };
  const latencies = load.interactive ? openLoop(contestant.interactive, feeds.interactive, pace, window.startAt, outputs) : [];
  const lasted = until(window.endAt);
  // A failed run must end the benchmark, not leave it waiting for its neighbours.
  await Promise.race([lasted, Promise.all([lasted, latencies, ...backgrounds])]);
  stop.abort();
  const runs = (await Promise.all(backgrounds)).flat();
  return { latencies: await latencies, runs: runsWithin(runs, window), window: window.endAt - window.startAt, outputs };
}
