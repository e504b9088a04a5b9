import { hold } from './breach.ts';
import { isFree } from './op-rules.ts';
import type { Picture, SeenLane, SeenOp } from './picture.ts';

/**
 * Work-conserving: after each step, no lane is idle while an op waits that could run there. Excepted is what somebody may have reason to hold
 * back, as far as that is seen from outside, and generously: a rule that cries wolf is turned off.
 */
export function idleRule(picture: Picture): void {
  const idle = [...picture.lanes.values()].filter((lane) => (lane.gate === undefined ? isFree(lane) : lane.underWay.size === 0));
  if (idle.length === 0) return;
  for (const seen of picture.unfinished) {
    if (!picture.isReady(seen) || isHeldBack(picture, seen)) continue;
    for (const lane of idle) {
      if (!picture.isEligible(seen, lane) || isBetterElsewhere(picture, seen, lane) || isKeptForUrgent(picture, seen, lane)) continue;
      hold(false, 'idle-lane', () => `is ready, and lane ${lane.lane} is idle`, seen.op.op);
    }
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
function isKeptForUrgent(picture: Picture, seen: SeenOp, { gate }: SeenLane): boolean {
  if (gate === undefined) return false;
  for (const other of picture.unfinished) if (!other.isEncoded && picture.rankOf(other) < picture.rankOf(seen)) return true;
  return false;
}
