import { hold } from './breach.ts';
import { isFree } from './op-rules.ts';
import type { Picture, SeenLane, SeenOp } from './picture.ts';

/** So many that wait for a better lane may be in the way of others. */
const lookPast = 8;

/**
 * Work-conserving: after each step, no lane is idle while an op waits that could run there. Excepted is what somebody may have reason to hold
 * back, as far as that is seen from outside, and generously: a rule that cries wolf is turned off.
 */
export function idleRule(picture: Picture): void {
  const idle = [...picture.lanes.values()].filter((lane) => (lane.gate === undefined ? isFree(lane) : lane.underWay.size === 0));
  if (idle.length === 0) return;
  const ready = [...picture.unfinished].filter((seen) => picture.isReady(seen));
  if (ready.length === 0) return;
  const ranks = picture.inherited();
  for (const lane of idle) {
    const able = ready.filter((seen) => picture.isEligible(seen, lane));
    const choosy = able.filter((seen) => isBetterElsewhere(picture, seen, lane));
    if (choosy.length >= lookPast) continue;
    const left = able.find((seen) => !choosy.includes(seen) && !isHeldBack(picture, seen) && !isKeptForUrgent(ranks, seen, lane));
    hold(left === undefined, 'idle-lane', () => `it is ready, and lane ${lane.lane} is idle`, left?.op.op);
  }
}

/** A gang waits for its members, and lanes for a gang; a resource may be kept for whoever needs more of it. */
function isHeldBack(picture: Picture, { op }: SeenOp): boolean {
  if (op.gang !== undefined || picture.underWayOf(op.tenant) >= (picture.slots.get(op.tenant) ?? Infinity)) return true;
  for (const other of picture.unfinished) {
    if (other.op.op === op.op || other.place !== 'pending') continue;
    if (other.op.gang !== undefined) return true;
    if (other.op.needs?.some(({ resource }) => op.needs?.some((need) => need.resource === resource))) return true;
  }
  return op.needs?.some(({ resource, amount }) => picture.usedOf(resource) + amount > (picture.capacities.get(resource) ?? Infinity)) ?? false;
}

/** Where it costs less, or where its tensors may be. */
function isBetterElsewhere(picture: Picture, seen: SeenOp, here: SeenLane): boolean {
  const cost = picture.costOn(seen, here.laneKind) ?? Infinity;
  const hasInputs = seen.op.prefers !== undefined || seen.op.dependencies?.some(({ bytes }) => bytes > 0);
  for (const lane of picture.lanes.values()) {
    if (lane === here || !picture.isEligible(seen, lane)) continue;
    if (hasInputs || (picture.costOn(seen, lane.laneKind) ?? Infinity) < cost) return true;
  }
  return false;
}

/** The GPU is left to what is more urgent until all of that has reached it. */
function isKeptForUrgent(ranks: ReadonlyMap<SeenOp, number>, seen: SeenOp, { gate }: SeenLane): boolean {
  if (gate === undefined) return false;
  for (const [other, rank] of ranks) if (!other.isEncoded && rank < ranks.get(seen)!) return true;
  return false;
}
