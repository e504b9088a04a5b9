import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { GateId, LaneId, OpId } from '../core/op.ts';
import { gantt, markOf, picture } from './gantt.ts';
import type { LaneLife, Run } from './log.ts';

const bar = (mark: string, startAt: number, endAt: number) => ({ mark, startAt, endAt });

test('a row says who had it, column by column', () => {
  const rows = [
    { name: 'lane1', bars: [bar('a', 0, 2), bar('b', 2, 5), bar('d', 5, 7)] },
    { name: 'lane10', bars: [bar('c', 2, 3)] },
  ];
  expect(picture(rows, { until: 7, column: 1 })).toBe('lane1  aabbbdd\nlane10 ··c····');
});

test('a column shows who had most of it, and the earlier of equals', () => {
  const rows = [
    { name: 'x', bars: [bar('a', 0, 6), bar('b', 6, 15), bar('c', 15, 26)] },
    { name: 'y', bars: [bar('a', 4, 9), bar('b', 10, 14), bar('c', 20, 22), bar('d', 22, 25), bar('e', 25, 29)] },
  ];
  expect(picture(rows, { until: 30, column: 10 })).toBe('x abc\ny a·e');
});

test('a window shows what lies in it', () => {
  const rows = [{ name: 'x', bars: [bar('a', 0, 4), bar('b', 4, 9), bar('c', 12, 30)] }];
  expect(picture(rows, { from: 3, until: 13, column: 1 })).toBe('x abbbbb···c');
});

test('columns of one unit show every unit of every bar', () => {
  const lengths = fc.array(fc.tuple(fc.nat(3), fc.integer({ min: 1, max: 4 })), { minLength: 1 });
  fc.assert(fc.property(lengths, (pairs) => {
    let at = 0;
    let expected = '';
    const bars = pairs.map(([gap, length], index) => {
      const mark = markOf((index + 1) as OpId);
      expected += '·'.repeat(gap) + mark.repeat(length);
      at += gap + length;
      return bar(mark, at - length, at);
    });
    expect(picture([{ name: 'x', bars }], { until: at, column: 1 })).toBe(`x ${expected}`);
  }));
});

const run = (op: number, startAt: number, endAt?: number, encodedAt?: number): Run =>
  ({ op: op as OpId, attempt: 1, lane: 1 as LaneId, startAt, service: 0, ...(endAt === undefined ? {} : { endAt }), ...(encodedAt === undefined ? {} : { encodedAt }) });
const lane = (id: number, runs: Run[], gate?: number): LaneLife =>
  ({ lane: id as LaneId, laneKind: gate === undefined ? 'cpu' : 'gpu', tenant: undefined, gate: gate as GateId | undefined, openedAt: 0, runs });
const slice = (op: number, startAt: number, endAt: number) =>
  ({ gate: 1 as GateId, op: op as OpId, predicted: endAt - startAt, submittedAt: startAt, startAt, endAt });

test('a lane with a gate shows what it encodes, and the GPU what it runs; what has no end yet goes on', () => {
  const lanes = [lane(1, [run(1, 0, 9000), run(2, 10_000)]), lane(2, [run(3, 0, 8000, 2000), run(4, 2000, 16_000, 5000)], 1)];
  const gpu = [slice(3, 2000, 6000), slice(4, 6000, 12_000), slice(3, 12_000, 13_000)];
  expect(gantt({ lanes, gpu, endAt: 19_500 }, 20)).toBe(`\
lane1 aaaaaaaaa·bbbbbbbbbb
lane2 ccddd···············
gpu   ··ccccddddddc·······
20 columns of 0.975 ms`);
});

test('62 ops have marks of their own', () => {
  expect(new Set(Array.from({ length: 62 }, (_, index) => markOf((index + 1) as OpId))).size).toBe(62);
  expect(markOf(63 as OpId)).toBe('a');
});
