import { expect, test } from 'vitest';
import { Account } from './account.ts';
import type { AccountId } from './ledger-event.ts';
import { isPath, isWeight, QuotaTree, type TenantId } from './quota.ts';

let count = 0;
const account = (tree: QuotaTree, tenant: string, lease = 0): Account => new Account((count += 1) as AccountId, tree.of(tenant as TenantId).leaf, lease);

test.each([['a', true], ['app/chat', true], ['', false], ['/a', false], ['a/', false], ['a//b', false]])('%j is a path: %s', (path, is) => {
  expect(isPath(path)).toBe(is);
});

test.each([[1, true], [1e-9, true], [1e6, true], [0, false], [-1, false], [NaN, false], [Infinity, false]])('%s is a weight: %s', (weight, is) => {
  expect(isWeight(weight)).toBe(is);
});

test('what an account has counts in its tenant, in all above it and in the whole, and in no neighbour', () => {
  const tree = new QuotaTree();
  account(tree, 'app/chat', 30);
  account(tree, 'app/vision', 5);
  account(tree, 'app', 1);
  const leased = (tenant: string): number | undefined => tree.find(tenant as TenantId)?.sums.leased;
  expect([leased('app/chat'), leased('app/vision'), leased('app'), tree.root.sums.leased, leased('ap'), leased('app/')]).toEqual([30, 5, 36, 36, undefined, undefined]);
});

test('the budget is shared by weight among those with accounts, level by level; own accounts weigh 1', () => {
  const tree = new QuotaTree();
  tree.root.hard = 1200;
  const share = (tenant: string): number => tree.of(tenant as TenantId).share;
  tree.of('app' as TenantId).weight = 2;
  account(tree, 'app/chat');
  expect([share('app'), share('app/chat')]).toEqual([1200, 1200]);
  const game = account(tree, 'game');
  expect([share('app'), share('game')]).toEqual([800, 400]);
  account(tree, 'app');
  tree.of('app/chat' as TenantId).weight = 3;
  expect([share('app/chat'), tree.of('app' as TenantId).leaf.share]).toEqual([600, 200]);
  game.close();
  expect(share('app')).toBe(1200);
});

test('a share is not above the hard quota', () => {
  const tree = new QuotaTree();
  tree.root.hard = 1200;
  account(tree, 'app/chat');
  tree.of('app' as TenantId).hard = 100;
  expect([tree.of('app' as TenantId).share, tree.of('app/chat' as TenantId).share]).toEqual([100, 100]);
});

test('a tenant that is removed takes with it what was there for its sake only', () => {
  const tree = new QuotaTree();
  account(tree, 'a/b/c').close();
  tree.of('a' as TenantId).hard = 10;
  tree.remove(tree.of('a/b/c' as TenantId));
  expect([...tree.root].map(({ tenant }) => tenant)).toEqual(['', 'a']);
});

test('peaks are what was highest', () => {
  const tree = new QuotaTree();
  const one = account(tree, 'a', 50);
  one.report({ live: 10, idle: 20, returning: 5, granted: 0, returned: 0, trim: 0 }, 0);
  one.close();
  const { peakLeased, peakCharged, sums } = tree.of('a' as TenantId);
  expect([peakLeased, peakCharged, sums.leased, sums.committed]).toEqual([50, 35, 0, 0]);
});
