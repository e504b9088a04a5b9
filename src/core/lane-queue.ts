import { Heap } from '../base/heap.ts';
import type { GateId, LaneId, Op, OpId, TenantId } from './op.ts';

/**
 * `waiting` in its lane's queue · `encoding` in the lane · `encoded`: all of it waits in the gate or runs on the GPU.
 * An op that was cancelled or expired while it ran keeps its place until the lane says it ended.
 */
export type OpState = 'waiting' | 'encoding' | 'encoded';

export interface OpRecord {
  readonly op: Op;
  readonly key: number;
  readonly rank: number;
  state: OpState;
}

/** One op's GPU work may still run while the next one is encoded; more would only age in the gate and hold memory. */
const longestPipeline = 2;

/** A lane runs one op at a time through its encoder; the rest wait here in policy order. */
export class LaneQueue {
  readonly lane: LaneId;
  readonly tenant: TenantId;
  readonly gate: GateId;
  readonly waiting = new Heap<OpRecord>();
  readonly running = new Map<OpId, OpRecord>();

  constructor(lane: LaneId, tenant: TenantId, gate: GateId) {
    this.lane = lane;
    this.tenant = tenant;
    this.gate = gate;
  }

  get isFree(): boolean {
    if (this.running.size >= longestPipeline) return false;
    for (const record of this.running.values()) if (record.state === 'encoding') return false;
    return true;
  }
}
