import type { Micros } from '../base/units.ts';
import type { Command, SchedulerEvent } from '../core/event.ts';
import { happens, stream } from './chance.ts';
import type { Random } from './draws.ts';

/** How often what goes wrong. All of it 0: a calm world. */
export interface Faults {
  /** Lanes lost per second, each with its device and its worker; another opens in its place after a while. */
  readonly losses: number;
  /** Part of them whose last words still arrive, after the scheduler knows that they are gone. */
  readonly lateNews: number;
  /** Part of the messages between scheduler and lanes that never arrive. The page then closes the lane that waits for ever. */
  readonly lost: number;
  /** Part of them that arrive twice. */
  readonly doubled: number;
  /** Part of the runs that never say that they are done. */
  readonly hung: number;
  /** Jumps of the scheduler's clock per second: an hour forward, or five seconds back. */
  readonly jumps: number;
  /** What goes wrong at one place, so that all places can be tried. */
  readonly planned?: Planned;
}

export type Planned =
  /** The lane at this place of the workload's list, which counts from 1. */
  | { readonly kind: 'lane-lost'; readonly place: number; readonly at: Micros }
  /** So many messages between scheduler and lanes arrived before. */
  | { readonly kind: 'message-lost' | 'message-doubled'; readonly after: number };

export const calm: Faults = { losses: 0, lateNews: 0, lost: 0, doubled: 0, hung: 0, jumps: 0 };

/** Each seed has its own mix: about half of the faults, at rates of its own, so that one kind does not hide another. */
export function drawFaults(seed: number): Faults {
  const random = stream(seed, 'faults');
  const drawn = (most: number): number => (happens(random, 0.5) ? most * random() : 0);
  return { losses: drawn(2), lateNews: drawn(1), lost: drawn(0.01), doubled: drawn(0.1), hung: drawn(0.02), jumps: drawn(4) };
}

/** A lane from which nothing is heard for so long while something is due is taken for dead. */
export const patience: Micros = 2_000_000;

/** Before another lane is there. */
export const longestReopening: Micros = 300_000;

export const forward: Micros = 3_600_000_000;
export const backward: Micros = -5_000_000;

/**
 * Its news carries no number of its own, so a scheduler can neither miss it nor tell it from the next one: between threads of a browser it is
 * neither lost nor doubled.
 */
const isSure = (message: SchedulerEvent | Command): boolean => message.kind === 'slices-ready';

/** Decides for each message how often it arrives. */
export class Fate {
  readonly #faults: Faults;
  readonly #random: Random;
  #messages = 0;

  constructor(faults: Faults, random: Random) {
    this.#faults = faults;
    this.#random = random;
  }

  copies(message: SchedulerEvent | Command): number {
    if (isSure(message)) return 1;
    const { lost, doubled, planned } = this.#faults;
    const isPlanned = planned !== undefined && 'after' in planned && planned.after === this.#messages;
    this.#messages += 1;
    if (isPlanned) return planned.kind === 'message-lost' ? 0 : 2;
    if (lost + doubled === 0) return 1;
    const drawn = this.#random();
    return drawn < lost ? 0 : drawn < lost + doubled ? 2 : 1;
  }
}
