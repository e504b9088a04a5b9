import { expect, test } from 'vitest';
import { Driver, opOf, startsIn } from './driver.ts';
import type { GateId, OpId, ResourceId, TenantId } from './op.ts';

const withLanes = (count: number): Driver => {
  const driver = new Driver();
  for (let lane = 1; lane <= count; lane += 1) driver.lane(lane);
  return driver;
};
const oneSlot = (driver: Driver): void => void driver.tell({ kind: 'tenant-set', tenant: 'a' as TenantId, slots: 1 });

test('a slot that was given to an op which then waits for something else goes to the next', () => {
  const driver = withLanes(3);
  oneSlot(driver);
  driver.tell({ kind: 'resource-set', resource: 'r' as ResourceId, capacity: 1 });
  driver.submit(opOf(9, { tenant: 'b', needs: { r: 1 } }));
  driver.submit(opOf(1, { tenant: 'a' }));
  driver.submit(opOf(2, { tenant: 'a', priority: 'user-blocking', needs: { r: 1 } }));
  driver.submit(opOf(3, { tenant: 'a' }));
  expect(startsIn(driver.finish(1)), 'op 2 waits for r').toEqual([3]);
  driver.cancel(2);
  expect(startsIn(driver.submit(opOf(4, { tenant: 'a' })))).toEqual([]);
  expect(startsIn(driver.finish(3))).toEqual([4]);
});

test('lanes that were kept free for a gang are open again when it is given up', () => {
  const driver = withLanes(2);
  driver.submit(opOf(1));
  driver.submit(opOf(2, { gang: [1, 2] }));
  driver.submit(opOf(3, { gang: [1, 2] }));
  driver.cancel(2);
  expect(startsIn(driver.submit(opOf(4)))).toEqual([4]);
});

test('two gangs do not take the same slot', () => {
  const driver = withLanes(2);
  oneSlot(driver);
  driver.submit(opOf(1, { tenant: 'a' }));
  driver.submit(opOf(2, { tenant: 'a', gang: [1, 1] }));
  driver.submit(opOf(3, { tenant: 'a', gang: [2, 1] }));
  expect(startsIn(driver.finish(1))).toEqual([2]);
  expect(startsIn(driver.finish(2))).toEqual([3]);
});

test('what stands behind urgent work in a gate is not urgent itself', () => {
  const driver = new Driver();
  for (const [gate, tenant] of [[1, 'a'], [2, 'b'], [3, 'c']] as const) driver.gated(gate, tenant);
  const ready = (gate: number, op: number, costs: readonly number[], priority: 'user-blocking' | 'background') =>
    driver.tell({ kind: 'slices-ready', gate: gate as GateId, op: op as OpId, priority, costs, released: 0 });
  driver.submit(opOf(1, { tenant: 'a', priority: 'user-blocking', lane: 1 }));
  ready(1, 1, [1000], 'user-blocking');
  driver.tell({ kind: 'op-encoded', op: 1 as OpId });
  driver.submit(opOf(2, { tenant: 'a', priority: 'background', lane: 1 }));
  driver.submit(opOf(3, { tenant: 'b', priority: 'user-blocking', lane: 2 }));
  expect(ready(1, 2, Array<number>(20).fill(2000), 'background').filter(({ kind }) => kind === 'release'), 'op 3 is being encoded').toEqual([]);
});
