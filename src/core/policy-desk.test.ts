import { expect, test } from 'vitest';
import { recordOf } from './driver.ts';
import type { TenantId } from './op.ts';
import { policies, policyNames } from './policies.ts';
import type { Policy, PolicyKey, Ready } from './policy.ts';
import { PolicyDesk } from './policy-desk.ts';
import { Shares } from './shares.ts';

const own = (key: PolicyKey): Policy => ({ key, taken: 'ready', classes: false, sideBySide: false });

function deskWith(key: PolicyKey, name = 'own'): PolicyDesk {
  const desk = new PolicyDesk(new Shares());
  desk.define(name, own(key));
  desk.choose(name);
  return desk;
}

test('until told otherwise it is priority that rules', () => {
  const desk = new PolicyDesk(new Shares());
  expect([desk.name, desk.policy]).toEqual(['priority', policies.priority]);
  expect(desk.keyOfOp(recordOf(1, {}, { readyAt: 70 }))).toBe(50_070);
});

test.each(policyNames)('%s can be chosen by its name', (name) => {
  const desk = new PolicyDesk(new Shares());
  desk.choose(name);
  expect([desk.name, desk.policy, desk.takeMisconduct()]).toEqual([name, policies[name], undefined]);
});

test('a policy is shown what the op is, and where its tenant stands', () => {
  const seen: Ready[] = [];
  const shares = new Shares();
  const desk = new PolicyDesk(shares);
  desk.define('own', own((ready) => seen.push(ready)));
  desk.choose('own');
  const record = recordOf(3, { tenant: 'a', priority: 'low', deadlineAt: 900, cost: 50, more: { items: 4 } }, { shares, readyAt: 7 });
  expect(desk.keyOfOp(record)).toBe(1);
  expect(desk.keyOfSubmission('b' as TenantId, 4, 30, 11)).toBe(2);
  expect(seen[0]).toMatchObject({ tenant: 'a', readyAt: 7, since: 7, urgency: 3, deadlineAt: 900, cost: 50, items: 4, upwardRank: 50 });
  expect(seen[0]!.share).toBe(record.share);
  expect(seen[1]).toMatchObject({ tenant: 'b', readyAt: 11, since: 11, urgency: 4, deadlineAt: Infinity, cost: 30, items: 1, upwardRank: 30 });
  expect(seen.every(({ draw }) => draw > 0 && draw <= 1)).toBe(true);
});

test('ops of a tenant that is deferred are taken to have come half a second later, and then not any more', () => {
  const shares = new Shares();
  const desk = new PolicyDesk(shares);
  const record = recordOf(1, { tenant: 'a' }, { shares, readyAt: 70 });
  shares.of('a' as TenantId).isDeferred = true;
  expect(desk.keyOfOp(record)).toBe(550_070);
  desk.choose('fifo');
  expect(desk.keyOfOp(record)).toBe(500_070);
  shares.of('a' as TenantId).isDeferred = false;
  expect(desk.keyOfOp(record)).toBe(70);
});

test('draws are the same for the same questions', () => {
  const draws = (): readonly number[] => {
    const desk = deskWith(({ draw }) => draw);
    return Array.from({ length: 20 }, () => desk.keyOfOp(recordOf(1)));
  };
  expect(draws()).toEqual(draws());
  expect(new Set(draws()).size).toBe(20);
});

test.each<[string, PolicyKey, string]>([
  ['NaN', () => NaN, 'it gave NaN as a key'],
  ['a text', () => '1' as unknown as number, 'it gave 1 as a key'],
  ['nothing', () => undefined as unknown as number, 'it gave undefined as a key'],
  ['a large integer', () => 1n as unknown as number, 'it gave 1 as a key'],
  ['a symbol', () => Symbol('s') as unknown as number, 'it gave Symbol(s) as a key'],
  ['what has no text', () => Object.create(null) as number, 'it gave something without a text as a key'],
  ['an error', () => { throw new TypeError('oh'); }, 'TypeError: oh'],
  ['a thrown nothing', () => { throw null; }, 'null'], // oxlint-disable-line no-throw-literal
  ['a thrown thing without a text', () => { throw Object.create(null); }, 'something without a text'],
])('a policy that gives %s is dismissed, and the default takes its place at once', (_, key, detail) => {
  const desk = deskWith(key);
  expect(desk.keyOfOp(recordOf(1, {}, { readyAt: 5 }))).toBe(50_005);
  expect(desk.name).toBe('priority');
  expect(desk.takeMisconduct()).toEqual({ policy: 'own', by: 'priority', detail });
  expect(desk.takeMisconduct(), 'told once').toBeUndefined();
});

test.each([Infinity, -Infinity, -0, 2 ** 53])('%d is a key like any other', (key) => {
  const desk = deskWith(() => key);
  expect(desk.keyOfOp(recordOf(1))).toBe(key);
  expect(desk.name).toBe('own');
});

test('a policy that took the name of the default and misbehaves is replaced by the true one', () => {
  const desk = deskWith(() => NaN, 'priority');
  expect(desk.keyOfOp(recordOf(1))).toBe(50_000);
  expect(desk.policy).toBe(policies.priority);
  expect(desk.takeMisconduct()).toMatchObject({ policy: 'priority', by: 'priority' });
  desk.choose('priority');
  expect(desk.policy).toBe(policies.priority);
});

test('a name that nobody defined changes nothing, and is told', () => {
  const desk = new PolicyDesk(new Shares());
  desk.choose('fair');
  desk.choose('nobody\'s');
  expect(desk.name).toBe('fair');
  expect(desk.takeMisconduct()).toEqual({ policy: 'nobody\'s', by: 'fair', detail: 'no policy has this name' });
});

test('a policy that rules is replaced when its name is given to another', () => {
  const desk = deskWith(() => 1);
  desk.define('own', own(() => 2));
  expect(desk.keyOfOp(recordOf(1))).toBe(2);
});

test('what the last policy picked means nothing to the next', () => {
  const shares = new Shares();
  const desk = new PolicyDesk(shares);
  shares.pick(shares.of('a' as TenantId), 700);
  expect(shares.pickedKey).toBe(700);
  desk.choose('lottery');
  expect(shares.pickedKey).toBe(0);
});
