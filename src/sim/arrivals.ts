import { assert } from '../base/assert.ts';
import type { Micros } from '../base/units.ts';
import type { OpId } from '../core/op.ts';
import { exponential, type Random } from './draws.ts';
import { told } from './graphs.ts';
import type { Arrival, PlayedOp, Source } from './workload.ts';

/** A stretch of time: [from, until). */
export interface Span {
  readonly from?: Micros;
  readonly until: Micros;
}

/** What is asked for at an instant: one op, or several that belong together. `index` counts from 0. */
export type Asking = (at: Micros, index: number) => readonly PlayedOp[];

/** At instants that know nothing of each other, `perSecond` of them on average: the gaps have cv 1. */
export function poisson(random: Random, perSecond: number, { from = 0, until }: Span): readonly Micros[] {
  const instants: Micros[] = [];
  // The exact time goes on and only what is told is rounded, or the rate would drift.
  for (let at = from + exponential(random, 1e6 / perSecond); Math.round(at) < until; at += exponential(random, 1e6 / perSecond)) {
    instants.push(Math.round(at));
  }
  return instants;
}

/** Every `period`, the first at `from`. Each may be late by up to `jitter`, which must be less than the period; the rhythm does not move. */
export function periodic(period: Micros, { from = 0, until }: Span, jitter?: { readonly random: Random; readonly most: Micros }): readonly Micros[] {
  assert(period > 0 && (jitter?.most ?? 0) < period, 'a rhythm goes forward');
  const instants: Micros[] = [];
  for (let beat = 0; from + beat * period < until; beat += 1) {
    const at = Math.round(from + beat * period + (jitter ? jitter.random() * jitter.most : 0));
    if (at < until) instants.push(at);
  }
  return instants;
}

/** One of the two moods of a bursty source. */
export interface Mood {
  readonly perSecond: number;
  /** On average; each stay is drawn (exponential). */
  readonly lasts: Micros;
}

/**
 * Two moods that take turns, Poisson in each, calm first: a Markov-modulated Poisson process (MMPP-2). The gaps have cv above 1, and busy
 * seconds follow each other. The mean rate is that of the moods, weighted with how long they last.
 */
export function bursty(random: Random, calm: Mood, burst: Mood, { from = 0, until }: Span): readonly Micros[] {
  const instants: Micros[] = [];
  let mood = calm;
  for (let startAt = from; startAt < until; mood = mood === calm ? burst : calm) {
    const endAt = startAt + exponential(random, mood.lasts);
    if (mood.perSecond > 0) instants.push(...poisson(random, mood.perSecond, { from: startAt, until: Math.min(endAt, until) }));
    startAt = endAt;
  }
  return instants;
}

/** At each of the instants, which ascend, what `asking` says, graphs as graphs. An open loop: it comes however late the last one is. */
export const asked = (instants: readonly Micros[], asking: Asking): Source =>
  ({ arrivals: instants.flatMap((at, index) => told(at, asking(at, index))) });

/** What was recorded, again. The instants ascend. */
export function recorded(arrivals: readonly Arrival[]): Source {
  assert(arrivals.every(({ at }, index) => index === 0 || at >= arrivals[index - 1]!.at), 'what was recorded is in the order of time');
  return { arrivals };
}

/** How a closed loop goes round. */
export interface Loop extends Span {
  /** Requests under way at once. */
  readonly inFlight: number;
  /** From the end of a request to the next; drawn by the caller where it should vary. Default: at once. */
  readonly think?: () => Micros;
}

/**
 * `inFlight` requests at `from`, and another for each that ended, however it ended, while `until` is not reached: somebody who waits for an
 * answer before asking again. A request of several ops ends with the last of them. A source is for one run: it remembers what is under way.
 */
export function closedLoop({ from = 0, until, inFlight, think = () => 0 }: Loop, asking: Asking): Source {
  const requests = new Map<OpId, Request>();
  let asks = 0;
  const ask = (at: Micros): readonly Arrival[] => {
    const ops = asking(at, asks);
    asks += 1;
    const request: Request = { unfinished: ops.length };
    for (const { op } of ops) requests.set(op.op, request);
    return told(at, ops);
  };
  return {
    arrivals: from < until ? Array.from({ length: inFlight }, () => ask(from)).flat() : [],
    ended(op, _result, now) {
      const request = requests.get(op);
      if (!request) return [];
      requests.delete(op);
      request.unfinished -= 1;
      if (request.unfinished > 0) return [];
      const at = now + Math.max(0, Math.round(think()));
      return at < until ? ask(at) : [];
    },
  };
}

interface Request {
  unfinished: number;
}

/** All of them at once. What arrives at one instant arrives in the order of the sources. */
export function merged(...sources: readonly Source[]): Source {
  return {
    arrivals: sources.flatMap(({ arrivals }) => arrivals).sort((a, b) => a.at - b.at),
    ended: (op, result, now) => sources.flatMap((source) => source.ended?.(op, result, now) ?? []),
  };
}
