import { arms } from './core.arms.ts';

// The program that times: a process of its own, so that nothing but the arms is in its memory. node --expose-gc core.rounds.mjs ROUNDS

const DEEP = 100_000;
const SHALLOW = 1000;

/** As many ops as the others have, but never so deep. */
function shallow(seed: number): number {
  const times = Array.from({ length: DEEP / SHALLOW }, (_, index) => arms.ours(SHALLOW, seed + index));
  return times.reduce((sum, time) => sum + time, 0) / times.length;
}

const contestants: Readonly<Record<string, (seed: number) => number | Promise<number>>> = {
  ours: (seed) => arms.ours(DEEP, seed),
  oursShallow: shallow,
  oursSteady: (seed) => arms.oursSteady(DEEP, seed),
  pQueue: (seed) => arms.pQueue(DEEP, seed),
  fastq: (seed) => arms.fastq(DEEP, seed),
  oursReprioritise: (seed) => arms.oursReprioritise(DEEP, seed),
  oursGraph: (seed) => arms.oursGraph(DEEP, seed),
};

/** One line of JSON per round. Arms take turns, so that what disturbs the machine for a while disturbs all; the first round, which warms up, is not told. */
async function run(rounds: number): Promise<void> {
  for (let round = 0; round <= rounds; round += 1) {
    const times: Record<string, number> = {};
    for (const [name, contestant] of Object.entries(contestants)) {
      // The garbage of one arm is not collected at the cost of another.
      globalThis.gc?.();
      times[name] = await contestant(1000 * round + 1);
    }
    if (round > 0) console.log(JSON.stringify(times));
  }
}

await run(Number(process.argv[2]));
