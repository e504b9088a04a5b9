import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { TenantId } from './op.ts';
import { Shares, type TenantShare } from './shares.ts';

const tenantsOf = (...names: readonly string[]): { shares: Shares; tenants: TenantShare[] } => {
  const shares = new Shares();
  return { shares, tenants: names.map((name) => shares.of(name as TenantId)) };
};

test('a tenant has one account, however often it is asked for', () => {
  const { shares, tenants: [a] } = tenantsOf('a', 'b');
  expect(shares.of('a' as TenantId)).toBe(a);
  expect([...shares].map(({ tenant }) => tenant)).toEqual(['a', 'b']);
});

test('service counts over the weight, and as if all weighed the same', () => {
  const { tenants: [a] } = tenantsOf('a');
  a!.weight = 4;
  a!.charge(1000, 0);
  expect([a!.served, a!.servedEqually]).toEqual([250, 1000]);
});

test('what was charged too much comes back at the weight that it was charged at', () => {
  const { tenants: [a] } = tenantsOf('a');
  a!.charge(5000, 0);
  a!.charge(1000, 0);
  a!.weight = 0.001;
  a!.charge(-900, 0, 1);
  expect([a!.served, a!.servedEqually]).toEqual([5100, 5100]);
});

test('no weight is so small or so large that one charge drowns all others', () => {
  const { tenants: [a, b] } = tenantsOf('a', 'b');
  a!.weight = 5e-324;
  b!.weight = 1e308;
  a!.charge(1e6, 0);
  b!.charge(1e6, 0);
  expect(a!.served + 1 - a!.served).toBe(1);
  expect(b!.served).toBeGreaterThan(0);
});

test('what was given a second ago counts half', () => {
  const { tenants: [a] } = tenantsOf('a');
  a!.charge(800, 0);
  a!.charge(0, 1_000_000);
  expect(a!.recent).toBeCloseTo(400, 0);
  a!.charge(0, 3_000_000);
  expect(a!.recent).toBeCloseTo(100, 0);
});

test('in many small steps it fades as in one', () => {
  const { tenants: [a] } = tenantsOf('a');
  a!.charge(1000, 0);
  for (let at = 1000; at <= 1_000_000; at += 1000) a!.charge(0, at);
  expect(a!.recent / 500).toBeCloseTo(1, 2);
});

test('who comes late stands where the others are', () => {
  const { shares, tenants: [a, late] } = tenantsOf('a', 'late');
  shares.join(a!);
  for (let i = 0; i < 10; i += 1) {
    shares.pick(a!, 0);
    a!.charge(1000, 0);
  }
  shares.join(late!);
  expect([late!.served, late!.servedEqually, late!.turns]).toEqual([9000, 9000, 9]);
});

test('who rested gains nothing by it, and who had more than the others still has', () => {
  const { shares, tenants: [a, b] } = tenantsOf('a', 'b');
  shares.join(a!);
  shares.pick(a!, 0);
  a!.charge(50_000, 0);
  shares.leave(a!);
  shares.join(b!);
  shares.pick(b!, 0);
  b!.charge(100, 0);
  shares.join(a!);
  expect([a!.served, b!.served], 'a had its part').toEqual([50_000, 100]);
});

test('while a tenant has anything in line, coming again changes nothing', () => {
  const { shares, tenants: [a, b] } = tenantsOf('a', 'b');
  shares.join(a!);
  shares.join(b!);
  shares.pick(b!, 0);
  b!.charge(9000, 0);
  shares.pick(b!, 0);
  shares.join(a!);
  shares.leave(a!);
  expect(a!.served).toBe(0);
});

test('an endless key is not what others start from', () => {
  const { shares, tenants: [a] } = tenantsOf('a');
  shares.pick(a!, 8);
  shares.pick(a!, Infinity);
  expect(a!.pickedKey).toBe(8);
});

test('whatever is charged and given back, accounts stay numbers above 0', () => {
  const step = fc.record({ cost: fc.integer({ min: -1e12, max: 1e12 }), weight: fc.double({ min: 0, noNaN: true }), after: fc.nat(1e9) });
  fc.assert(fc.property(fc.array(step), (steps) => {
    const { tenants: [a] } = tenantsOf('a');
    let now = 0;
    for (const { cost, weight, after } of steps) {
      a!.weight = weight;
      a!.charge(cost, (now += after));
      for (const figure of [a!.served, a!.servedEqually, a!.recent]) expect(figure >= 0 && figure < Infinity).toBe(true);
    }
  }));
});
