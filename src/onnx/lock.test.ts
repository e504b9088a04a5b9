import { expect, test } from 'vitest';

import { Lock } from './lock.ts';

test('work runs one at a time, in the order asked, and a rejection stays with its own', async () => {
  const lock = new Lock();
  const log: string[] = [];
  const work = (name: string, fails = false) => lock.hold(async () => {
    log.push(`${name} begins`);
    await Promise.resolve();
    log.push(`${name} ends`);
    if (fails) throw new Error(name);
    return name;
  });
  const settled = await Promise.allSettled([work('a'), work('b', true), work('c')]);
  expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});
