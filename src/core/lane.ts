import type { Micros } from '../base/units.ts';
import type { GateId, LaneId, LaneKind, TenantId } from './op.ts';
import type { OpRecord } from './op-record.ts';

/** On a lane with a gate one op's GPU work may still run while the next one is encoded; more would only age in the gate and hold memory. */
const longestPipeline = 2;

/** Where ops run one after another. */
export class Lane {
  readonly lane: LaneId;
  readonly kind: LaneKind;
  /** Whose ops it takes; `undefined`: everybody's. */
  readonly tenant: TenantId | undefined;
  readonly gate: GateId | undefined;
  /** A few at most. */
  readonly underWay: OpRecord[] = [];
  /** When it is predicted to be done with what it has. */
  #freeAt: Micros = 0;

  constructor(lane: LaneId, kind: LaneKind, tenant: TenantId | undefined, gate: GateId | undefined) {
    this.lane = lane;
    this.kind = kind;
    this.tenant = tenant;
    this.gate = gate;
  }

  /** Whether it can take its next op. */
  get isFree(): boolean {
    if (this.gate === undefined) return this.underWay.length === 0;
    if (this.underWay.length >= longestPipeline) return false;
    for (const record of this.underWay) if (record.state !== 'running') return false;
    return true;
  }

  /** From now until it is done with what it has. What is late is taken to end now. */
  backlogAt(now: Micros): Micros {
    return this.underWay.length === 0 ? 0 : Math.max(0, this.#freeAt - now);
  }

  take(record: OpRecord, cost: Micros, now: Micros): void {
    this.#freeAt = now + this.backlogAt(now) + cost;
    this.underWay.push(record);
  }

  drop(record: OpRecord): void {
    const index = this.underWay.indexOf(record);
    if (index >= 0) this.underWay.splice(index, 1);
  }
}
