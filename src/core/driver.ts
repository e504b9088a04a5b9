import type { Micros } from '../base/units.ts';
import type { Command, SchedulerEvent, Tuning } from './event.ts';
import type { GangId, GateId, GraphId, LaneId, LaneKind, Level, Op, OpFailure, OpId, Priority, ResourceId, TenantId } from './op.ts';
import { OpRecord } from './op-record.ts';
import { Scheduler } from './scheduler.ts';
import { Shares } from './shares.ts';

/** An op in the words of a test. What is not said is usual: tenant `x`, `user-visible`, 1 ms on a lane of the CPU. */
export interface Asked {
  readonly tenant?: string;
  readonly priority?: Priority | Level;
  readonly deadlineAt?: Micros;
  readonly lane?: number;
  readonly prefers?: number;
  readonly cost?: Micros;
  readonly kinds?: readonly LaneKind[];
  readonly graph?: number;
  readonly after?: readonly number[];
  /** What of which resource, until the op ends. */
  readonly needs?: Readonly<Record<string, number>>;
  /** The same, until its graph ends. */
  readonly keeps?: Readonly<Record<string, number>>;
  readonly gang?: readonly [gang: number, size: number];
  readonly more?: Partial<Op>;
}

export function opOf(id: number, asked: Asked = {}): Op {
  const { tenant = 'x', priority = 'user-visible', deadlineAt = Infinity, lane, prefers, cost = 1000, kinds = ['cpu'], graph, after, needs, keeps, gang, more } = asked;
  const estimate = { base: cost, perItem: 0 };
  const wanted = [
    ...Object.entries(needs ?? {}).map(([resource, amount]) => ({ resource: resource as ResourceId, amount, until: 'op-ends' as const })),
    ...Object.entries(keeps ?? {}).map(([resource, amount]) => ({ resource: resource as ResourceId, amount, until: 'graph-ends' as const })),
  ];
  return {
    op: id as OpId, tenant: tenant as TenantId, name: `op ${id}`, priority, deadlineAt,
    costs: Object.fromEntries(kinds.map((kind) => [kind, estimate])),
    ...(lane === undefined ? {} : { lane: lane as LaneId }),
    ...(prefers === undefined ? {} : { prefers: prefers as LaneId }),
    ...(graph === undefined ? {} : { graph: graph as GraphId }),
    ...(after === undefined ? {} : { dependencies: after.map((before) => ({ op: before as OpId, bytes: 0 })) }),
    ...(wanted.length === 0 ? {} : { needs: wanted }),
    ...(gang === undefined ? {} : { gang: { gang: gang[0] as GangId, size: gang[1] } }),
    ...more,
  };
}

/** A record of it that nobody knows, ready since `readyAt`. They arrived in the order of their ids. */
export function recordOf(id: number, asked: Asked = {}, { shares = new Shares(), readyAt = 0 } = {}): OpRecord {
  const op = opOf(id, asked);
  const record = new OpRecord(op, id, undefined, shares.of(op.tenant));
  record.readyAt = readyAt;
  return record;
}

/** A scheduler at the controls of a test: events in, commands out, the clock in hand, everything re-derived after each step. */
export class Driver {
  readonly scheduler: Scheduler;
  now: Micros = 0;
  /** All that was commanded. */
  readonly told: Command[] = [];

  constructor(tuning: Partial<Tuning> = {}) {
    this.scheduler = new Scheduler(tuning);
  }

  tell(event: SchedulerEvent): readonly Command[] {
    const commands = this.scheduler.step(event, this.now);
    this.scheduler.check();
    this.told.push(...commands);
    return commands;
  }

  /** At once, in any order of dependencies. */
  submit(...ops: readonly Op[]): readonly Command[] {
    return this.tell(ops.length === 1 ? { kind: 'op-submitted', op: ops[0]! } : { kind: 'ops-submitted', ops });
  }

  lane(lane: number, laneKind: LaneKind = 'cpu', tenant?: string, gate?: number): readonly Command[] {
    return this.tell({
      kind: 'lane-opened', lane: lane as LaneId, laneKind,
      ...(tenant === undefined ? {} : { tenant: tenant as TenantId }), ...(gate === undefined ? {} : { gate: gate as GateId }),
    });
  }

  /** A gate and the lane behind it, of one number. */
  gated(number: number, tenant: string, priority: Priority = 'background'): readonly Command[] {
    return [...this.tell({ kind: 'gate-opened', gate: number as GateId, tenant: tenant as TenantId, priority }), ...this.lane(number, 'gpu', tenant, number)];
  }

  finish(id: number, cost?: Micros): readonly Command[] {
    return this.tell({ kind: 'op-finished', op: id as OpId, ...(cost === undefined ? {} : { cost }) });
  }

  fail(id: number, mayPass = false): readonly Command[] {
    return this.tell({ kind: 'op-failed', op: id as OpId, detail: 'no luck', mayPass });
  }

  cancel(id: number): readonly Command[] {
    return this.tell({ kind: 'op-cancelled', op: id as OpId });
  }

  depend(id: number, on: number): readonly Command[] {
    return this.tell({ kind: 'dependency-added', op: id as OpId, dependency: { op: on as OpId, bytes: 0 } });
  }

  tune(tuning: Partial<Tuning>): readonly Command[] {
    return this.tell({ kind: 'tuned', tuning });
  }
}

/** Ops that were started, in order. */
export const startsIn = (commands: readonly Command[]): number[] => commands.flatMap((command) => (command.kind === 'start' ? [command.op as number] : []));

/** Ops that were settled, in order, and why. */
export const settledIn = (commands: readonly Command[]): (readonly [op: number, failure: OpFailure])[] =>
  commands.flatMap((command) => (command.kind === 'settle' ? [[command.op as number, command.failure] as const] : []));
