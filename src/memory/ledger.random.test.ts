import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MemoryLedger } from './ledger.ts';
import type { AccountId, MemoryEvent, RequestId } from './ledger-event.ts';
import { LedgerTwin } from './ledger-twin.ts';
import { LedgerWorld } from './ledger-world.ts';
import type { TenantId } from './quota.ts';

const schedules = 10_000;

function seeded(seed: number, play: () => void): void {
  try {
    play();
  } catch (error) {
    throw new Error(`seed ${seed}`, { cause: error });
  }
}

/** A world in which a twin watches every step, and no device ever has more than the ledger believes. */
function watched(seed: number): LedgerWorld {
  let twin: LedgerTwin | undefined;
  return new LedgerWorld(seed, 1000 + (seed % 7) * 1000, (world, event, commands) => {
    twin ??= new LedgerTwin(world.ledger);
    twin.note(event, commands);
    const believed = new Map(world.ledger.report().accounts.map(({ account, lease }) => [account, lease]));
    for (const { account, lease } of world.devices.values()) if (believed.has(account)) expect(lease).toBeLessThanOrEqual(believed.get(account)!);
  });
}

test(`in ${schedules} worlds sums, quotas, levels and answers are what the twin works out, all who ask are answered, and nothing is left`, () => {
  for (let seed = 0; seed < schedules; seed += 1) {
    seeded(seed, () => {
      const world = watched(seed);
      for (let step = 0; step < 60; step += 1) world.play();
      world.settle();
      world.pass(30_000_000);
      expect(world.ledger.report().waitingCount, 'nobody waits for ever').toBe(0);
      for (const device of world.devices.values()) world.tell({ kind: 'account-closed', account: device.account });
      const { leased, committed, spare, pending, live, idle, returning, tenants } = world.ledger.report();
      expect([leased, committed, spare, pending, live, idle, returning]).toEqual([0, 0, 0, 0, 0, 0, 0]);
      expect(tenants.every((tenant) => tenant.committed === 0 && tenant.pending === 0 && tenant.accountCount === 0)).toBe(true);
    });
  }
});

test('neighbours may ask as they like: a tenant gives up headroom, but nothing of its share that it holds', () => {
  let trimmed = 0;
  for (let seed = 0; seed < 1000; seed += 1) {
    seeded(seed, () => {
      const held = new Map<AccountId, number>();
      const world = new LedgerWorld(seed, 10_000, (_, __, commands) => {
        for (const command of commands) {
          if (command.kind !== 'trim' || !held.has(command.account)) continue;
          trimmed += 1;
          const { share } = world.ledger.report().tenants.find(({ tenant }) => tenant === (`quiet/${command.account}` as TenantId))!;
          expect(command.to).toBeGreaterThanOrEqual(Math.min(share, held.get(command.account)!));
        }
      });
      world.tell({ kind: 'quota-set', tenant: 'quiet' as TenantId, weight: 1 + world.draw(3) });
      const quiet = [1, 2].map((account) => world.open(`quiet/${account}`, 'honest'));
      const noisy = ['noise', 'noise/more', 'din'].map((tenant) => world.open(tenant, 'honest'));
      for (const device of quiet) {
        device.ask(world.draw(6000), 0);
        for (let i = 0; i < 4; i += 1) world.deliver(device);
        device.live = world.draw(device.lease + 1);
        device.idle = world.draw(device.spare + 1);
        device.report();
        world.settle();
        held.set(device.account, device.live + device.idle);
      }
      // From here on the quiet ones are told of trims and do not do them, so that what they hold stays what it is.
      for (let step = 0; step < 120; step += 1) {
        const device = noisy[world.draw(noisy.length)]!;
        if (world.draw(3) > 0) world.deliver(device);
        else world.act(device);
        if (world.draw(20) === 0) world.pass(3_000_000);
      }
    });
  }
  expect(trimmed, 'they were asked now and then').toBeGreaterThan(100);
});

test('use that swings inside a band of five points is told of once, for all and under a quota', () => {
  const swing = fc.array(fc.integer({ min: 801, max: 949 }), { minLength: 2, maxLength: 50 });
  fc.assert(fc.property(swing, (swings) => {
    const ledger = new MemoryLedger(1000);
    ledger.step({ kind: 'quota-set', tenant: 'a' as TenantId, hard: 1000, soft: 849 }, 0);
    ledger.step({ kind: 'account-opened', account: 1 as AccountId, tenant: 'a' as TenantId, lease: 1000 }, 0);
    const told: string[] = [];
    for (const live of [850, ...swings]) {
      const figures = { live, idle: 0, returning: 0, granted: 0, returned: 0, trim: 0 };
      for (const command of ledger.step({ kind: 'account-reported', account: 1 as AccountId, figures }, 0)) told.push(command.kind);
    }
    const steps = [850, ...swings].reduce(({ isOver, count }, live) => {
      const now = live > (isOver ? 849 * 0.95 : 849);
      return { isOver: now, count: count + (now === isOver ? 0 : 1) };
    }, { isOver: false, count: 0 });
    expect(told.filter((kind) => kind === 'pressure')).toHaveLength(2);
    expect(told.filter((kind) => kind === 'soft-quota')).toHaveLength(steps.count);
  }));
});

test('whatever it is told, it stays whole and leases no more than the ceiling', () => {
  const bytes = fc.oneof({ weight: 5, arbitrary: fc.integer({ min: 0, max: 2000 }) },
    { weight: 1, arbitrary: fc.constantFrom(NaN, Infinity, -Infinity, -1, -0, 0.5, 2 ** 53 - 1, 2 ** 53, 1e300) });
  const account = fc.integer({ min: 1, max: 3 }) as unknown as fc.Arbitrary<AccountId>;
  const request = fc.integer({ min: 1, max: 9 }) as unknown as fc.Arbitrary<RequestId>;
  const tenant = fc.constantFrom('a', 'a/b', 'a/b/c', 'd', '', '/', 'a/', '__proto__') as unknown as fc.Arbitrary<TenantId>;
  const figures = fc.record({ live: bytes, idle: bytes, returning: bytes, granted: bytes, returned: bytes, trim: fc.oneof(fc.nat(4), bytes) });
  const told = <K extends MemoryEvent['kind']>(kind: K, rest: object = {}): fc.Arbitrary<MemoryEvent> =>
    fc.record({ kind: fc.constant(kind), ...rest }) as unknown as fc.Arbitrary<MemoryEvent>;
  const event = fc.oneof(
    told('account-opened', { account, tenant }), told('account-opened', { account, tenant, lease: bytes }), told('account-reported', { account, figures }),
    told('account-reported', { account, figures }), told('account-asked', { account, request, need: bytes, wish: bytes }),
    told('account-asked', { account, request, need: bytes, wish: bytes }), told('account-closed', { account }), told('tenant-closed', { tenant }),
    told('quota-set', { tenant, soft: bytes, hard: bytes, weight: bytes }), told('quota-set', { tenant, hard: bytes }), told('budget-set', { bytes }),
    told('memory-ran-out', { charged: bytes }), told('page-hidden'), told('page-shown'), told('woke'));
  const at = fc.oneof({ weight: 9, arbitrary: fc.nat(60_000_000) }, { weight: 1, arbitrary: fc.constantFrom(NaN, Infinity, -1) });
  fc.assert(fc.property(fc.array(fc.tuple(event, at), { maxLength: 60 }), (events) => {
    const ledger = new MemoryLedger(1500);
    for (const [event, now] of events) {
      const before = ledger.report();
      const commands = ledger.step(event, now);
      ledger.check();
      const after = ledger.report();
      expect(after.leased <= after.ceiling || after.leased <= before.leased || event.kind === 'account-opened').toBe(true);
      for (const command of commands) for (const value of Object.values(command)) if (typeof value === 'number') expect(Number.isSafeInteger(value)).toBe(true);
    }
  }), { numRuns: 2000 });
});
