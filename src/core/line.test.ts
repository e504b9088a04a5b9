import { expect, test } from 'vitest';
import type { LaneId, Level, OpId, ResourceId, TenantId } from './op.ts';
import { OpRecord } from './op-record.ts';
import { Resources } from './resources.ts';
import { Shares } from './shares.ts';

const resource = 'slots' as ResourceId;
const share = new Shares().of('t' as TenantId);

let ids = 0;
/** Wants one slot. */
const opOf = ({ level = 'normal', lane = 1 }: { readonly level?: Level; readonly lane?: number } = {}): OpRecord => {
  const op = (ids += 1) as OpId;
  const described = { op, tenant: 't' as TenantId, name: `op${op}`, priority: level, deadlineAt: Infinity, lane: lane as LaneId };
  return new OpRecord({ ...described, needs: [{ resource, amount: 1, until: 'op-ends' }] }, op, undefined, share);
};
const many = (count: number, wanted?: Parameters<typeof opOf>[0]): OpRecord[] => Array.from({ length: count }, () => opOf(wanted));
const withSlots = (count: number): Resources => {
  const resources = new Resources();
  resources.setCapacity(resource, count);
  return resources;
};

test('as many are told as there is room for, the more urgent first, and then in the order they arrived', () => {
  const resources = withSlots(2);
  const holders = many(2);
  const [a, b, urgent, c] = [...many(2), opOf({ level: 'critical' }), opOf()] as const;
  for (const op of holders) expect(resources.tryAcquire(op)).toBe(true);
  for (const op of [c!, b!, urgent!, a!]) expect(resources.tryAcquire(op)).toBe(false);
  resources.release(holders[0]!);
  expect(resources.wake()).toEqual([urgent]);
  expect(resources.wake()).toEqual([]);
  resources.release(holders[1]!);
  expect(resources.wake()).toEqual([a]);
});

test('who is told and then forgotten passes the turn on', () => {
  const resources = withSlots(1);
  const [holder, a, b] = many(3) as [OpRecord, OpRecord, OpRecord];
  for (const op of [holder, a, b]) resources.tryAcquire(op);
  resources.release(holder);
  expect(resources.wake()).toEqual([a]);
  resources.forget(a);
  expect(resources.wake()).toEqual([b]);
});

test('one who is more urgent than those who were told is told as well', () => {
  const resources = withSlots(1);
  const [holder, slow] = many(2) as [OpRecord, OpRecord];
  for (const op of [holder, slow]) resources.tryAcquire(op);
  resources.release(holder);
  expect(resources.wake()).toEqual([slow]);
  expect(resources.tryAcquire(holder)).toBe(true);
  const urgent = opOf({ level: 'critical' });
  expect(resources.tryAcquire(urgent)).toBe(false);
  resources.release(holder);
  expect(resources.wake()).toEqual([urgent]);
});

test('of a hundred who are more urgent than the one that was told, one is told', () => {
  const resources = withSlots(1);
  const [holder, slow] = many(2) as [OpRecord, OpRecord];
  for (const op of [holder, slow]) resources.tryAcquire(op);
  resources.release(holder);
  resources.wake();
  expect(resources.tryAcquire(holder)).toBe(true);
  const urgent = many(100, { level: 'critical' });
  for (const op of urgent) resources.tryAcquire(op);
  resources.release(holder);
  expect(resources.wake()).toEqual([urgent[0]]);
});

test('a new order holds among those who were told, too', () => {
  const resources = withSlots(1);
  const [holder, a, b, c] = many(4) as [OpRecord, OpRecord, OpRecord, OpRecord];
  for (const op of [holder, a, b, c]) resources.tryAcquire(op);
  resources.release(holder);
  expect(resources.wake()).toEqual([a]);
  c.urgency = 1;
  a.urgency = 0;
  for (const op of [a, c]) resources.reorder(op);
  expect(resources.tryAcquire(holder)).toBe(true);
  resources.release(holder);
  expect(resources.wake()).toEqual([]);
  expect(resources.tryAcquire(a)).toBe(true);
  resources.release(a);
  expect(resources.wake()).toEqual([c]);
});

test('lanes do not wait for each other: equals are told for each', () => {
  const resources = withSlots(1);
  const [holder, here, there] = [opOf(), opOf(), opOf({ lane: 2 })];
  for (const op of [holder, here, there]) resources.tryAcquire(op);
  resources.release(holder);
  expect(resources.wake()).toEqual([here, there]);
});

test('100 000 ops that want the same one thing have it one after another, and cancelling them all at once costs no more', () => {
  const resources = withSlots(1);
  const ops = many(100_000);
  for (const op of ops) resources.tryAcquire(op);
  let turns = 0;
  for (let running: OpRecord | undefined = ops[0]; running && turns < 50_000; running = resources.wake()[0]) {
    if (!resources.tryAcquire(running)) break;
    resources.release(running);
    turns += 1;
  }
  expect(turns).toBe(50_000);
  for (const op of ops) resources.forget(op);
  expect(resources.wake()).toEqual([]);
});
