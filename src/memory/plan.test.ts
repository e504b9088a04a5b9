import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seededRandom } from '../base/random.ts';
import { plan, type Plan, type PlanLimits, type PlanOptions } from './plan.ts';
import { planComplaints } from './plan-check.ts';
import type { PlanGraph, PlanOp } from './plan-graph.ts';
import { bert, inception, mobileNetV2, randomNet, uNet } from './plan-nets.ts';

const MiB = 2 ** 20;
const modes = ['one', 'three'] as const;
const wide: PlanLimits = { maxBufferBytes: 2 ** 32 - 4, maxBindingBytes: 2 ** 32 - 4 };

/** A plan that was checked. */
function planned(graph: PlanGraph, mode: PlanOptions['mode'], limits = wide, seed = 1): Plan {
  const made = plan(graph, { mode, limits, seed });
  if (made.kind === 'refused') throw new Error(`refused: ${made.code}`);
  expect(planComplaints(graph, made, { mode, limits })).toEqual([]);
  expect(made.peakBytes).toBeGreaterThanOrEqual(made.lowerBoundBytes);
  return made;
}

/** Ops of one output each, in the order of their tensors; the inputs are told as tensors, `e` is external. */
function graphOf(sizes: readonly (number | 'e')[], ops: readonly PlanOp[]): PlanGraph {
  return { tensors: sizes.map((bytes) => (bytes === 'e' ? { bytes: 64, isExternal: true } : { bytes })), ops };
}
const overFirst = (inputs: readonly number[], output: number): PlanOp => ({ inputs, outputs: [output], inPlace: [[output, inputs[0]!]] });
const exclusiveOf = ({ arenas }: Plan) => arenas.filter(({ use }) => use === 'exclusive');

const drawnOp = fc.record({
  reads: fc.array(fc.nat({ max: 12 }), { maxLength: 4 }),
  writes: fc.array(fc.record({ bytes: fc.oneof(fc.nat({ max: 3000 }), fc.nat({ max: 1e6 })), isExternal: fc.boolean().map((is) => is && true) }), { minLength: 1, maxLength: 3 }),
  inPlace: fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 3 }),
});

/** Tensor 0 is external; each op reads some of the last twelve. */
const drawnGraph = fc.array(drawnOp, { maxLength: 40, size: 'max' }).map((drawn): PlanGraph => {
  const tensors: { bytes: number; isExternal: boolean }[] = [{ bytes: 64, isExternal: true }];
  const ops = drawn.map(({ reads, writes, inPlace }): PlanOp => {
    const inputs = reads.map((back) => Math.max(0, tensors.length - 1 - back));
    const outputs = writes.map((tensor, index) => tensors.push({ ...tensor, isExternal: tensor.isExternal && index > 0 }) - 1);
    return { inputs, outputs, inPlace: inputs.length === 0 ? [] : inPlace.map(([to, from]) => [outputs[to % outputs.length]!, inputs[from % inputs.length]!]) };
  });
  return { tensors, ops };
});

test.each(modes)('%s: whatever the graph, the plan holds, also in small buffers, and is the same the second time', (mode) => {
  fc.assert(fc.property(drawnGraph, fc.constantFrom(2 ** 32 - 4, 2 ** 21, 1_000_192), (graph, maxBufferBytes) => {
    const limits = { maxBufferBytes, maxBindingBytes: 2 ** 32 - 4 };
    expect(planned(graph, mode, limits)).toEqual(planned(graph, mode, limits));
  }), { numRuns: 150 });
});

test.each([['MobileNetV2', mobileNetV2()], ['U-Net', uNet()], ['BERT', bert(6, 256)], ['Inception', inception()]])(
  '%s needs no more than 1.05 times what is live at once in one arena, and 1.2 times in three', (_, graph) => {
    const [one, three] = [planned(graph, 'one'), planned(graph, 'three')];
    expect(one.peakBytes / one.lowerBoundBytes).toBeLessThanOrEqual(1.05);
    expect(three.peakBytes / three.lowerBoundBytes).toBeLessThanOrEqual(1.2);
    expect([one.arenas.length, exclusiveOf(one), exclusiveOf(three)]).toEqual([1, [], []]);
  });

test('the nets are those that others have planned: MobileNetV2 is live in 5.742 MiB at most', () => {
  expect(planned(mobileNetV2(), 'one').lowerBoundBytes / MiB).toBeCloseTo(5.742, 3);
});

test.each([1, 2, 3])('a random net of 300 tensors needs little more than what is live at once (seed %i)', (seed) => {
  const graph = randomNet(300, seededRandom(seed));
  const [one, three] = [planned(graph, 'one'), planned(graph, 'three')];
  expect(one.peakBytes / one.lowerBoundBytes).toBeLessThanOrEqual(1.05);
  expect(three.peakBytes / three.lowerBoundBytes).toBeLessThanOrEqual(1.2);
});

test('a chain takes turns in the room of two tensors', () => {
  const graph = graphOf(['e', 1000, 1000, 1000, 1000], [1, 2, 3, 4].map((at) => ({ inputs: [at - 1], outputs: [at] })));
  for (const mode of modes) expect(planned(graph, mode)).toMatchObject({ peakBytes: 2048, lowerBoundBytes: 2048 });
});

test('four tensors of which each pair meets in an op leave one without an arena: it has a buffer of its own', () => {
  const graph = graphOf(['e', 4000, 3000, 2000, 1000], [
    { inputs: [0], outputs: [1] }, { inputs: [1], outputs: [2] }, { inputs: [1, 2], outputs: [3] }, { inputs: [1, 2, 3], outputs: [4] }]);
  expect(planned(graph, 'one').arenas).toHaveLength(1);
  expect(exclusiveOf(planned(graph, 'three'))).toEqual([{ use: 'exclusive', bytes: 1024 }]);
});

test('tensors without an arena take turns in a buffer while they are not live together', () => {
  const clique = (first: number): readonly PlanOp[] => [
    { inputs: [0], outputs: [first] }, { inputs: [first], outputs: [first + 1] }, { inputs: [first, first + 1], outputs: [first + 2] },
    { inputs: [first, first + 1, first + 2], outputs: [first + 3] }];
  const graph = graphOf(['e', 4000, 3000, 2000, 1000, 4000, 3000, 2000, 1000], [...clique(1), ...clique(5)]);
  expect(exclusiveOf(planned(graph, 'three'))).toHaveLength(1);
});

test.each(modes)('%s: an output is written over an input that dies there, and over that one only', (mode) => {
  const chain = graphOf(['e', 1000, 1000, 900, 1000], [{ inputs: [0], outputs: [1] }, overFirst([1], 2), overFirst([2], 3), { inputs: [3], outputs: [4] }]);
  const { places, lowerBoundBytes } = planned(chain, mode);
  expect([places[2], places[3]?.offset, lowerBoundBytes]).toEqual([places[1], places[1]?.offset, 2048]);
  const apart = (graph: PlanGraph, one: number, other: number): void => {
    const { places: found } = planned(graph, mode);
    expect([found[one]!.arena, found[one]!.offset]).not.toEqual([found[other]!.arena, found[other]!.offset]);
  };
  // It is read later; it is read twice by the same op; it is too small; another output has it; it was not allowed.
  apart(graphOf(['e', 1000, 1000, 1000], [{ inputs: [0], outputs: [1] }, overFirst([1], 2), { inputs: [1, 2], outputs: [3] }]), 1, 2);
  apart(graphOf(['e', 1000, 1000], [{ inputs: [0], outputs: [1] }, overFirst([1, 1], 2)]), 1, 2);
  apart(graphOf(['e', 1000, 2000], [{ inputs: [0], outputs: [1] }, overFirst([1], 2)]), 1, 2);
  apart(graphOf(['e', 1000, 1000, 1000], [{ inputs: [0], outputs: [1] }, { inputs: [1], outputs: [2, 3], inPlace: [[2, 1], [3, 1]] }]), 2, 3);
  apart(graphOf(['e', 1000, 1000], [{ inputs: [0], outputs: [1] }, { inputs: [1], outputs: [2] }]), 1, 2);
});

test('a tensor that cannot be bound, or that no buffer holds, is refused by name', () => {
  const graph = graphOf(['e', 512, 1000], [{ inputs: [0], outputs: [1] }, { inputs: [1], outputs: [2] }]);
  const refused = (limits: PlanLimits) => plan(graph, { mode: 'three', limits });
  expect(refused({ maxBufferBytes: 4096, maxBindingBytes: 999 })).toEqual(
    { kind: 'refused', code: 'over-binding-limit', tensor: 2, bytes: 1000, limitBytes: 999 });
  expect(refused({ maxBufferBytes: 1023, maxBindingBytes: 4096 })).toEqual(
    { kind: 'refused', code: 'over-buffer-limit', tensor: 2, bytes: 1000, limitBytes: 1023 });
  expect(refused({ maxBufferBytes: 1024, maxBindingBytes: 1000 })).toMatchObject({ kind: 'planned', peakBytes: 1536 });
  const external = { tensors: [{ bytes: 2 ** 40, isExternal: true }, { bytes: 4 }], ops: [{ inputs: [0], outputs: [1] }] };
  expect(planned(external, 'three', { maxBufferBytes: 256, maxBindingBytes: 256 }).places).toEqual([undefined, { arena: 0, offset: 0, bytes: 256 }]);
});

test('what does not fit below the largest buffer has buffers of its own', () => {
  const limits = { maxBufferBytes: 2 ** 20, maxBindingBytes: 2 ** 20 };
  const graph = graphOf(['e', ...Array.from({ length: 5 }, () => 700_000)], [
    ...[1, 2, 3, 4].map((at) => ({ inputs: [0], outputs: [at] })), { inputs: [1, 2, 3, 4], outputs: [5] }]);
  expect(planned(graph, 'one', limits).arenas.map(({ use }) => use)).toEqual(['shared', ...Array.from({ length: 4 }, () => 'exclusive')]);
  planned(graph, 'three', limits);
});

test('a tensor of no bytes has a place that can be bound', () => {
  const graph = graphOf(['e', 0, 0], [{ inputs: [0], outputs: [1] }, { inputs: [1], outputs: [2] }]);
  for (const mode of modes) {
    const { places, peakBytes } = planned(graph, mode);
    expect([places[1]!.bytes, places[2]!.bytes, peakBytes]).toEqual([256, 256, 512]);
  }
  expect(planned({ tensors: [], ops: [] }, 'three')).toEqual({ kind: 'planned', places: [], arenas: [], peakBytes: 0, lowerBoundBytes: 0 });
});

test('more than 4 GiB in all is told exactly', () => {
  const bytes = 2 ** 31 + 256;
  const graph = graphOf(['e', bytes, bytes, bytes, bytes], [
    { inputs: [0], outputs: [1] }, { inputs: [0], outputs: [2] }, { inputs: [0], outputs: [3] }, { inputs: [1, 2, 3], outputs: [4] }]);
  for (const mode of modes) expect(planned(graph, mode, { maxBufferBytes: 2 ** 40, maxBindingBytes: 2 ** 32 })).toMatchObject({ peakBytes: 4 * bytes, lowerBoundBytes: 4 * bytes });
  // Three of four have no room in the largest buffer there is.
  expect(exclusiveOf(planned(graph, 'one'))).toHaveLength(3);
});

test('a graph that contradicts itself is a bug', () => {
  const bad = (sizes: readonly (number | 'e')[], ...ops: readonly PlanOp[]) => () => plan(graphOf(sizes, ops), { mode: 'three', limits: wide });
  expect(bad([4, 4], { inputs: [0], outputs: [1] })).toThrow('written before it is read');
  expect(bad(['e', 4], { inputs: [0], outputs: [1] }, { inputs: [0], outputs: [1] })).toThrow('written once');
  expect(bad(['e', 4], { inputs: [1], outputs: [1] })).toThrow('written before it is read');
  expect(bad(['e'], { inputs: [7], outputs: [0] })).toThrow('reads tensors of its graph');
  expect(bad(['e'], { inputs: [0], outputs: [7] })).toThrow('writes tensors of its graph');
  for (const bytes of [-1, 1.5, Number.NaN]) expect(bad(['e', bytes], { inputs: [0], outputs: [1] })).toThrow('whole number of bytes');
  expect(() => plan(mobileNetV2(), { mode: 'one', limits: { maxBufferBytes: 0, maxBindingBytes: 1024 } })).toThrow('limits');
});
