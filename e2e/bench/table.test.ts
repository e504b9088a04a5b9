import { expect, test } from 'vitest';
import { tableOf } from './table.ts';

test('a report prints as aligned columns, and arms need not share them all', () => {
  const environment = { adapter: 'google swiftshader', browser: '156', isolated: true, cores: 2, node: 'v20' };
  const arms = { solo: { p50: 4.66666, n: 100, rounds: [{ p50: 1 }] }, stockAlone: { perSecond: 8.9 } };
  expect(tableOf({ scenario: 'isolation', environment, arms, ratios: { p95VsSolo: 1.25, overhead: 0.98 } })).toBe(`\
isolation: adapter google swiftshader · browser 156 · isolated true · cores 2 · node v20

arm           p50    n  perSecond
solo        4.667  100
stockAlone                    8.9

ratio
p95VsSolo  1.25
overhead   0.98`);
});
