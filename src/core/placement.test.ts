import { expect, test } from 'vitest';
import { recordOf } from './driver.ts';
import { Lane } from './lane.ts';
import type { LaneId, LaneKind } from './op.ts';
import type { OpRecord } from './op-record.ts';
import { place, timeTo } from './placement.ts';

const laneOf = (lane: number, kind: LaneKind = 'cpu', until = 0): Lane => {
  const made = new Lane(lane as LaneId, kind, undefined, undefined);
  if (until > 0) made.take(recordOf(90 + lane), until, 0);
  return made;
};
const placed = (record: OpRecord, lanes: readonly Lane[], now = 0): number | undefined => place(record, lanes, (lane) => lane.isFree, now)?.lane;
const costing = (costs: Partial<Record<LaneKind, number>>, prefers?: number): OpRecord =>
  recordOf(1, { more: { costs: Object.fromEntries(Object.entries(costs).map(([kind, base]) => [kind, { base, perItem: 0 }])), ...(prefers ? { prefers: prefers as LaneId } : {}) } });

test('of equal lanes the first, or the one that the op prefers', () => {
  const lanes = [laneOf(1), laneOf(2), laneOf(3)];
  expect(placed(recordOf(1), lanes)).toBe(1);
  expect(placed(recordOf(1, { prefers: 3 }), lanes)).toBe(3);
  expect(placed(recordOf(1, { prefers: 9 }), lanes)).toBe(1);
});

test('of unequal lanes the faster, whatever the op prefers', () => {
  const lanes = [laneOf(1, 'cpu'), laneOf(2, 'gpu')];
  expect(placed(costing({ cpu: 5000, gpu: 1000 }), lanes)).toBe(2);
  expect(placed(costing({ cpu: 5000, gpu: 1000 }, 1), lanes)).toBe(2);
});

test('it waits for a busy lane only where it ends sooner there', () => {
  const lanes = [laneOf(1, 'cpu'), laneOf(2, 'gpu', 3000)];
  expect(placed(costing({ cpu: 5000, gpu: 1000 }), lanes)).toBeUndefined();
  expect(placed(costing({ cpu: 3500, gpu: 1000 }), lanes)).toBe(1);
  expect(placed(costing({ cpu: 4000, gpu: 1000 }), lanes), 'as soon: now').toBe(1);
});

test('what is late is taken to end now', () => {
  const lanes = [laneOf(1, 'cpu'), laneOf(2, 'gpu', 3000)];
  expect(placed(costing({ cpu: 3500, gpu: 1000 }), lanes, 3_000_000)).toBeUndefined();
});

test('no lane, no place', () => {
  expect(placed(recordOf(1), [])).toBeUndefined();
  expect(placed(recordOf(1), [laneOf(1, 'cpu', 500)])).toBeUndefined();
});

test('moving a gigabyte takes a second, from each lane where some of it lies', () => {
  const record = recordOf(1);
  record.noteInput(1 as LaneId, 1e9);
  record.noteInput(1 as LaneId, 1e9);
  record.noteInput(2 as LaneId, 5e8);
  record.noteInput(undefined, 1e12);
  record.noteInput(3 as LaneId, 0);
  expect([1, 2, 3].map((lane) => timeTo(record, laneOf(lane), 0))).toEqual([501_000, 2_001_000, 2_501_000]);
  expect(placed(record, [laneOf(3), laneOf(2), laneOf(1)])).toBe(1);
});

test('an op that does not say what it costs there is taken to cost what its like did', () => {
  expect(timeTo(costing({ cpu: 700 }), laneOf(1, 'gpu'), 0)).toBe(700);
});
