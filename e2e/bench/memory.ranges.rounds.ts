import { fits } from '../../src/memory/range-allocator.ts';
import { arenaFigures, callMicros, garbageBytes, heapSuccess, heapUtilisation, plan1000 } from './memory.ranges.arms.ts';

// The program that times: a process of its own, so that nothing but the arms is in its memory. node --expose-gc memory.ranges.rounds.mjs ROUNDS FAILURES

/** What one round tells, by name. */
function measured(seed: number, failures: number): Record<string, number> {
  const figures: Record<string, number> = {};
  // Fits take turns, so that what disturbs the machine for a while disturbs all.
  for (const fit of fits) {
    globalThis.gc?.();
    figures[`${fit}.micros`] = callMicros(fit, seed);
    figures[`${fit}.garbage`] = garbageBytes(fit, seed);
    figures[`${fit}.utilisation`] = heapUtilisation(fit, seed, failures);
    figures[`${fit}.success`] = heapSuccess(fit, seed, 4 * failures);
  }
  for (const when of ['never-compacts', 'compacts'] as const) {
    for (const [name, figure] of Object.entries(arenaFigures(when, seed, failures))) figures[`${when}.${name}`] = figure;
  }
  for (const mode of ['one', 'three'] as const) {
    globalThis.gc?.();
    for (const [name, figure] of Object.entries(plan1000(mode, seed))) figures[`plan-${mode}.${name}`] = figure;
  }
  return figures;
}

const [rounds, failures] = process.argv.slice(2).map(Number) as [number, number];
/** One line of JSON per round; the first, which warms up, is not told. */
for (let round = 0; round <= rounds; round += 1) {
  const figures = measured(round + 1, failures);
  if (round > 0) console.log(JSON.stringify(figures));
}
