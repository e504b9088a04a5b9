import { seededRandom } from '../base/random.ts';
import type { Micros } from '../base/units.ts';
import { logNormal, type Random } from './draws.ts';

/** A stream of draws for each name, all from one seed: one more draw in one of them shifts nothing in the others. */
export function stream(seed: number, name: string): Random {
  let mixed = seed | 0;
  for (let i = 0; i < name.length; i += 1) mixed = Math.imul(mixed ^ name.charCodeAt(i), 0x01000193);
  return seededRandom(mixed);
}

export const happens = (random: Random, probability: number): boolean => probability > 0 && random() < probability;

/** A delay between half and one and a half of `mean`. */
export const around = (random: Random, mean: Micros): Micros => Math.round(mean * (0.5 + random()));

/** What really takes place of what was foreseen: a whole number, off by a factor of mean 1. */
export const truly = (random: Random, foreseen: Micros, sigma: number): Micros => Math.round(sigma === 0 ? foreseen : foreseen * logNormal(random, sigma));
