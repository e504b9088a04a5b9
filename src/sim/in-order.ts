import type { Micros } from '../base/units.ts';
import type { Command, SchedulerEvent } from '../core/event.ts';
import type { LaneId, LaneKind, Op, OpId, TenantId } from '../core/op.ts';
import { priorityOf, urgencyOf } from '../core/op.ts';
import type { Core } from './world.ts';

interface Lane {
  readonly lane: LaneId;
  readonly kind: LaneKind;
  readonly tenant: TenantId | undefined;
  /** In order of submission; the first is under way or waits for what it depends on. */
  readonly queue: Op[];
  isBusy: boolean;
}

/**
 * What there is without a scheduler, as something to be measured against: a queue for each lane, served in order of submission, as command queues
 * and worker pools are. An op joins the shortest queue of those that can run it, and waits at the head for what it depends on. Gates let
 * everything through. No faults, priorities, deadlines or resources.
 */
export class InOrder implements Core {
  readonly #lanes = new Map<LaneId, Lane>();
  readonly #laneOf = new Map<OpId, Lane>();
  readonly #ended = new Set<OpId>();

  step(event: SchedulerEvent, _now: Micros): readonly Command[] {
    switch (event.kind) {
      case 'gate-opened': return [{ kind: 'credit', gate: event.gate, credit: Infinity, pace: Infinity, quantum: Infinity }];
      case 'lane-opened':
        this.#lanes.set(event.lane, { lane: event.lane, kind: event.laneKind, tenant: event.tenant, queue: [], isBusy: false });
        return [];
      case 'op-submitted': this.#join(event.op); break;
      case 'ops-submitted': for (const op of event.ops) this.#join(op); break;
      case 'op-finished': this.#end(event.op); break;
      default: return [];
    }
    return [...this.#lanes.values()].flatMap((lane) => this.#start(lane));
  }

  report(): ReturnType<Core['report']> {
    return { unfinished: this.#laneOf.size, inFlight: 0 };
  }

  check(): void {
    // It claims nothing that could be wrong.
  }

  #join(op: Op): void {
    const able = [...this.#lanes.values()].filter(({ lane, kind, tenant }) =>
      (tenant === undefined || tenant === op.tenant) && (op.lane === undefined ? op.costs?.[kind] !== undefined : op.lane === lane));
    const own = able.filter(({ tenant }) => tenant !== undefined);
    const [first, ...others] = own.length > 0 ? own : able;
    if (first === undefined) throw new Error(`no lane can run op ${op.op}`);
    const lane = others.reduce((least, other) => (other.queue.length < least.queue.length ? other : least), first);
    lane.queue.push(op);
    this.#laneOf.set(op.op, lane);
  }

  #end(op: OpId): void {
    const lane = this.#laneOf.get(op);
    if (lane === undefined) return;
    this.#laneOf.delete(op);
    this.#ended.add(op);
    lane.queue.shift();
    lane.isBusy = false;
  }

  #start(lane: Lane): readonly Command[] {
    const [op] = lane.queue;
    if (op === undefined || lane.isBusy || op.dependencies?.every((dependency) => this.#ended.has(dependency.op)) === false) return [];
    lane.isBusy = true;
    const why = { policy: 'in-order', because: 'order', key: 0, waited: 0, cost: 0, latency: 0 } as const;
    return [{ kind: 'start', lane: lane.lane, op: op.op, priority: priorityOf(urgencyOf(op.priority)), attempt: 1, why }];
  }
}
