import { expect, test } from 'vitest';
import type { Command, SchedulerEvent } from '../core/event.ts';
import type { OpFailure } from '../core/op.ts';
import type { Log } from './log.ts';
import { soak } from './soak.ts';

type Count<K extends string> = Record<K, number>;

/** Everything the contract knows. */
const events: Count<SchedulerEvent['kind']> = {
  'gate-opened': 0, 'gate-closed': 0, 'slices-ready': 0, 'slices-released': 0, 'slices-done': 0, 'slices-recalled': 0, 'lane-opened': 0, 'lane-closed': 0,
  'graph-opened': 0, 'graph-sealed': 0, 'graph-paused': 0, 'graph-resumed': 0, 'graph-cancelled': 0, 'op-submitted': 0, 'ops-submitted': 0,
  'dependency-added': 0, 'priority-changed': 0, 'deadline-changed': 0, 'op-encoded': 0, 'op-finished': 0, 'op-failed': 0, 'op-cancelled': 0,
  'tenant-set': 0, 'resource-set': 0, 'policy-defined': 0, tuned: 0, woke: 0,
};
const commands: Count<Command['kind']> = {
  start: 0, abort: 0, settle: 0, 'refuse-dependency': 0, release: 0, recall: 0, credit: 0, 'policy-replaced': 0, wake: 0,
};
/** `cancelled` is nobody's news: only the cause of another's. */
const failures: Count<Exclude<OpFailure['code'], 'cancelled'>> = {
  failed: 0, 'dependency-failed': 0, 'deadline-passed': 0, timeout: 0, 'lane-closed': 0, 'over-cost-budget': 0, 'over-capacity': 0,
  'unknown-dependency': 0, cycle: 0, deadlock: 0, invalid: 0,
};
const results = { done: 0, failed: 0, aborted: 0, lost: 0 };

function count({ steps, lanes }: Log): void {
  for (const { event, commands: given } of steps) {
    events[event.kind] += 1;
    for (const command of given) {
      commands[command.kind] += 1;
      if (command.kind === 'settle') failures[command.failure.code as keyof typeof failures] += 1;
    }
  }
  for (const { runs } of lanes) for (const { result } of runs) if (result) results[result] += 1;
}

test('two hundred worlds, each with its own work and its own misfortunes, keep every rule; and everything happens in them', () => {
  for (let seed = 1; seed <= 200; seed += 1) count(soak(seed));
  for (const counts of [events, commands, failures, results]) expect(Object.entries(counts).filter(([, times]) => times === 0)).toEqual([]);
});
