import type { Lane } from './lane.ts';
import type { GangId, LaneId } from './op.ts';
import type { OpRecord } from './op-record.ts';
import { canRun } from './pools.ts';

/** A whole gang, with a lane for each member. */
export interface Startable {
  readonly members: readonly OpRecord[];
  readonly lanes: readonly Lane[];
}

/** Ops that start together or not at all: they wait here until the last of them is ready and there are lanes for all. */
export class Gangs {
  readonly #gangs = new Map<GangId, OpRecord[]>();
  /** Kept free for the oldest whole gang. */
  #reserved: readonly Lane[] = [];

  get size(): number {
    return this.#gangs.size;
  }

  add(record: OpRecord): void {
    const { gang } = record.op.gang!;
    const members = this.#gangs.get(gang);
    if (members === undefined) this.#gangs.set(gang, [record]);
    else members.push(record);
  }

  remove(record: OpRecord): void {
    const gang = record.op.gang?.gang;
    const members = gang === undefined ? undefined : this.#gangs.get(gang);
    const index = members?.indexOf(record) ?? -1;
    if (members === undefined || gang === undefined || index < 0) return;
    members.splice(index, 1);
    if (members.length === 0) this.#gangs.delete(gang);
    if (this.#gangs.size === 0) this.#reserved = [];
  }

  has(record: OpRecord): boolean {
    return this.#gangs.get(record.op.gang!.gang)?.includes(record) === true;
  }

  isReserved(lane: Lane): boolean {
    return this.#reserved.includes(lane);
  }

  /**
   * Takes out the gangs that can start now, oldest first; each is to be started before the next is asked for. Those behind one that waits for a lane get none that it could take; one that waits for
   * something else, or for more lanes than there are, is in nobody's way.
   */
  *startable(lanes: ReadonlyMap<LaneId, Lane>, isAllowed: (members: readonly OpRecord[]) => boolean): Iterable<Startable> {
    const all = [...lanes.values()];
    let free = all.filter((lane) => lane.isFree);
    this.#reserved = [];
    for (const [gang, members] of this.#gangs) {
      if (members.length < members[0]!.op.gang!.size) continue;
      const found = match(members, free);
      if (found.size < members.length) {
        if (this.#reserved.length > 0 || match(members, all).size < members.length) continue;
        this.#reserved = [...found.values()];
      } else {
        if (!isAllowed(members)) continue;
        this.#gangs.delete(gang);
        yield { members, lanes: members.map((record) => found.get(record)!) };
      }
      const taken = new Set(found.values());
      free = free.filter((lane) => !taken.has(lane));
    }
  }
}

/** A free lane for as many members as can have one (Kuhn, "The Hungarian method for the assignment problem", 1955: augmenting paths). */
function match(members: readonly OpRecord[], free: readonly Lane[]): ReadonlyMap<OpRecord, Lane> {
  const owners = new Map<Lane, OpRecord>();
  const seat = (record: OpRecord, seen: Set<Lane>): boolean => {
    const choices = free.filter((lane) => !seen.has(lane) && canRun(lane, record));
    for (const lane of choices) seen.add(lane);
    const lane = choices.find((choice) => !owners.has(choice)) ?? choices.find((choice) => seat(owners.get(choice)!, seen));
    if (lane !== undefined) owners.set(lane, record);
    return lane !== undefined;
  };
  for (const record of members) seat(record, new Set());
  return new Map(Array.from(owners, ([lane, record]) => [record, lane]));
}
