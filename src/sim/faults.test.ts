import { expect, test } from 'vitest';
import type { Command } from '../core/event.ts';
import type { GateId } from '../core/op.ts';
import { stream } from './chance.ts';
import { calm, drawFaults, Fate, type Faults } from './faults.ts';

const recall: Command = { kind: 'recall', gate: 1 as GateId };
const fates = (faults: Faults, count: number): readonly number[] => {
  const fate = new Fate(faults, stream(1, 'fate'));
  return Array.from({ length: count }, () => fate.copies(recall));
};

test('each seed draws its own mix, of about half of the kinds', () => {
  expect(drawFaults(1)).toEqual(drawFaults(1));
  expect(drawFaults(1)).not.toEqual(drawFaults(2));
  const kinds = Array.from({ length: 400 }, (_, seed) => Object.values(drawFaults(seed)).filter((rate) => rate > 0).length);
  expect(kinds.reduce((sum, count) => sum + count, 0) / 400).toBeCloseTo(3, 0);
});

test('messages are lost and doubled as often as was said; in a calm world each comes once', () => {
  expect(new Set(fates(calm, 100))).toEqual(new Set([1]));
  const drawn = fates({ ...calm, lost: 0.2, doubled: 0.3 }, 5000);
  expect(drawn.filter((copies) => copies === 0).length / 5000).toBeCloseTo(0.2, 1);
  expect(drawn.filter((copies) => copies === 2).length / 5000).toBeCloseTo(0.3, 1);
});

test('one message can be chosen', () => {
  expect(fates({ ...calm, planned: { kind: 'message-lost', after: 2 } }, 4)).toEqual([1, 1, 0, 1]);
  expect(fates({ ...calm, planned: { kind: 'message-doubled', after: 0 } }, 3)).toEqual([2, 1, 1]);
});

test('the news of new slices is sure, because it carries no number', () => {
  const fate = new Fate({ ...calm, lost: 1 }, stream(1, 'fate'));
  expect(fate.copies({ kind: 'slices-ready', gate: 1 as GateId, priority: 'background', costs: [1], released: 0 })).toBe(1);
  expect(fate.copies(recall)).toBe(0);
});
