import { hold } from './breach.ts';
import { calm, drawFaults } from './faults.ts';
import type { Log } from './log.ts';
import { medley, type Size } from './medley.ts';
import { play } from './world.ts';

/** Longer than anything of this can take, whatever is lost on the way. */
const until = 600_000_000;

/**
 * Plays one medley to its end and holds every step against every rule; throws what was broken, with the story. Every other seed has faults.
 * Call it with as many seeds as there is time for.
 */
export function soak(seed: number, size?: Size): Log {
  const log = play(medley(seed, size), { seed, faults: seed % 2 === 0 ? drawFaults(seed) : calm, until, noise: 0.3, watch: 'each-step' });
  hold(log.ended === 'quiet', 'unfinished', () => `seed ${seed} goes on for ever`);
  return log;
}
