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
    this.#gangs.set(gang, [...(this.#gangs.get(gang) ?? []), record]);
  }

  remove(record: OpRecord): void {
    const gang = record.op.gang?.gang;
    const members = gang === undefined ? undefined : this.#gangs.get(gang);
    if (members === undefined || gang === undefined) return;
    const others = members.filter((member) => member !== record);
    if (others.length > 0) this.#gangs.set(gang, others);
    else this.#gangs.delete(gang);
  }

  /** Members of the same gang that wait. */
  matesOf(record: OpRecord): readonly OpRecord[] {
    const gang = record.op.gang?.gang;
    return gang === undefined ? [] : (this.#gangs.get(gang) ?? []).filter((member) => member !== record);
  }

  isReserved(lane: Lane): boolean {
    return this.#reserved.includes(lane);
  }

  /** Takes out the gangs that can start now, oldest first. Those behind one that must wait get no lane it waits for. */
  startable(lanes: ReadonlyMap<LaneId, Lane>, isAllowed: (members: readonly OpRecord[]) => boolean): Startable[] {
    const startable: Startable[] = [];
    const taken = new Set<Lane>();
    this.#reserved = [];
    for (const [gang, members] of this.#gangs) {
      if (members.length < members[0]!.op.gang!.size) continue;
      const found = match(members, [...lanes.values()].filter((lane) => lane.isFree && !taken.has(lane)));
      if (found.length === members.length && isAllowed(members)) {
        this.#gangs.delete(gang);
        startable.push({ members, lanes: found });
      } else {
        if (this.#reserved.length === 0) this.#reserved = found;
      }
      for (const lane of found) taken.add(lane);
    }
    return startable;
  }
}

/** A free lane for each member, as far as there are: those with the least choice first. */
function match(members: readonly OpRecord[], free: readonly Lane[]): Lane[] {
  const left = new Set(free);
  const choices = (record: OpRecord): Lane[] => free.filter((lane) => canRun(lane, record));
  const found = new Map<OpRecord, Lane>();
  for (const record of members.toSorted((a, b) => choices(a).length - choices(b).length)) {
    const lane = choices(record).find((choice) => left.has(choice));
    if (lane === undefined) continue;
    left.delete(lane);
    found.set(record, lane);
  }
  return members.flatMap((record) => found.get(record) ?? []);
}
