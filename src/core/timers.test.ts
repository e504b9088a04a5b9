import { expect, test } from 'vitest';
import { recordOf } from './driver.ts';
import type { OpRecord } from './op-record.ts';
import { Timers } from './timers.ts';

const second = 1_000_000;

function timersOf(...records: readonly OpRecord[]): Timers {
  const timers = new Timers();
  for (const record of records) timers.set(record);
  return timers;
}

const expiredAt = (timers: Timers, now: number): number[] => {
  const ids: number[] = [];
  for (let record = timers.expired(now); record !== undefined; record = timers.expired(now)) ids.push(record.arrival);
  return ids;
};

const runningSince = (startedAt: number, timeout: number, deadlineAt = Infinity): OpRecord => {
  const record = recordOf(1, { deadlineAt, more: { timeout } });
  record.to('ready');
  record.to('encoding');
  record.startedAt = startedAt;
  return record;
};

test('without deadlines there is nothing to wake for', () => {
  expect(timersOf(recordOf(1)).nextAt).toBe(Infinity);
  expect(expiredAt(timersOf(recordOf(1)), second)).toEqual([]);
});

test('ops expire at their deadline, the earliest first, and once', () => {
  const timers = timersOf(recordOf(1, { deadlineAt: 300 }), recordOf(2, { deadlineAt: 100 }), recordOf(3, { deadlineAt: 900 }));
  expect([timers.nextAt, expiredAt(timers, 99)]).toEqual([100, []]);
  expect(expiredAt(timers, 300)).toEqual([2, 1]);
  expect(timers.nextAt).toBe(900);
});

test('a timeout counts from the start, and only while the op runs', () => {
  const waiting = recordOf(1, { more: { timeout: 50 } });
  expect(timersOf(waiting).nextAt).toBe(Infinity);
  expect(timersOf(runningSince(200, 50)).nextAt).toBe(250);
  expect(timersOf(runningSince(200, 50, 230)).nextAt, 'whichever is first').toBe(230);
  const record = runningSince(200, 50);
  const timers = timersOf(record);
  record.to('ready');
  timers.set(record);
  expect(timers.nextAt, 'it is tried again').toBe(Infinity);
});

test('a timer is moved, and ends when the op is given up or over', () => {
  const record = recordOf(1, { deadlineAt: 500 });
  const timers = timersOf(record);
  record.ownDeadlineAt = 800;
  timers.set(record);
  expect(timers.nextAt).toBe(800);
  record.to('ready');
  record.to('encoding');
  record.to('draining');
  timers.set(record);
  expect(timers.nextAt).toBe(Infinity);
});

test('after a sleep nothing expires for a second', () => {
  const timers = timersOf(recordOf(1, { deadlineAt: 100 }));
  expect(timers.noteSleep(100, 100 + 5 * second), 'late, but not that late').toBe(false);
  expect(timers.noteSleep(100, 101 + 5 * second)).toBe(true);
  expect(timers.nextAt).toBe(101 + 6 * second);
  expect(expiredAt(timers, 100 + 6 * second)).toEqual([]);
  expect(expiredAt(timers, 101 + 6 * second)).toEqual([1]);
});

test('nobody sleeps through a wake that was not asked for', () => expect(new Timers().noteSleep(Infinity, 1e15)).toBe(false));
