import { expect, test } from 'vitest';
import { type Asked, recordOf } from './driver.ts';
import { Gangs } from './gangs.ts';
import { Lane } from './lane.ts';
import type { LaneId, LaneKind } from './op.ts';
import type { OpRecord } from './op-record.ts';

const lanesOf = (...kinds: readonly LaneKind[]): ReadonlyMap<LaneId, Lane> =>
  new Map(kinds.map((kind, index) => [(index + 1) as LaneId, new Lane((index + 1) as LaneId, kind, undefined, undefined)]));
const busy = (lanes: ReadonlyMap<LaneId, Lane>, lane: number): void => lanes.get(lane as LaneId)!.take(recordOf(99), 1000, 0);

function gangsOf(...members: readonly OpRecord[]): Gangs {
  const gangs = new Gangs();
  for (const member of members) gangs.add(member);
  return gangs;
}

const member = (id: number, gang: number, size: number, asked: Asked = {}): OpRecord => recordOf(id, { ...asked, gang: [gang, size] });
const storyOf = (gangs: Gangs, lanes: ReadonlyMap<LaneId, Lane>, isAllowed: (members: readonly OpRecord[]) => boolean = () => true): string[] =>
  Array.from(gangs.startable(lanes, isAllowed), (gang) => gang.members.map(({ arrival }, index) => `${arrival} on ${gang.lanes[index]!.lane}`).join(', '));
const reservedOf = (gangs: Gangs, lanes: ReadonlyMap<LaneId, Lane>): number[] => [...lanes.values()].filter((lane) => gangs.isReserved(lane)).map(({ lane }) => lane);

test('a gang starts when its last member is there, each on a lane of its own, and is forgotten', () => {
  const lanes = lanesOf('cpu', 'cpu');
  const gangs = gangsOf(member(1, 1, 2));
  expect(storyOf(gangs, lanes)).toEqual([]);
  gangs.add(member(2, 1, 2));
  expect(storyOf(gangs, lanes)).toEqual(['1 on 1, 2 on 2']);
  expect([gangs.size, storyOf(gangs, lanes)]).toEqual([0, []]);
});

test('lanes that the oldest whole gang could take are kept free for it', () => {
  const lanes = lanesOf('cpu', 'cpu', 'cpu');
  busy(lanes, 2);
  busy(lanes, 3);
  const gangs = gangsOf(member(1, 1, 2), member(2, 1, 2));
  expect(storyOf(gangs, lanes)).toEqual([]);
  expect(reservedOf(gangs, lanes)).toEqual([1]);
});

test('a gang behind one that waits gets what that cannot use', () => {
  const lanes = lanesOf('cpu', 'cpu', 'gpu');
  busy(lanes, 2);
  const gangs = gangsOf(member(1, 1, 2), member(2, 1, 2), member(3, 2, 1), member(4, 3, 1, { kinds: ['gpu'] }));
  expect(storyOf(gangs, lanes)).toEqual(['4 on 3']);
  expect(reservedOf(gangs, lanes)).toEqual([1]);
});

test('a gang for which there will never be lanes enough keeps none of them', () => {
  const lanes = lanesOf('cpu', 'cpu');
  const gangs = gangsOf(member(1, 1, 3), member(2, 1, 3), member(3, 1, 3), member(4, 2, 1));
  expect(storyOf(gangs, lanes)).toEqual(['4 on 1']);
  expect(reservedOf(gangs, lanes)).toEqual([]);
});

test('a gang that may not start for another reason keeps no lane', () => {
  const lanes = lanesOf('cpu', 'cpu');
  const gangs = gangsOf(member(1, 1, 2), member(2, 1, 2));
  expect(storyOf(gangs, lanes, () => false)).toEqual([]);
  expect(reservedOf(gangs, lanes)).toEqual([]);
  expect(storyOf(gangs, lanes)).toEqual(['1 on 1, 2 on 2']);
});

test('when there is a lane for each, whoever has more choice leaves it to the others', () => {
  const lanes = lanesOf('cpu', 'remote', 'gpu');
  const gangs = gangsOf(member(1, 1, 3, { kinds: ['cpu', 'gpu'] }), member(2, 1, 3, { kinds: ['cpu', 'remote'] }), member(3, 1, 3, { kinds: ['cpu', 'remote'] }));
  expect(storyOf(gangs, lanes)).toEqual(['1 on 3, 2 on 2, 3 on 1']);
});

test('a member that goes away leaves the others waiting', () => {
  const lanes = lanesOf('cpu', 'cpu');
  const [first, second] = [member(1, 1, 2), member(2, 1, 2)];
  const gangs = gangsOf(first, second);
  gangs.remove(first);
  gangs.remove(first);
  gangs.remove(recordOf(7));
  expect([gangs.has(first), gangs.has(second)]).toEqual([false, true]);
  expect(storyOf(gangs, lanes)).toEqual([]);
  gangs.remove(second);
  expect(gangs.size).toBe(0);
});
