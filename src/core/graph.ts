import type { Micros } from '../base/units.ts';
import { type GraphId, leastUrgent, type OpId, type TenantId, type Urgency } from './op.ts';
import type { OpRecord } from './op-record.ts';

/** Ops that belong together: built whole or grown while they run, paused, resumed, cancelled and forgotten as one. */
export class Graph {
  readonly graph: GraphId;
  readonly tenant: TenantId;
  readonly openedAt: Micros;
  /** All of them, the ended ones too: until the graph is closed a later op may depend on them. */
  readonly ops = new Map<OpId, OpRecord>();
  /** How many of `ops` have not ended. */
  unfinished = 0;
  /** Nothing will be added, so it is forgotten when all of it has ended. */
  isSealed = false;
  isPaused = false;
  /** The most urgent op that waits for what this graph holds. */
  boost: Urgency = leastUrgent;

  constructor(graph: GraphId, tenant: TenantId, openedAt: Micros) {
    this.graph = graph;
    this.tenant = tenant;
    this.openedAt = openedAt;
  }
}
