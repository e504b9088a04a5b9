import type { Micros } from '../base/units.ts';
import type { Command } from '../core/event.ts';
import { hold } from './breach.ts';
import type { Picture, SeenLane, SeenOp } from './picture.ts';

/** So many ops may be under way on a lane with a gate: one on the GPU, and one that is encoded behind it. */
const longestPipeline = 2;

/** What must be true of one op when it starts; then it is under way. */
export function start(picture: Picture, { op, lane: on, attempt }: Extract<Command, { readonly kind: 'start' }>, now: Micros): SeenOp {
  const seen = picture.ops.get(op);
  hold(seen !== undefined, 'starts-unknown', () => 'nobody submitted it', op);
  const lane = picture.lanes.get(on);
  hold(seen.place !== 'over' && !seen.isGivenUp, 'starts-ended', () => (seen.isDone ? 'it is done' : 'it was given up'), op);
  hold(seen.place === 'pending', 'starts-twice', () => `it is under way on lane ${seen.lane}`, op);
  hold(attempt === seen.attempt + 1, 'starts-twice', () => `attempt ${attempt} comes after attempt ${seen.attempt}`, op);
  hold(attempt <= (seen.op.retries ?? 0) + 1, 'starts-too-often', () => `attempt ${attempt} with ${seen.op.retries ?? 0} retries`, op);
  for (const dependency of seen.dependencies) {
    hold(picture.ops.get(dependency)?.isDone === true, 'starts-early', () => `op ${dependency} is not done`, op);
  }
  hold(seen.op.graph === undefined || !picture.graphs.get(seen.op.graph)?.isPaused, 'starts-paused', () => `graph ${seen.op.graph} is paused`, op);
  hold(lane !== undefined, 'wrong-lane', () => `lane ${on} is not open`, op);
  hold(picture.isEligible(seen, lane), 'wrong-lane', () => `lane ${on} (${lane.laneKind}, ${lane.tenant ?? 'of anybody'}) is not for it`, op);
  hold(isFree(lane), 'occupied-lane', () => `lane ${on} has op ${[...lane.underWay].map((other) => other.op.op).join(' and ')}`, op);
  for (const { resource } of picture.start(seen, lane, attempt, now)) {
    const capacity = picture.capacities.get(resource) ?? Infinity;
    hold(picture.usedOf(resource) <= capacity, 'over-capacity', () => `takes ${resource} to ${picture.usedOf(resource)} of ${capacity}`, op);
  }
  const slots = picture.slots.get(seen.op.tenant) ?? Infinity;
  hold(picture.underWayOf(seen.op.tenant) <= slots, 'over-slots', () => `makes ${picture.underWayOf(seen.op.tenant)} in ${slots} slots`, op);
  return seen;
}

/** It can take another op. */
export function isFree({ gate, underWay }: SeenLane): boolean {
  if (gate === undefined) return underWay.size === 0;
  if (underWay.size >= longestPipeline) return false;
  for (const { isEncoded } of underWay) if (!isEncoded) return false;
  return true;
}

export function settle(picture: Picture, { op }: Extract<Command, { readonly kind: 'settle' }>): void {
  const seen = picture.ops.get(op);
  hold(seen !== undefined, 'settles-unknown', () => 'nobody submitted it', op);
  hold(!seen.isDone, 'settles-twice', () => 'it is done', op);
  hold(!seen.isGivenUp, 'settles-twice', () => 'it was settled or cancelled before', op);
  picture.giveUp(seen);
}

export function abort(picture: Picture, { op, lane }: Extract<Command, { readonly kind: 'abort' }>): void {
  const seen = picture.ops.get(op);
  hold(seen?.place === 'under-way' && seen.lane === lane, 'aborts-nothing', () => `it is not under way on lane ${lane}`, op);
}

/** Members that start start together; one that is tried again has started before. */
export function gangs(picture: Picture, started: readonly SeenOp[]): void {
  for (const { op } of started) {
    if (op.gang === undefined) continue;
    const members = picture.gangs.get(op.gang.gang)!;
    hold(members.size === op.gang.size, 'split-gang', () => `gang ${op.gang!.gang} has ${members.size} of ${op.gang!.size}`, op.op);
    for (const member of members) {
      hold(member.attempt > 0 || member.isDone, 'split-gang', () => `op ${member.op.op} of gang ${op.gang!.gang} did not start`, op.op);
    }
  }
}

/** Of all that are unfinished, after every step. */
export function standing(picture: Picture): void {
  for (const { op, dependencies, place } of picture.unfinished) {
    if (place !== 'pending') continue;
    for (const dependency of dependencies) {
      const on = picture.ops.get(dependency);
      hold(on !== undefined && (on.isDone || !on.isGivenUp), 'strands', () => `op ${dependency} will never be done`, op.op);
    }
  }
}

/** The same, but for a while after the machine slept. */
export function timely(picture: Picture, now: Micros, started: readonly SeenOp[]): void {
  for (const { op, deadlineAt } of started) hold(now < deadlineAt, 'starts-late', () => `its deadline was ${deadlineAt}, and now is ${now}`, op.op);
  for (const { op, deadlineAt, place, startedAt, isGivenUp } of picture.unfinished) {
    if (isGivenUp) continue;
    hold(now < deadlineAt, 'overdue', () => `its deadline was ${deadlineAt}, and now is ${now}`, op.op);
    hold(place === 'pending' || now < startedAt + (op.timeout ?? Infinity), 'overruns', () => `it started at ${startedAt}, and now is ${now}`, op.op);
  }
}
