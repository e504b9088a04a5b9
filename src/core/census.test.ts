import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Census } from './census.ts';
import { recordOf } from './driver.ts';
import { classRankOf, type GateId, leastUrgent, type levels } from './op.ts';
import type { OpRecord } from './op-record.ts';

const gate = 1 as GateId;
const readyOp = (id: number, priority: (typeof levels)[number]): OpRecord => {
  const record = recordOf(id, { priority });
  record.to('ready');
  return record;
};

test('an op is awaited until all of it is in the gate, and present until it is over', () => {
  const census = new Census();
  const record = readyOp(1, 'critical');
  census.note(record, gate);
  expect([0, 1, 2].map((rank) => census.isAwaited(rank))).toEqual([false, true, true]);
  record.to('encoding');
  census.renote(record);
  expect(census.isAwaited(1)).toBe(true);
  record.to('running');
  census.renote(record);
  expect([census.isAwaited(1), census.isPresent(1), census.isPresent(0), census.rankOfGate(gate)]).toEqual([false, true, false, 0]);
  census.forget(record);
  census.forget(record);
  expect([census.isPresent(2), census.rankOfGate(gate), census.size]).toEqual([false, Infinity, 0]);
});

test('an op that is not counted is not counted anew', () => {
  const census = new Census();
  census.renote(readyOp(1, 'critical'));
  expect(census.size).toBe(0);
});

test('what was to go through a gate that is closed holds nobody, and ends without a trace', () => {
  const census = new Census();
  const record = readyOp(1, 'critical');
  census.note(record, gate);
  census.forgetGate(gate);
  expect([census.isAwaited(2), census.isPresent(2)]).toEqual([false, false]);
  census.forget(record);
  const next = readyOp(2, 'background');
  census.note(next, gate);
  expect(census.rankOfGate(gate), 'the same number, a new gate').toBe(2);
});

test('it counts what counting all of them each time does', () => {
  const action = fc.record({ kind: fc.constantFrom('note', 'renote', 'forget', 'close'), op: fc.nat(9), gate: fc.integer({ min: 1, max: 3 }), urgency: fc.nat(leastUrgent), runs: fc.boolean() });
  fc.assert(fc.property(fc.array(action, { maxLength: 60, size: 'max' }), (actions) => {
    const census = new Census();
    const records = Array.from({ length: 10 }, (_, id) => readyOp(id, 'normal'));
    const counted = new Map<OpRecord, { gate: number; rank: number; awaited: boolean }>();
    for (const { kind, op, gate: at, urgency, runs } of actions) {
      const record = records[op]!;
      const note = (on: number): void => void counted.set(record, { gate: on, rank: classRankOf(record.urgency), awaited: record.state === 'ready' });
      if (kind === 'close') {
        census.forgetGate(at as GateId);
        for (const [other, known] of counted) if (known.gate === at) counted.delete(other);
        continue;
      }
      record.urgency = urgency;
      if (runs && record.state === 'ready') {
        record.to('encoding');
        record.to('running');
      }
      if (kind === 'note') {
        census.note(record, at as GateId);
        note(at);
      } else if (kind === 'renote') {
        census.renote(record);
        if (counted.has(record)) note(counted.get(record)!.gate);
      } else {
        census.forget(record);
        counted.delete(record);
      }
      const all = [...counted.values()];
      for (const rank of [0, 1, 2]) {
        expect(census.isPresent(rank)).toBe(all.some((known) => known.rank < rank));
        expect(census.isAwaited(rank)).toBe(all.some((known) => known.rank < rank && known.awaited));
      }
      for (const on of [1, 2, 3]) expect(census.rankOfGate(on as GateId)).toBe(Math.min(Infinity, ...all.filter((known) => known.gate === on).map(({ rank }) => rank)));
    }
  }));
});
