import { describe, expect, test } from 'vitest';
import { MemoryLedger } from './ledger.ts';
import type { AccountId } from './ledger-event.ts';
import { filled, second, Story } from './ledger-story.ts';
import type { TenantId } from './quota.ts';

describe('leases', () => {
  test('a device that is alone begins with all, and others with most of what is free, divided by weight', () => {
    const story = new Story(1200);
    expect(story.open(1, 'a')).toBe('1 has 1200');
    story.report(1, {});
    story.quota('b', { weight: 3 });
    expect(story.open(2, 'b')).toBe('');
    const shortfall = story.ledger.shortfall(2 as AccountId);
    expect(shortfall).toBe(1200 * 7 / 8 * 3 / 4 - 0.5);
    expect(story.ask(2, shortfall)).toBe('1 down to 413');
    expect(story.give(1, 787, 1)).toBe('2 has 787');
  });

  test('what fits is granted in the same turn, and with it as much headroom as the level allows', () => {
    const story = filled(1000, ['a', 0], ['b', 0]);
    expect(story.ask(1, 400, 1000)).toBe('1 has 662');
    story.report(1, { live: 662 });
    expect(story.ask(1, 100, 20)).toBe('1 has 782');
  });

  test('whoever needs nothing is told what it has', () => {
    const story = filled(100, ['a', 100]);
    expect(story.ask(1, 0, 50)).toBe('1 has 100');
  });

  test('what a closed device had is free at once', () => {
    const story = filled(100, ['a', 60], ['b', 40]);
    story.ask(2, 50);
    expect(story.close(1)).toContain('2 has 90');
  });

  test('what was given back on its way while a lease was on its way is not lost and not had twice', () => {
    const story = filled(100, ['a', 60]);
    const before = story.figures(1);
    expect(story.ask(1, 40)).toBe('1 has 100');
    // Said before it heard of the 40.
    story.step({ kind: 'account-reported', account: 1 as AccountId, figures: { ...before, live: 30, returned: 30 } });
    expect(story.ledger.report().leased).toBe(70);
  });

  test('a device that used more than its lease may ask for it afterwards, which takes nothing from anybody', () => {
    const story = filled(100, ['a', 50]);
    story.report(1, { live: 90 });
    expect(story.ask(1, 40)).toBe('1 has 90');
    expect(story.ledger.report()).toMatchObject({ leased: 90, committed: 90 });
  });

  test('what a device uses beyond its lease is not given to another', () => {
    const story = filled(1000, ['a', 500], ['b', 0]);
    story.report(1, { live: 900 });
    expect(story.ask(2, 300)).toBe('1 down to 300 unloading');
    expect(story.give(1, 0, 1)).toBe('2 no over-budget fits 100');
  });

  test('headroom of the device that asks is no help to it', () => {
    const story = new Story(1000);
    story.open(1, 'a');
    story.report(1, {});
    expect(story.ask(1, 1)).toBe('1 no over-budget fits 0');
  });

  test('headroom that was asked back is not given again before it came', () => {
    const story = filled(1000, ['a', 600], ['b', 0]);
    story.report(1, { live: 300, idle: 300 });
    expect(story.ask(2, 500)).toBe('1 down to 500');
    expect(story.close(2)).toBe('2 no account-closed fits 0');
    expect(story.ask(1, 0, 1000)).toBe('1 has 600');
    story.give(1, 100, 1, { idle: 200 });
    expect(story.ask(1, 0, 1000)).toBe('1 has 1000');
  });

  test('a device that held memory under a scheduler that is gone is asked back what is too much', () => {
    const story = new Story(100);
    expect(story.open(1, 'a', 80)).toBe('1 has 100');
    expect(story.open(2, 'b', 80)).toBe('1 down to 20');
  });
});

describe('quotas', () => {
  test('a quota counts what is below it, and the refusal names whose it is', () => {
    const story = filled(1000, ['app/chat', 100], ['app/vision', 100]);
    story.quota('app', { hard: 250 });
    expect(story.ask(1, 51)).toBe('1 down to 99 unloading');
    expect(story.give(1, 0, 1)).toBe('1 no over-quota of app fits 50');
    expect(story.ask(2, 50)).toBe('2 has 150');
  });

  test('who asks for more than its quota is refused at once', () => {
    const story = new Story(1000);
    story.quota('a', { hard: 0 });
    expect(story.open(1, 'a')).toBe('');
    expect(story.ask(1, 1)).toBe('1 no over-quota of a fits 0');
    expect(story.ask(1, 0, 1)).toBe('1 has 0');
  });

  test('who is short of a quota is in nobody\'s way outside', () => {
    const story = filled(1000, ['a', 100], ['b', 100]);
    story.quota('a', { hard: 100 });
    story.report(1, { live: 50, returning: 50 });
    expect(story.ask(1, 10)).toBe('1 down to 90 unloading');
    expect(story.ask(2, 800)).toBe('2 has 900');
  });

  test('a quota below what is in use refuses nobody what it has', () => {
    const story = filled(1000, ['a', 400]);
    story.report(1, { live: 350, idle: 50 });
    expect(story.quota('a', { soft: 100, hard: 300 })).toBe('a critical 131, a over, 1 down to 350');
    expect(story.ask(1, 10)).toBe('');
    expect(story.give(1, 50, 1, { idle: 0 })).toBe('1 down to 300 unloading');
    expect(story.give(1, 0, 2), 'for the quota').toBe('1 down to 290 unloading');
    expect(story.give(1, 0, 3), 'for the request').toBe('1 no over-quota of a fits 0');
    expect(story.ledger.report()).toMatchObject({ leased: 350, live: 350 });
  });

  test('a soft quota is told once each way, with five points between', () => {
    const story = filled(1000, ['a/b', 101]);
    expect(story.quota('a', { soft: 100 })).toBe('a over');
    expect(story.report(1, { live: 96 })).toBe('');
    expect(story.report(1, { live: 101 })).toBe('');
    expect(story.report(1, { live: 95 })).toBe('a under');
    expect(story.report(1, { live: 100 })).toBe('');
    expect(story.quota('a', { soft: Infinity })).toBe('');
  });

  test('who is over a soft quota is answered after who is not', () => {
    const story = filled(1000, ['a', 300], ['b', 200], ['c', 500]);
    story.quota('a', { soft: 250 });
    story.report(3, { live: 400, returning: 100 });
    expect(story.ask(1, 100)).toBe('1 down to 200 unloading');
    expect(story.ask(2, 100)).toBe('');
    expect(story.give(3, 100, 0, { returning: 0 })).toContain('2 has 300');
    expect(story.ledger.report().waitingCount).toBe(1);
  });

  test('a tenant that closes has its requests answered, and its pressure and its quota ended', () => {
    const story = filled(100, ['a/b', 95], ['c', 0]);
    story.ask(2, 5);
    story.quota('a', { soft: 50, hard: 100 });
    story.report(1, { live: 55, returning: 40 });
    story.ask(1, 5);
    expect(story.step({ kind: 'tenant-closed', tenant: 'a' as TenantId })).toBe('1 no account-closed fits 0, all nominal 0, a nominal 0, a under');
    expect(story.ledger.report()).toMatchObject({ leased: 5, tenants: [{ tenant: 'c' }] });
  });
});

describe('budget and pressure', () => {
  test('a budget below what is in use is critical, asks for what is idle, and refuses nobody what it has', () => {
    const story = filled(1000, ['a', 500], ['b', 100]);
    story.report(1, { live: 300, idle: 200 });
    expect(story.budget(450)).toBe('all critical 196, 1 down to 350');
    expect(story.give(1, 150, 1, { idle: 50 })).toBe('');
    expect(story.ledger.report()).toMatchObject({ leased: 450, ceiling: 450 });
  });

  test('headroom shrinks as the level rises', () => {
    const story = new Story(1000);
    story.open(1, 'a');
    story.report(1, {});
    story.open(2, 'b');
    expect(story.report(1, { live: 100 })).toBe('');
    expect(story.step({ kind: 'page-hidden' })).toBe('all fair 0, 1 down to 325');
    expect(story.step({ kind: 'compute-pressure-changed', level: 'serious' })).toBe('');
    expect(story.step({ kind: 'compute-pressure-changed', level: 'critical' })).toBe('all serious 0, 1 down to 128');
  });

  test('what is returning is pressure too', () => {
    const story = filled(1000, ['a', 900]);
    expect(story.report(1, { live: 0, returning: 950 })).toBe('all critical 51');
  });

  test('after the GPU ran out of memory there is less to give, and later again as much', () => {
    const story = filled(1000, ['a', 500]);
    story.step({ kind: 'memory-ran-out', charged: 700 });
    expect(story.ledger.report()).toMatchObject({ budget: 1000, ceiling: 560 });
    expect(story.ask(1, 100)).toBe('1 down to 460 unloading');
    expect(story.give(1, 0, 1)).toBe('1 no over-budget fits 60');
    story.woke(600 * second);
    expect(story.ask(1, 100, 0, 2)).toBe('1 has 600');
  });
});

describe('what makes no sense changes nothing', () => {
  const bytes = [NaN, -1, 1.5, Infinity, 2 ** 53] as const;

  test.each(bytes)('%s bytes', (odd) => {
    const story = filled(100, ['a', 50]);
    const before = story.ledger.report();
    expect([story.ask(1, odd), story.ask(1, 1, odd), story.budget(odd), story.report(1, { live: odd })]).toEqual(Array.from({ length: 4 }, () => 'not-bytes'));
    expect(story.step({ kind: 'memory-ran-out', charged: odd })).toBe('not-bytes');
    expect(story.open(7, 'b', odd)).toBe('not-bytes');
    if (odd !== Infinity) expect(story.quota('a', { hard: odd })).toBe('not-bytes');
    expect(story.ledger.report()).toEqual(before);
  });

  test.each([
    ['bad-path', (story: Story) => story.open(2, 'a//b')],
    ['bad-path', (story: Story) => story.quota('', { hard: 1 })],
    ['bad-path', (story: Story) => story.step({ kind: 'tenant-closed', tenant: '/' as TenantId })],
    ['unknown-tenant', (story: Story) => story.step({ kind: 'tenant-closed', tenant: 'z' as TenantId })],
    ['hard-below-soft', (story: Story) => story.quota('a', { soft: 2, hard: 1 })],
    ['not-weight', (story: Story) => story.quota('a', { weight: 0 })],
    ['known-account', (story: Story) => story.open(1, 'a')],
    ['unknown-account', (story: Story) => story.ask(9, 1)],
    ['unknown-account', (story: Story) => story.report(9, {})],
    ['unknown-account', (story: Story) => story.close(9)],
    ['out-of-step', (story: Story) => story.report(1, { returned: 51 })],
    ['out-of-step', (story: Story) => story.report(1, { granted: 51 })],
    ['out-of-step', (story: Story) => story.report(1, { trim: 1 })],
    ['not-bytes', (story: Story) => story.report(1, { live: 2 ** 53 - 1, idle: 1 })],
    ['not-bytes', (story: Story) => story.open(2, 'b', 2 ** 53 - 1)],
  ] as const)('%s', (code, tell) => {
    const story = filled(100, ['a', 50]);
    const before = story.ledger.report();
    expect(tell(story)).toBe(code);
    expect(story.ledger.report()).toEqual(before);
  });

  test('a request told twice is answered once', () => {
    const story = filled(100, ['a', 100]);
    story.report(1, { live: 50, returning: 50 });
    expect(story.ask(1, 50)).toBe('1 down to 50 unloading');
    expect(story.ask(1, 50)).toBe('known-request');
    expect(story.close(1)).toContain('1 no account-closed fits 0');
  });

  test('a budget that is no bytes is a bug', () => expect(() => new MemoryLedger(1.5)).toThrow('a budget is bytes'));
});
