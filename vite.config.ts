import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';

/** One origin for page, workers and wasm; isolated so that `performance.now()` steps by 5 µs instead of 100 µs. */
const headers = { 'Document-Isolation-Policy': 'isolate-and-credentialless' };

/** Real models that some tests and benchmarks use; never part of the project. */
const models = resolve(process.env['SWITCHYARD_MODELS'] ?? '../shared/models');
const hasModels = existsSync(models);

/** Found beforehand: a dependency discovered while tests run would reload their page. */
const dependencies = ['@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-webgpu', 'comlink', 'fast-check', 'lit', 'lit/decorators.js', 'pbf'];

export default defineConfig(async () => ({
  server: { headers, fs: { allow: hasModels ? ['.', models] : ['.'] } },
  preview: { headers },
  cacheDir: '.cache/vite',
  worker: { format: 'es' as const },
  optimizeDeps: { exclude: ['onnxruntime-web'], include: dependencies },
  ...(process.env['VITEST'] ? { test: await tests() } : {}),
}));

async function tests() {
  const { playwright } = await import('@vitest/browser-playwright');
  const { browserFlags, findBrowser } = await import('./e2e/cli/browser.mjs');
  const executablePath = await findBrowser();
  // A new object for each project: vitest writes into it.
  const browser = () => ({
    enabled: true,
    headless: true,
    screenshotFailures: false,
    provider: playwright({ launchOptions: { args: browserFlags(), ...(executablePath ? { executablePath } : {}) } }),
    instances: [{ browser: 'chromium' as const }],
  });
  // Shaders compile for seconds on two cores, and one GPU process serves everything: files run one after another.
  const alone = { testTimeout: 60_000, hookTimeout: 60_000, fileParallelism: false };
  const slow = '**/*.models.test.ts';
  return {
    retry: 0,
    // Where tests fetch the real models; '' where the folder is absent.
    env: { SWITCHYARD_MODELS: hasModels ? `/@fs${models}` : '' },
    // Of what needs no browser (`npm run coverage`); the edges are tried in one, which counts nothing.
    coverage: {
      provider: 'v8' as const,
      include: ['src/{base,memory,profile,batch,core,trace,sim}/**/*.ts'],
      exclude: ['**/*.bench.ts'],
      reporter: ['text'],
      thresholds: { lines: 95 },
    },
    projects: [
      { extends: true as const, test: { name: 'node', include: ['src/**/*.test.ts', 'workers/**/*.test.ts', 'e2e/{bench,sim}/**/*.test.ts'],
        exclude: ['**/*.browser.test.ts', slow], environment: 'node', testTimeout: 60_000, sequence: { groupOrder: 0 } } },
      { extends: true as const, optimizeDeps: { noDiscovery: true }, test: { name: 'browser', include: ['**/*.browser.test.ts'],
        browser: browser(), ...alone, sequence: { groupOrder: 1 } } },
      { extends: true as const, test: { name: 'stories', include: ['e2e/**/*.test.ts'],
        exclude: ['e2e/{bench,sim}/**', '**/*.browser.test.ts', slow], environment: 'node', ...alone, sequence: { groupOrder: 2 } } },
      { extends: true as const, optimizeDeps: { noDiscovery: true }, test: { name: 'models', include: [slow],
        browser: browser(), ...alone, testTimeout: 300_000, sequence: { groupOrder: 3 } } },
    ],
  };
}
