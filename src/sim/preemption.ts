import type { Micros } from '../base/units.ts';
import { classRankOf, type OpId, urgencyOf } from '../core/op.ts';
import type { GpuRun } from './gpu.ts';
import type { Log } from './log.ts';

/** How long the first slice of an op of the most urgent class waited for what is less urgent. */
export interface Preemption {
  readonly op: OpId;
  /** One such op had been asked for not long before. What nobody expected pays for what it finds on the GPU, once. */
  readonly isExpected: boolean;
  /** From when its slices were in the gate until the first of them ran, but for what ran meanwhile of ops as urgent as itself. */
  readonly delay: Micros;
  /** No delay may be longer: window + longest slice + round trip. */
  readonly bound: Micros;
}

/** What a message each way and a notice may take at most, and how long slices are aimed to be. */
export interface Ways {
  readonly roundTrip: Micros;
  readonly quantum: Micros;
}

/** After so long a pause nobody expects an urgent op: see `core/vigil.ts`. */
const alertness: Micros = 1_000_000;
/** While nobody more urgent is expected, each gate keeps one slice on the GPU and one behind it, of four quanta each, as many times longer as there are gates. */
const coarse = 4 * 1.5;

/** In the order in which they arrived. Whatever takes longer than predicted makes the window as many times longer. */
export function preemptions({ lives, gpu }: Log, { roundTrip, quantum }: Ways): readonly Preemption[] {
  const ranks = new Map([...lives.values()].map(({ op }) => [op.op, classRankOf(urgencyOf(op.priority))]));
  const first = new Map<OpId, number>();
  for (const [index, { op }] of gpu.entries()) if (!first.has(op)) first.set(op, index);
  const others = gpu.filter(({ op }) => ranks.get(op)! > 0);
  const { longest, slower, gates } = traitsOf(others);
  const tight = roundTrip + quantum / 2;
  // A gate that is told of the others too late fills its whole window alone, the next one half of it.
  let loose = 0;
  for (let gate = 1; gate <= gates; gate += 1) loose += (roundTrip + coarse * quantum * gates) / gate;
  const found: Preemption[] = [];
  let lastAt = -Infinity;
  for (const { op, submittedAt, runs: [run] } of lives.values()) {
    const index = first.get(op.op);
    if (ranks.get(op.op) !== 0 || index === undefined || run?.encodedAt === undefined) continue;
    const isExpected = submittedAt - lastAt < alertness;
    const bound = roundTrip + (isExpected ? slower * tight + longest : slower * loose + gates * longest);
    found.push({ op: op.op, isExpected, delay: delayOf(gpu, index, run.encodedAt, ranks), bound });
    lastAt = submittedAt;
  }
  return found;
}

function delayOf(gpu: readonly GpuRun[], index: number, from: Micros, ranks: ReadonlyMap<OpId, number>): Micros {
  let delay = gpu[index]!.startAt - from;
  // What ran meanwhile comes right before it.
  for (let i = index - 1; i >= 0 && gpu[i]!.endAt > from; i -= 1) {
    if (ranks.get(gpu[i]!.op) === 0) delay -= gpu[i]!.endAt - Math.max(gpu[i]!.startAt, from);
  }
  return delay;
}

function traitsOf(runs: readonly GpuRun[]): { longest: Micros; slower: number; gates: number } {
  let longest = 0;
  let slower = 1;
  for (const { predicted, startAt, endAt } of runs) {
    longest = Math.max(longest, endAt - startAt);
    slower = Math.max(slower, (endAt - startAt) / Math.max(1, predicted));
  }
  return { longest, slower, gates: new Set(runs.map(({ gate }) => gate)).size };
}
