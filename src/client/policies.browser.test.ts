import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { codeOf, Ground, runBits, short } from '../../e2e/hostile/ground.ts';
import { type Model, policyNames } from './index.ts';

const small = short(16);
let ground: Ground;
let models: readonly Model[];
let expected: string;

beforeAll(async () => {
  ground = await Ground.open();
  models = await Promise.all(['camera', 'index'].map((tenant) => ground.scheduler.loadModel(small.bytes, { tenant, priority: 'background' })));
  expected = await runBits(models[0]!, small);
}, 120_000);
afterAll(() => ground.scheduler.close());

const moduleOf = (text: string): URL => new URL(`data:text/javascript,${encodeURIComponent(text)}`);
const runAll = async (): Promise<void> => {
  const runs = [...models, ...models, ...models].map((model) => runBits(model, small));
  expect(await Promise.all(runs)).toEqual(runs.map(() => expected));
};

test.each(policyNames)('under %s every run of two tenants ends well', async (policy) => {
  await ground.scheduler.setPolicy(policy);
  await runAll();
  expect(ground.notices).toEqual([]);
});

test('a policy of the application is loaded into the scheduler worker and put in charge', async () => {
  await ground.scheduler.setPolicy(moduleOf('export default ({ readyAt, tenant }) => readyAt - tenant.length;'));
  await runAll();
  expect(ground.notices).toEqual([]);
});

test.each([
  ['throws', 'export default () => { throw new Error("no key"); };', 'no key'],
  ['gives no number', 'export default () => "first";', 'first'],
  ['is neither a policy nor a key function', 'export default 7;', 'neither a policy nor a key function'],
  ['does not compile', 'export default ((;', 'SyntaxError'],
])('a policy that %s is replaced with one notice, and every run ends well', async (_, text, words) => {
  ground.notices.length = 0;
  await ground.scheduler.setPolicy('fair');
  await ground.scheduler.setPolicy(moduleOf(text));
  await runAll();
  await vi.waitFor(() => expect(ground.notices).toHaveLength(1));
  expect(ground.notices[0]).toMatchObject({ code: 'policy-replaced' });
  expect(ground.notices[0]!.message).toContain(words);
  await runAll();
  expect(ground.notices).toHaveLength(1);
});

test('a scheduler that takes over has the policy and the tenants of the one before', async () => {
  await ground.scheduler.setPolicy('weighted-fair');
  await ground.scheduler.setTenant('camera', { weight: 3, slots: 1 });
  await runAll();
  ground.killScheduler();
  await runAll();
  await vi.waitFor(() => expect(ground.notices.at(-1)).toMatchObject({ code: 'worker-crashed' }));
});

test.each([{ weight: 0 }, { weight: Number.NaN }, { weight: Infinity }, { slots: 0 }, { slots: Number.NaN }])('a tenant with %j is an invalid argument', async (options) => {
  expect(await codeOf(ground.scheduler.setTenant('camera', options))).toBe('invalid-argument');
});

test.each(['critical', 'high', 'normal', 'low'] as const)('a run may be %s', async (priority) => {
  expect(Object.keys(await models[0]!.run(small.feeds, { priority }))).not.toHaveLength(0);
});
