/** Numbers in [0, 1): `seededRandom` of a seed. Every draw of the false world comes from one. */
export type Random = () => number;

export const uniform = (random: Random, from: number, to: number): number => from + (to - from) * random();

/** A whole number in [from, to], each as likely as the others. */
export const whole = (random: Random, from: number, to: number): number => from + Math.floor(random() * (to - from + 1));

/** Time to the next of things that happen at random, `mean` apart: cv 1. */
export const exponential = (random: Random, mean: number): number => -mean * Math.log(1 - random());

/** Around 0, of standard deviation 1 (Box and Muller; the second number of a pair is not kept, so a draw depends on nothing before it). */
export const normal = (random: Random): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

/** Of mean 1: an estimate's error is a factor, as likely to halve as to double. `sigma` 0.5 is off by about half. */
export const logNormal = (random: Random, sigma: number): number => Math.exp(sigma * normal(random) - (sigma * sigma) / 2);

/** Many small and few large, none above `most`: a Pareto law of exponent `alpha`, cut off. Its smallest is `least`. */
export function heavyTailed(random: Random, least: number, most: number, alpha = 1.2): number {
  const tail = (least / most) ** alpha;
  return least * (1 - random() * (1 - tail)) ** (-1 / alpha);
}

/** One of `items`, which are not none. */
export const oneOf = <T>(random: Random, items: readonly T[]): T => items[Math.floor(random() * items.length)]!;

/** `count` different numbers of 0…n-1, ascending; all of them when there are no more. */
export function someOf(random: Random, n: number, count: number): readonly number[] {
  const chosen = new Set<number>();
  // Floyd: no draw is thrown away, so `count` draws are all it takes.
  for (let last = n - Math.min(n, count); last < n; last += 1) {
    const drawn = whole(random, 0, last);
    chosen.add(chosen.has(drawn) ? last : drawn);
  }
  return [...chosen].sort((a, b) => a - b);
}
