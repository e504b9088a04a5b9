import fc from 'fast-check';
import { expect, test } from 'vitest';
import { recordOf } from './driver.ts';
import type { GateId, TenantId } from './op.ts';
import { keyOfSlice, rankOfSlice, type Slice, SliceQueue, type Submission } from './slice-queue.ts';

const submission = (rank: number, more: Partial<Submission> = {}): Submission => ({ record: undefined, key: 0, rank, readyAt: 0, cost: 0, ...more });
const slice = (cost: number, of = submission(2)): Slice => ({ cost, of, releasedAt: 0, alone: false, weight: 1 });
const queueOf = (...slices: readonly Slice[]): SliceQueue => {
  const queue = new SliceQueue(1 as GateId, 'x' as TenantId, 'background');
  for (const each of slices) queue.announce(each);
  return queue;
};

test('a slice of an op has the key and class that the op has now, any other its own', () => {
  const record = recordOf(1, { priority: 'background' });
  record.key = 7;
  const ofOp = slice(1, submission(0, { record, key: 99 }));
  expect([keyOfSlice(ofOp), rankOfSlice(ofOp)]).toEqual([7, 2]);
  record.urgency = 0;
  expect(rankOfSlice(ofOp)).toBe(0);
  expect([keyOfSlice(slice(1, submission(1, { key: 5 }))), rankOfSlice(slice(1, submission(1)))]).toEqual([5, 1]);
});

test('what stands before something urgent is as urgent, what stands behind it is not', () => {
  const late = submission(2);
  const queue = queueOf(slice(1, late), slice(1, late), slice(1, submission(0)), slice(1));
  expect([0, 1, 2, 3, 4].map((from) => queue.rankFrom(from))).toEqual([0, 0, 0, 2, Infinity]);
  queue.release(0, true);
  queue.land(1);
  expect([queue.rankFrom(1), queue.rankFrom(3)], 'counted from the first there ever was').toEqual([0, 2]);
});

test('the last slice that was released can be asked back until the gate has it, says so, or is being asked', () => {
  const queue = queueOf(slice(1), slice(2), slice(3));
  expect(queue.recallable).toBeUndefined();
  queue.release(0, true);
  queue.release(0, false);
  expect(queue.recallable?.cost).toBe(2);
  queue.isRecalling = true;
  expect(queue.recallable).toBeUndefined();
  queue.isRecalling = false;
  expect([queue.recall(1)?.cost, queue.recall(1), queue.recallable]).toEqual([2, undefined, undefined]);
  expect([queue.released, queue.readyCount, queue.inFlight, queue.nextReady?.cost]).toEqual([1, 2, 1, 2]);
});

test('nor can what the gate said that it submitted, however often it says so', () => {
  const queue = queueOf(slice(1), slice(2), slice(3));
  for (let i = 0; i < 3; i += 1) queue.release(0, false);
  queue.submitted(2);
  queue.submitted(1);
  expect(queue.recallable?.cost).toBe(3);
  queue.submitted(99);
  expect(queue.recallable).toBeUndefined();
  queue.announce(slice(4));
  queue.release(0, false);
  expect(queue.recallable?.cost, 'it spoke of those that were released').toBe(4);
});

test('whatever a gate says, every slice is in one place, and they leave in order', () => {
  const upTo = fc.oneof(fc.integer({ min: -2, max: 30 }), fc.constantFrom(NaN, Infinity, -Infinity, 0.5));
  const action = fc.record({ kind: fc.constantFrom('announce', 'announce', 'release', 'release', 'land', 'recall', 'submitted'), upTo, cost: fc.integer({ min: 0, max: 9000 }) });
  fc.assert(fc.property(fc.array(action, { maxLength: 80, size: 'max' }), (actions) => {
    const queue = queueOf();
    const [ready, flying, landed]: [Slice[], Slice[], Slice[]] = [[], [], []];
    const all: Slice[] = [];
    for (const { kind, upTo: to, cost } of actions) {
      if (kind === 'announce') {
        const made = slice(cost, submission(cost % 3));
        queue.announce(made);
        ready.push(made);
        all.push(made);
      } else if (kind === 'release' && ready.length > 0) {
        expect(queue.release(5, flying.length === 0)).toBe(ready[0]);
        flying.push(ready.shift()!);
      } else if (kind === 'land') {
        for (let seen = queue.land(to); seen !== undefined; seen = queue.land(to)) {
          expect(seen).toBe(flying.shift());
          landed.push(seen);
        }
      } else if (kind === 'recall') {
        for (let seen = queue.recall(to); seen !== undefined; seen = queue.recall(to)) {
          expect(seen).toBe(flying.pop());
          ready.unshift(seen);
        }
      }
      if (kind === 'submitted') queue.submitted(to);
      queue.check();
      expect([queue.readyCount, queue.hasFlights, queue.nextReady, queue.released]).toEqual([ready.length, flying.length > 0, ready[0], landed.length + flying.length]);
      expect(queue.lastReleased).toBe(flying.at(-1) ?? landed.at(-1));
      expect(queue.inFlight).toBe(flying.reduce((sum, each) => sum + each.cost, 0));
    }
    expect([...landed, ...flying, ...ready]).toEqual(all);
  }));
});
