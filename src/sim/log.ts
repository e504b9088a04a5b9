import type { Micros } from '../base/units.ts';
import type { Command, SchedulerEvent } from '../core/event.ts';
import type { GateId, LaneId, LaneKind, Op, OpFailure, OpId, TenantId } from '../core/op.ts';
import type { GpuRun } from './gpu.ts';
import type { PlayedOp } from './workload.ts';

/** One call of the scheduler. */
export interface Step {
  readonly at: Micros;
  /** What the scheduler was told the time is: not `at` when the clock jumped. */
  readonly now: Micros;
  readonly event: SchedulerEvent;
  readonly commands: readonly Command[];
}

/** One attempt of an op, as its lane had it. */
export interface Run {
  readonly op: OpId;
  readonly attempt: number;
  readonly lane: LaneId;
  readonly startAt: Micros;
  /** On a lane with a gate: when its slices were in the gate, and the lane free for the next. */
  encodedAt?: Micros;
  /** On a lane without one: when it will end by itself, if it ever does. */
  dueAt?: Micros;
  endAt?: Micros;
  /** What the op itself took, as far as it came: on its lane, and on the GPU. */
  service: Micros;
  result?: 'done' | 'failed' | 'aborted' | 'lost';
}

/** One op from its first word to its last. */
export interface Life {
  /** As the scheduler was told. */
  readonly op: Op;
  readonly played: PlayedOp;
  readonly submittedAt: Micros;
  /** When all it depends on was done, as far as the scheduler knew; `undefined` when that never was. */
  readyAt?: Micros;
  readonly runs: Run[];
  end?: 'done' | 'failed' | 'cancelled';
  /** When the scheduler knew, or said so. */
  endAt?: Micros;
  failure?: OpFailure;
}

export interface LaneLife {
  readonly lane: LaneId;
  readonly laneKind: LaneKind;
  readonly tenant: TenantId | undefined;
  readonly gate: GateId | undefined;
  readonly openedAt: Micros;
  closedAt?: Micros;
  /** In the order they started. */
  readonly runs: Run[];
}

/** What happened in one false world. */
export interface Log {
  readonly workload: string;
  readonly seed: number;
  /** All of them, or the last that were kept. */
  readonly steps: readonly Step[];
  readonly lives: ReadonlyMap<OpId, Life>;
  readonly lanes: readonly LaneLife[];
  /** What ran on the GPU that all gates share, in order. */
  readonly gpu: readonly GpuRun[];
  /** What went wrong on purpose. */
  readonly faults: readonly { readonly at: Micros; readonly fault: string }[];
  readonly endAt: Micros;
  /** `time-limit`: something was still under way or expected. */
  readonly ended: 'quiet' | 'time-limit' | 'stalled';
}

/** cyrb53 of a text. */
function hashText(text: string, before: readonly [number, number]): [number, number] {
  let [high, low] = before;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    high = Math.imul(high ^ code, 2654435761);
    low = Math.imul(low ^ code, 1597334677);
  }
  return [high, low];
}

/** The same for the same steps, and hardly ever for others. */
export function hashOf({ steps, gpu }: Pick<Log, 'steps' | 'gpu'>): string {
  let hash: [number, number] = [0xdeadbeef, 0x41c6ce57];
  for (const step of steps) hash = hashText(JSON.stringify(step, (_, value: unknown) => (value === Infinity ? 'Infinity' : value)), hash);
  for (const run of gpu) hash = hashText(`${run.gate} ${run.op} ${run.startAt} ${run.endAt}`, hash);
  return hash.map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
}

const plain = (value: unknown): string =>
  value !== null && typeof value === 'object'
    ? Array.isArray(value) ? `[${value.map(plain).join(' ')}]` : `{${pairs(value as object)}}`
    : String(value);
const pairs = (value: object): string =>
  Object.entries(value).filter(([name]) => name !== 'kind').map(([name, inner]) => `${name}=${plain(inner)}`).join(' ');

/** Each step in lines that people read: the event, and below it what was commanded. */
export function linesOf(steps: readonly Step[]): readonly string[] {
  return steps.flatMap(({ at, now, event, commands }) => [
    `${at}${now === at ? '' : ` (told ${now})`} ${event.kind} ${pairs(event)}`,
    ...commands.map((command) => `    → ${command.kind} ${pairs(command)}`),
  ]);
}
