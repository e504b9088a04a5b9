import type { Brand } from '../base/brand.ts';
import type { Micros } from '../base/units.ts';

export type OpId = Brand<number, 'op'>;
export type GateId = Brand<number, 'gate'>;
export type LaneId = Brand<number, 'lane'>;
/** Who asks: owns a device, a budget, a share. A name that people read in the timeline. */
export type TenantId = Brand<string, 'tenant'>;

/** The platform's words (Prioritized Task Scheduling), most urgent first. */
export const priorities = ['user-blocking', 'user-visible', 'background'] as const;
export type Priority = (typeof priorities)[number];

/** 0 for the most urgent class. */
export const rankOf = (priority: Priority): number => priorities.indexOf(priority);

/** What the scheduler knows of a model run, a kernel or a call: a descriptor, never the tensors. */
export interface Op {
  readonly op: OpId;
  readonly lane: LaneId;
  readonly tenant: TenantId;
  /** What it is, for people: model and operation. */
  readonly name: string;
  readonly priority: Priority;
  /** When the result is no longer wanted; `Infinity` when it always is. */
  readonly deadlineAt: Micros;
}
