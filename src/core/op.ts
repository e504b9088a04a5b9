import type { Brand } from '../base/brand.ts';
import type { Micros } from '../base/units.ts';

export type OpId = Brand<number, 'op'>;
export type GraphId = Brand<number, 'graph'>;
export type GangId = Brand<number, 'gang'>;
export type GateId = Brand<number, 'gate'>;
export type LaneId = Brand<number, 'lane'>;
/** Who asks: owns a device, a budget, a share. A name that people read in the timeline. */
export type TenantId = Brand<string, 'tenant'>;
/** Something of which there is only so much: GPU bytes, slots, a buffer that one op at a time may write. */
export type ResourceId = Brand<string, 'resource'>;

/** Where ops run one after another. */
export const laneKinds = ['gpu', 'cpu', 'remote'] as const;
export type LaneKind = (typeof laneKinds)[number];

/** The platform's words (Prioritized Task Scheduling), most urgent first: the classes. */
export const priorities = ['user-blocking', 'user-visible', 'background'] as const;
export type Priority = (typeof priorities)[number];

/** Five words that servers use, most urgent first. They are ranks inside the classes. */
export const levels = ['critical', 'high', 'normal', 'low', 'background'] as const;
export type Level = (typeof levels)[number];

/** 0 for the most urgent level, 4 for the least. */
export type Urgency = number;
export const leastUrgent: Urgency = levels.length - 1;

const urgencies: Readonly<Record<Priority | Level, Urgency>> = {
  critical: 0, high: 1, normal: 2, low: 3, background: 4, 'user-blocking': 0, 'user-visible': 2,
};
const classes: readonly Priority[] = ['user-blocking', 'user-blocking', 'user-visible', 'background', 'background'];

export const urgencyOf = (word: Priority | Level): Urgency => urgencies[word];
/** The class of an urgency: what gates, lanes and the page speak of. */
export const priorityOf = (urgency: Urgency): Priority => classes[urgency]!;
/** 0 for the most urgent class, 2 for the least. */
export const rankOf = (priority: Priority): number => priorities.indexOf(priority);
export const classRankOf = (urgency: Urgency): number => rankOf(priorityOf(urgency));

/** What one op costs on one kind of lane: `base + perItem × items`. A line, because that is what batches measure as. */
export interface CostEstimate {
  readonly base: Micros;
  readonly perItem: Micros;
}

export interface Dependency {
  readonly op: OpId;
  /** What it hands over; moving it to another lane takes time. 0 when nothing but the order matters. */
  readonly bytes: number;
}

/** So much of a resource, taken when the op starts. */
export interface Need {
  readonly resource: ResourceId;
  readonly amount: number;
  /** How long it is kept: until the op ends, or until its graph does (an activation that a later op reads). */
  readonly until: 'op-ends' | 'graph-ends';
}

/** Ops that start together or not at all. */
export interface Gang {
  readonly gang: GangId;
  readonly size: number;
}

/** What the scheduler knows of a model run, a kernel, a call or a submission: a descriptor, never the tensors. */
export interface Op {
  readonly op: OpId;
  readonly tenant: TenantId;
  /** What it is, for people: model and operation. Ops of one tenant and name cost alike. */
  readonly name: string;
  readonly priority: Priority | Level;
  /** When the result is no longer wanted; `Infinity` when it always is. */
  readonly deadlineAt: Micros;
  /** The lane it must run on, because its model is there; otherwise any lane that its costs name. */
  readonly lane?: LaneId;
  /** The lane it would rather run on, because its tensors are there. Another one must be faster by what moving them costs. */
  readonly prefers?: LaneId;
  /** What it costs per kind of lane. A kind that is not named cannot run it. Empty: unknown, and only `lane` can. */
  readonly costs?: Readonly<Partial<Record<LaneKind, CostEstimate>>>;
  /** Tokens, pictures, rows. Default: 1. */
  readonly items?: number;
  /** It is refused when its estimate is above this. */
  readonly costBudget?: Micros;
  readonly graph?: GraphId;
  readonly dependencies?: readonly Dependency[];
  readonly needs?: readonly Need[];
  readonly gang?: Gang;
  /** `false`: once begun, nothing overtakes its slices but what went on its way before the news of that. Default: true. */
  readonly preemptible?: boolean;
  /** Longest time from start to end; then it fails with `timeout`, and the lane is told to drop it. */
  readonly timeout?: Micros;
  /** How often it is started again after a failure that may pass. Default: 0. */
  readonly retries?: number;
}

/** Why an op ended without a result, or was never taken. Plain data; `because` names the op whose failure it was, when it was another's. */
export type OpFailure =
  | { readonly code: 'failed'; readonly detail: string }
  | { readonly code: 'dependency-failed'; readonly because: OpId; readonly cause: OpFailure }
  | { readonly code: 'cancelled' }
  | { readonly code: 'deadline-passed' }
  | { readonly code: 'timeout' }
  | { readonly code: 'lane-closed' }
  | { readonly code: 'over-cost-budget'; readonly estimate: Micros }
  /** It needs more of a resource than there is. */
  | { readonly code: 'over-capacity'; readonly resource: ResourceId; readonly amount: number }
  | { readonly code: 'unknown-dependency'; readonly op: OpId }
  /** The path from the op back to itself, both ends named. */
  | { readonly code: 'cycle'; readonly path: readonly OpId[] }
  /** The graphs and ops that would wait for each other for ever. */
  | { readonly code: 'deadlock'; readonly path: readonly OpId[] }
  /** A number that is not one, an id told twice, a graph that was closed. */
  | { readonly code: 'invalid'; readonly detail: string };
