import { parseArgs } from 'node:util';
import { policyNames } from '../../src/core/policies.ts';
import { calm, drawFaults } from '../../src/sim/faults.ts';
import { gantt } from '../../src/sim/gantt.ts';
import { type Summary, summaryOf } from '../../src/sim/summary.ts';
import type { Log } from '../../src/sim/log.ts';
import type { Workload } from '../../src/sim/workload.ts';
import { workloads } from '../../src/sim/workloads.ts';
import { play } from '../../src/sim/world.ts';
import { UsageError } from '../bench/contract.ts';
import { grid } from '../bench/table.ts';

const options = {
  seed: { type: 'string', default: '1' },
  policy: { type: 'string' },
  workload: { type: 'string', default: 'mixed' },
  lanes: { type: 'string', default: '4' },
  for: { type: 'string', default: '500' },
  faults: { type: 'boolean', default: false },
} as const;

/** What the command line asks for. */
interface Wish {
  readonly seed: number;
  readonly policy: string | undefined;
  readonly workload: string;
  readonly lanes: number;
  readonly millis: number;
  readonly faults: boolean;
}

function oneOf(name: string, word: string, known: readonly string[]): string {
  if (!known.includes(word)) throw new UsageError(`--${name} is one of ${known.join(', ')}, not ${word || 'nothing'}.`);
  return word;
}

function numberIn(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most) {
    throw new UsageError(`--${name} is a whole number from ${least} to ${most}, not ${text || 'nothing'}.`);
  }
  return value;
}

/** @throws UsageError, one sentence */
function wishOf(words: readonly string[]): Wish {
  const values = (() => {
    try {
      return parseArgs({ args: [...words], options }).values;
    } catch (error) {
      // Node goes on about what else could have been meant.
      throw new UsageError(`${String((error as Error).message).split(/\. |\n/)[0]!.replace(/\.$/, '')}.`);
    }
  })();
  return {
    seed: numberIn('seed', values.seed, 0, 2 ** 31 - 1),
    policy: values.policy === undefined ? undefined : oneOf('policy', values.policy, policyNames),
    workload: oneOf('workload', values.workload, Object.keys(workloads)),
    lanes: numberIn('lanes', values.lanes, 1, 64),
    millis: numberIn('for', values.for, 1, 3_600_000),
    faults: values.faults,
  };
}

const millis = (micros: number | undefined): string => (micros === undefined ? '' : (micros / 1000).toFixed(1));
const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;

function groupTable({ groups }: Summary): string {
  const header = ['tenant', 'class', 'ops', 'done', 'failed', 'late', 'wait p50', 'p95', 'p99', 'latency p50', 'p95', 'p99', 'service'];
  return grid([header, ...groups.map(({ tenant, priority, count, done, failed, missed, wait, latency, service }) => [
    tenant, priority, count, done, failed, missed, ...[wait, latency].flatMap((spread) => [millis(spread?.p50), millis(spread?.p95), millis(spread?.p99)]), millis(service),
  ])]);
}

function useTable({ uses }: Summary): string {
  return grid([['lane', 'kind', 'busy', 'idle', 'used'], ...uses.map(({ lane, laneKind, busy, idle, utilisation }) =>
    [lane === undefined ? 'gpu' : `lane${lane}`, lane === undefined ? 'all gates' : laneKind, millis(busy), millis(idle), percent(utilisation)])]);
}

function said(log: Log, { tenants = [] }: Workload): string {
  const summary = summaryOf(log, tenants);
  return [
    gantt(log),
    groupTable(summary),
    useTable(summary),
    [
      `makespan ${millis(summary.makespan)} ms, ${summary.overLeast.toFixed(3)} × the least possible · fairness ${summary.fairness.toFixed(3)}`,
      ...(log.ended === 'quiet' ? [] : [`It did not end by itself: ${log.ended}.`]),
      ...log.faults.map(({ at, fault }) => `${millis(at).padStart(10)} ms  ${fault}`),
    ].join('\n'),
  ].join('\n\n');
}

/**
 * Plays one world and prints what happened, times in milliseconds. The exit code: 0 it ended, 1 it did not or broke a rule, 2 it was asked for what
 * cannot be.
 */
export function main(words: readonly string[]): number {
  try {
    const wish = wishOf(words);
    const drawn = workloads[wish.workload]!({ seed: wish.seed, lanes: wish.lanes, until: wish.millis * 1000 });
    const workload: Workload = wish.policy === undefined ? drawn : { ...drawn, tuning: { ...drawn.tuning, policy: wish.policy } };
    const log = play(workload, { seed: wish.seed, faults: wish.faults ? drawFaults(wish.seed) : calm, watch: 'each-step' });
    const policy = workload.tuning?.policy ?? 'as in production';
    console.log(`${workload.name}, seed ${wish.seed}, ${wish.lanes} lanes, ${wish.millis} ms, policy ${policy}${wish.faults ? ', with faults' : ''}\n\n${said(log, workload)}`);
    return log.ended === 'quiet' ? 0 : 1;
  } catch (error) {
    console.error(error instanceof UsageError || error instanceof Error ? error.message : error);
    return error instanceof UsageError ? 2 : 1;
  }
}
