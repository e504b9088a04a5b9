import { expect, test } from 'vitest';
import type { LaneId, Op, OpId, TenantId } from '../core/op.ts';
import { Lives } from './lives.ts';

const id = (number: number): OpId => number as OpId;
const op = (number: number, ...after: readonly number[]): Op => ({
  op: id(number), tenant: 'ada' as TenantId, name: 'op', priority: 'background', deadlineAt: Infinity, dependencies: after.map((on) => ({ op: id(on), bytes: 0 })),
});

function born(...ops: readonly Op[]): Lives {
  const lives = new Lives();
  lives.submit(ops, ops.map((one) => ({ op: one })), 10);
  return lives;
}

test('an op is ready when it comes, or when the last of what it depends on is done', () => {
  const lives = born(op(3, 1, 2), op(1), op(2));
  expect([1, 2, 3].map((one) => lives.of(id(one))!.readyAt)).toEqual([10, 10, undefined]);
  lives.end(id(1), 'done', 20);
  expect(lives.of(id(3))!.readyAt).toBeUndefined();
  lives.end(id(2), 'done', 30);
  expect(lives.of(id(3))!.readyAt).toBe(30);
});

test('what is added to what it depends on makes it wait again, unless that is done', () => {
  const lives = born(op(1), op(2), op(3));
  lives.end(id(1), 'done', 20);
  lives.depend(id(3), id(1));
  expect(lives.of(id(3))!.readyAt).toBe(10);
  lives.depend(id(3), id(2));
  expect(lives.of(id(3))!.readyAt).toBeUndefined();
  lives.end(id(2), 'done', 40);
  expect(lives.of(id(3))!.readyAt).toBe(40);
});

test('what depends on something that was not done is never ready', () => {
  const lives = born(op(1), op(2, 1));
  lives.end(id(1), 'failed', 20);
  expect(lives.of(id(2))!.readyAt).toBeUndefined();
});

test('an op ends once, and what is told again of an id is another telling of the same op', () => {
  const lives = born(op(1));
  lives.submit([op(1)], [{ op: op(1) }], 15);
  expect(lives.unended).toBe(1);
  expect(lives.end(id(1), 'failed', 20, { code: 'timeout' })).toBe(true);
  expect(lives.end(id(1), 'done', 30)).toBe(false);
  expect(lives.of(id(1))).toMatchObject({ end: 'failed', endAt: 20, failure: { code: 'timeout' } });
  expect(lives.unended).toBe(0);
});

test('only the attempt that was started last counts, and only while its lane is there', () => {
  const lives = born(op(1));
  lives.started(id(1), 1 as LaneId, 1);
  expect(lives.counts(id(1), 1)).toBe(true);
  lives.lost(1 as LaneId);
  expect(lives.counts(id(1), 1)).toBe(false);
  lives.started(id(1), 2 as LaneId, 2);
  expect([lives.counts(id(1), 1), lives.counts(id(1), 2)]).toEqual([false, true]);
});
