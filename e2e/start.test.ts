import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { root } from './cli/install.mjs';

/** Runs `npm start -- --no-open` and waits for the address it prints. */
async function start() {
  const child = spawn(process.execPath, ['e2e/cli/start.mjs', '--no-open'], { cwd: root, env: { ...process.env, NO_COLOR: '1' } });
  onTestFinished(() => void child.kill('SIGKILL'));
  let printed = '';
  for await (const text of child.stdout) {
    printed += String(text);
    const address = /http:\/\/localhost:\d+/.exec(printed)?.[0];
    if (address) return { child, address };
  }
  throw new Error(`no address in: ${printed}`);
}

test('npm start serves an isolated page and leaves cleanly on Ctrl-C', async () => {
  const { child, address } = await start();
  const response = await fetch(`${address}/package.json`);
  expect(response.headers.get('document-isolation-policy')).toBe('isolate-and-credentialless');
  child.kill('SIGINT');
  expect(await once(child, 'exit')).toEqual([0, null]);
});

test('npm start takes the next port when one is in use', async () => {
  const squatter = createServer().listen(5173, 'localhost');
  // In use by somebody else is as good.
  await Promise.race([once(squatter, 'listening'), once(squatter, 'error')]);
  onTestFinished(() => void squatter.close());
  const { address } = await start();
  expect(address).not.toMatch(/:5173$/);
});
