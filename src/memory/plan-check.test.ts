import { expect, test } from 'vitest';
import { plan, type Place, type Plan } from './plan.ts';
import { planComplaints } from './plan-check.ts';
import type { PlanGraph } from './plan-graph.ts';

const limits = { maxBufferBytes: 2 ** 20, maxBindingBytes: 2 ** 20 };
/** Tensor 3 may be written over 2; 4 lives beside it. */
const graph: PlanGraph = {
  tensors: [{ bytes: 4, isExternal: true }, { bytes: 500 }, { bytes: 1000 }, { bytes: 1000 }, { bytes: 600 }],
  ops: [{ inputs: [0], outputs: [1] }, { inputs: [1], outputs: [2] }, { inputs: [2, 1], outputs: [3], inPlace: [[3, 2]] }, { inputs: [3], outputs: [4] }],
};
const right = plan(graph, { mode: 'three', limits }) as Plan;
const moved = (tensor: number, to: Partial<Place> | undefined): Plan =>
  ({ ...right, places: right.places.map((place, index) => (index !== tensor ? place : to && { arena: 0, offset: 0, bytes: 256, ...place, ...to })) });
const complaintsOf = (made: Plan, of = graph, narrow = limits) => planComplaints(of, made, { mode: 'three', limits: narrow });

test('a right plan has nothing wrong with it, and writes over what it may', () => {
  expect(complaintsOf(right)).toEqual([]);
  expect(right.places[3]).toEqual(right.places[2]);
});

test('every way in which a plan can be wrong is told', () => {
  const first = right.places[1]!;
  const second = right.places[2]!;
  expect(complaintsOf(moved(1, undefined))).toEqual(['tensor 1 has no place']);
  expect(complaintsOf(moved(0, { arena: 2, offset: 0 }))).toContain('tensor 0 has a place and should not');
  expect(complaintsOf(moved(1, { offset: first.offset + 128 }))).toContain('tensor 1 lies at 128');
  expect(complaintsOf(moved(1, { bytes: 256 }))).toEqual(['tensor 1 of 500 bytes has 256']);
  expect(complaintsOf(moved(1, { arena: 9 }))).toEqual(['tensor 1 reaches out of arena 9']);
  expect(complaintsOf(moved(1, { offset: 2 ** 19 }))).toContain(`tensor 1 reaches out of arena ${first.arena}`);
  expect(complaintsOf(moved(1, { ...second, bytes: 512 }))).toEqual(expect.arrayContaining(['tensors 1 and 2 overlap', 'tensors 1 and 3 overlap',
    `op 1 writes 2 into the arena of its input 1`]));
  expect(complaintsOf({ ...right, peakBytes: 4 })).toEqual([`4 bytes are told and ${right.peakBytes} used`]);
  expect(complaintsOf(right, graph, { ...limits, maxBindingBytes: 999 })).toEqual(['tensor 2 of 1000 bytes cannot be bound', 'tensor 3 of 1000 bytes cannot be bound']);
  expect(complaintsOf(right, graph, { ...limits, maxBufferBytes: 1000 })).toContain(`arena ${second.arena} has 1024 bytes`);
});

test('writing over what may not be written over is told', () => {
  const last = { inputs: [3], outputs: [4] };
  const changed = (op: PlanGraph['ops'][number]): PlanGraph => ({ ...graph, ops: [...graph.ops.slice(0, 2), op, last] });
  expect(complaintsOf(right, changed({ inputs: [2, 1], outputs: [3] }))).toContain('tensors 2 and 3 overlap');
  expect(complaintsOf(right, changed({ inputs: [2, 2, 1], outputs: [3], inPlace: [[3, 2]] }))).toContain('tensors 2 and 3 overlap');
  const later = { ...graph, ops: [...graph.ops.slice(0, 3), { inputs: [3, 2], outputs: [4] }] };
  expect(complaintsOf(right, later)).toContain('tensors 2 and 3 overlap');
});
