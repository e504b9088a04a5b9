import { expect, test } from 'vitest';
import { recordOf } from './driver.ts';
import { Lane } from './lane.ts';
import type { GateId, LaneId } from './op.ts';
import type { OpRecord } from './op-record.ts';

const laneOf = (gate?: number): Lane => new Lane(1 as LaneId, 'gpu', undefined, gate as GateId | undefined);
const started = (id: number): OpRecord => {
  const record = recordOf(id);
  record.to('ready');
  record.to('encoding');
  return record;
};

test('a lane without a gate takes one op at a time', () => {
  const lane = laneOf();
  const record = started(1);
  expect(lane.isFree).toBe(true);
  lane.take(record, 1000, 0);
  record.to('running');
  expect(lane.isFree).toBe(false);
  lane.drop(record);
  expect(lane.isFree).toBe(true);
});

test('a lane with a gate takes a second when the first is in the gate, and no third', () => {
  const lane = laneOf(1);
  const [first, second] = [started(1), started(2)];
  lane.take(first, 1000, 0);
  expect(lane.isFree).toBe(false);
  first.to('running');
  expect(lane.isFree).toBe(true);
  lane.take(second, 1000, 0);
  second.to('running');
  expect(lane.isFree).toBe(false);
});

test('what was given up and is not over keeps its place', () => {
  const lane = laneOf(1);
  const record = started(1);
  lane.take(record, 1000, 0);
  record.to('running');
  record.to('draining');
  expect(lane.isFree).toBe(false);
});

test('its backlog is what it was given, less the time that went by', () => {
  const lane = laneOf(1);
  const [first, second] = [started(1), started(2)];
  expect(lane.backlogAt(5)).toBe(0);
  lane.take(first, 1000, 0);
  lane.take(second, 500, 200);
  expect([lane.backlogAt(200), lane.backlogAt(1400), lane.backlogAt(9000)]).toEqual([1300, 100, 0]);
  lane.drop(first);
  lane.drop(first);
  lane.drop(second);
  expect(lane.backlogAt(200), 'it is done').toBe(0);
});
