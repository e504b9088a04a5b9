import { expect, test } from 'vitest';
import type { Command, SchedulerEvent } from '../core/event.ts';
import { Scheduler } from '../core/scheduler.ts';
import { type Preemption, preemptions } from './preemption.ts';
import { urgentBeside } from './workloads.ts';
import { type Core, play } from './world.ts';

const delays = { message: 80, notify: 200 };
/** What a message each way and a notice take at most. */
const roundTrip = 1.5 * (2 * delays.message + delays.notify);

function urgent(seed: number, lanes: number, core: Core = new Scheduler()): readonly Preemption[] {
  const log = play(urgentBeside({ seed, lanes, until: 3_000_000 }), { seed, delays, core });
  expect(log.ended).toBe('quiet');
  return preemptions(log, { roundTrip, quantum: 500 });
}

const isBroken = ({ delay, bound }: Preemption): boolean => delay > bound;

test('an urgent op never waits longer for the GPU than window, longest slice and round trip', () => {
  for (let seed = 1; seed <= 10; seed += 1) {
    const found = urgent(seed, 2 + (seed % 3));
    expect(found.filter(({ isExpected }) => isExpected).length).toBeGreaterThan(50);
    expect(found.filter(isBroken), `seed ${seed}`).toEqual([]);
  }
});

/** The real one, with its commands changed. */
function changed(honest: Scheduler, change: (commands: readonly Command[]) => readonly Command[]): Core {
  return {
    step: (event: SchedulerEvent, now: number) => change(honest.step(event, now)),
    check: () => honest.check(),
    report: () => honest.report(),
  };
}

test('without a scheduler most of them wait longer', () => {
  const found = urgent(1, 3, changed(new Scheduler(), (commands) =>
    commands.map((command) => (command.kind === 'credit' ? { ...command, credit: Infinity, pace: Infinity, quantum: Infinity } : command))));
  expect(found.filter(isBroken).length).toBeGreaterThan(found.length / 2);
});

test('a scheduler that lets trains run through, or takes none back, is found out', () => {
  const hasty = urgent(1, 3, changed(new Scheduler(), (commands) =>
    commands.map((command) => (command.kind === 'credit' ? { ...command, pace: Infinity } : command))));
  expect(hasty.some(isBroken)).toBe(true);
});
