import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { build, createServer, preview, type InlineConfig } from 'vite';
import { edges } from '../src/demo/models.ts';
import { launch } from './browser.ts';
import { root } from './cli/install.mjs';

const app = `${root}test-results/app`;

const page = `
  import { createScheduler } from 'webgpu-switchyard';
  const scheduler = await createScheduler();
  const model = await scheduler.loadModel('/edges.onnx', { tenant: 'page' });
  const image = { type: 'float32', dims: [64, 64], data: new Float32Array(64 * 64).fill(0.5) };
  const { edges } = await model.run({ image });
  scheduler.close();
  document.title = edges.dims.join() + ' ' + edges.data.every((slope) => slope < 1e-3);
`;

/** An application beside nobody's sources: it has the package as npm would install it. */
beforeAll(() => {
  const built = spawnSync(process.execPath, ['e2e/cli/build.mjs'], { cwd: root, encoding: 'utf8' });
  if (built.status !== 0) throw new Error(built.stdout + built.stderr);
  rmSync(app, { recursive: true, force: true });
  const installed = `${app}/node_modules/webgpu-switchyard`;
  mkdirSync(installed, { recursive: true });
  for (const path of ['package.json', 'dist']) cpSync(root + path, `${installed}/${path}`, { recursive: true });
  mkdirSync(`${app}/public`);
  writeFileSync(`${app}/public/edges.onnx`, edges());
  writeFileSync(`${app}/package.json`, '{ "type": "module" }');
  writeFileSync(`${app}/main.js`, page);
  writeFileSync(`${app}/index.html`, '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/main.js"></script>');
});

async function titleAt(url: string): Promise<string> {
  const browser = await launch();
  onTestFinished(() => browser.close());
  const tab = await browser.newPage();
  const errors: string[] = [];
  tab.on('pageerror', (error) => errors.push(error.message));
  await tab.goto(url);
  await tab.waitForFunction(() => document.title !== '', undefined, { timeout: 40_000 }).catch(() => expect(errors, 'page errors').toEqual(['the title']));
  return tab.title();
}

const config: InlineConfig = { root: app, configFile: false, logLevel: 'error', build: { target: 'esnext' }, server: { port: 0 }, preview: { port: 0 } };

test('a Vite application in development runs a model with the packed library', async () => {
  const server = await (await createServer(config)).listen();
  onTestFinished(() => server.close());
  expect(await titleAt(server.resolvedUrls!.local[0]!)).toBe('64,64 true');
});

test('a built Vite application runs a model with the packed library', async () => {
  await build(config);
  const server = await preview(config);
  onTestFinished(() => server.close());
  expect(await titleAt(server.resolvedUrls!.local[0]!)).toBe('64,64 true');
});
