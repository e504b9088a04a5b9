import type { Micros } from '../base/units.ts';
import type { Lane } from './lane.ts';
import type { OpRecord } from './op-record.ts';

/** How fast tensors move between lanes that share no memory: read back, transferred, uploaded. */
const bytesPerMicro = 1_000;

/** From now until the op would end on this lane: what is before it, moving its inputs there, and its cost. */
export function timeTo(record: OpRecord, lane: Lane, now: Micros): Micros {
  const cost = record.costOn(lane.kind) ?? record.cost;
  const bytes = record.dependencies.length > 0 || record.inputs !== undefined ? bytesElsewhere(record, lane) : 0;
  return lane.backlogAt(now) + bytes / bytesPerMicro + cost;
}

function bytesElsewhere(record: OpRecord, lane: Lane): number {
  let bytes = 0;
  for (const edge of record.dependencies) if (edge.before.lane !== lane.lane) bytes += edge.bytes;
  if (record.inputs !== undefined) for (const [at, count] of record.inputs) if (at !== lane.lane) bytes += count;
  return bytes;
}

/**
 * The free lane where the op ends soonest; `undefined` when it would end sooner by waiting for one that is busy. Ties go to the lane the op
 * prefers, then to the first. HEFT's earliest finish time (Topcuoglu et al. 2002), without insertion.
 */
export function place(record: OpRecord, lanes: readonly Lane[], isFree: (lane: Lane) => boolean, now: Micros): Lane | undefined {
  let best: Lane | undefined;
  let least: Micros = Infinity;
  let leastBusy: Micros = Infinity;
  for (const lane of lanes) {
    const time = timeTo(record, lane, now);
    if (!isFree(lane)) leastBusy = Math.min(leastBusy, time);
    else if (time < least || (time === least && lane.lane === record.op.prefers)) {
      best = lane;
      least = time;
    }
  }
  return leastBusy < least ? undefined : best;
}
