import { describe, expect, test } from 'vitest';
import { defaultPolicy, policies, policyNames, policyOf, type PolicyName } from './policies.ts';
import type { Ready, Share } from './policy.ts';
import type { TenantId } from './op.ts';

const share: Share = { weight: 1, served: 0, servedEqually: 0, turns: 0, recent: 0, pickedKey: 0 };
const ready: Ready = {
  tenant: 'x' as TenantId, readyAt: 1000, since: 400, urgency: 2, deadlineAt: Infinity, cost: 3000, items: 1, upwardRank: 8000, share, draw: 0.5,
};
const keyOf = (policy: PolicyName, what: Partial<Ready> = {}, own: Partial<Share> = {}): number =>
  policies[policy].key({ ...ready, ...what, share: { ...share, ...own } });

describe('the key of', () => {
  test('fifo is when the op became ready', () => {
    expect(keyOf('fifo')).toBe(1000);
    expect(keyOf('fifo', { urgency: 0, cost: 9, deadlineAt: 5 }, { served: 7 })).toBe(1000);
  });

  test.each([[0, 0], [1, 10_000], [2, 50_000], [3, 2_000_000], [4, 5_000_000]])('priority is when urgency %i loses patience: after %i µs', (urgency, patience) => {
    expect(keyOf('priority', { urgency })).toBe(1000 + patience);
  });

  test('round-robin is how many turns the tenant had', () => expect(keyOf('round-robin', {}, { turns: 12 })).toBe(12));

  test('shortest-first is the arrival, and 32 times the cost', () => {
    expect(keyOf('shortest-first')).toBe(1000 + 32 * 3000);
    expect(keyOf('shortest-first', { cost: 0 })).toBe(1000);
  });

  test('earliest-deadline is the deadline, and for one without, what its urgency can wait', () => {
    expect(keyOf('earliest-deadline', { deadlineAt: 7000 })).toBe(7000);
    expect([0, 1, 2, 3, 4].map((urgency) => keyOf('earliest-deadline', { urgency }) - 1000)).toEqual([50_000, 100_000, 500_000, 5_000_000, 10_000_000]);
  });

  test('least-laxity is the deadline less what is left to do; without one, all of the way to the end counts', () => {
    expect(keyOf('least-laxity', { deadlineAt: 7000 })).toBe(4000);
    expect(keyOf('least-laxity')).toBe(1000 + 500_000 - 8000);
  });

  test('cheapest is shortest-first by item', () => expect(keyOf('cheapest', { items: 6 })).toBe(1000 + 32 * 500));

  test('fair is the service of the tenant, weighted-fair that over its weight', () => {
    expect(keyOf('fair', {}, { servedEqually: 600, served: 200, weight: 3 })).toBe(600);
    expect(keyOf('weighted-fair', {}, { servedEqually: 600, served: 200, weight: 3 })).toBe(200);
  });

  test('lottery is the last that was picked, and an exponential draw over the weight', () => {
    expect(keyOf('lottery', { draw: 1 }, { pickedKey: 5 })).toBe(5);
    expect(keyOf('lottery', { draw: Math.exp(-6) }, { pickedKey: 5, weight: 3 })).toBeCloseTo(7, 9);
  });

  test.each([[0, 0], [9999, 0], [10_000, 50_000], [49_999, 50_000], [50_000, 250_000], [250_000, 1_000_000], [1e9, 1_000_000]])(
    'multilevel-feedback puts a tenant that had %i µs of late back by %i µs', (recent, start) => expect(keyOf('multilevel-feedback', {}, { recent })).toBe(1000 + start));

  test('critical-path is the arrival of the graph less the way to its end', () => expect(keyOf('critical-path')).toBe(400 - 8000));
});

test('of twelve policies, those that share take keys at the head of a line; only priority tells classes apart', () => {
  const that = (is: (name: PolicyName) => boolean): readonly string[] => policyNames.filter(is);
  expect(policyNames).toHaveLength(12);
  expect(that((name) => policies[name].taken === 'head')).toEqual(['round-robin', 'fair', 'weighted-fair', 'lottery', 'multilevel-feedback']);
  expect(that((name) => policies[name].classes)).toEqual(['priority']);
  expect(that((name) => policies[name].sideBySide)).toEqual(['fifo', 'priority']);
  expect(defaultPolicy).toBe('priority');
});

test('a key alone is a policy that orders ops and slices; a whole policy stays as it is', () => {
  const key = (): number => 3;
  expect(policyOf(key)).toEqual({ key, taken: 'ready', classes: false, sideBySide: false });
  expect(policyOf(policies.fair)).toBe(policies.fair);
});
