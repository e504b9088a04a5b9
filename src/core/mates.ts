import type { Dependencies } from './dependencies.ts';
import type { GangId } from './op.ts';
import type { OpRecord } from './op-record.ts';

/** Members of gangs that have not started: when one of them ends, so do the others. */
export class Mates {
  readonly #gangs = new Map<GangId, Set<OpRecord>>();

  add(record: OpRecord): void {
    const { gang } = record.op.gang!;
    const members = this.#gangs.get(gang);
    if (members === undefined) this.#gangs.set(gang, new Set([record]));
    else members.add(record);
  }

  remove(record: OpRecord): void {
    const { gang } = record.op.gang!;
    const members = this.#gangs.get(gang);
    if (members?.delete(record) === true && members.size === 0) this.#gangs.delete(gang);
  }

  /** What can never run when the op has no result: its dependents, those of their gangs that have not started, and so on. */
  doomedBy(record: OpRecord, dependencies: Dependencies): readonly OpRecord[] {
    const doomed = new Set<OpRecord>();
    const condemn = (op: OpRecord): void => {
      dependencies.eachDescendant(op, (dependent) => void doomed.add(dependent));
      for (const mate of this.#of(op)) doomed.add(mate);
    };
    condemn(record);
    // A set that grows goes on to what was added.
    if (this.#gangs.size > 0) for (const op of doomed) if (op.op.gang !== undefined) condemn(op);
    return [...doomed].filter((op) => !op.isEnded && op !== record);
  }

  /** None for one that has started, or belongs to no gang. */
  #of({ op: { gang } }: OpRecord): Iterable<OpRecord> {
    return (gang && this.#gangs.get(gang.gang)) ?? [];
  }
}
