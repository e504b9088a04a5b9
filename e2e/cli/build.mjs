import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { runModule } from './checks.mjs';
import { ensureInstalled, root } from './install.mjs';

// dist/index.js, and beside it each worker as one file without bare imports, which an import map would not reach. The page finds
// them by `new Worker(new URL('./lane.worker.js', import.meta.url))`, the one form that bundlers and browsers both read.

ensureInstalled();

const { build } = await import('rolldown');
const dist = `${root}dist`;
rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);

/** @type {import('rolldown').Plugin} */
const wasmBeside = {
  name: 'wasm-beside',
  resolveId: {
    order: 'pre',
    async handler(source, importer) {
      if (!source.endsWith('.wasm?url')) return null;
      const file = await this.resolve(source.slice(0, -'?url'.length), importer);
      return file ? `${file.id}?url` : null;
    },
  },
  load(id) {
    if (!id.endsWith('.wasm?url')) return null;
    const file = id.slice(0, -'?url'.length);
    copyFileSync(file, join(dist, basename(file)));
    return `export default new URL('./${basename(file)}', import.meta.url).href;`;
  },
};

/** @type {import('rolldown').Plugin} */
const workersBeside = {
  name: 'workers-beside',
  transform: (code) => code
    // onnxruntime looks for its own module, which is now this file; a bundler of the application would look for it in vain.
    .replaceAll(/new URL\("ort\.webgpu\.bundle\.min\.mjs",\s*import\.meta\.url\)/g, 'new URL(import.meta.url)')
    .replaceAll(/new URL\('[./]*\/workers\/([\w-]+\.worker)\.ts', import\.meta\.url\)/g, "new URL('./$1.js', import.meta.url)"),
};

/** @param {string} input @param {string} file */
const bundle = (input, file) => build({
  input: `${root}${input}`,
  plugins: [wasmBeside, workersBeside],
  platform: 'browser',
  output: { file: join(dist, file), format: 'es', codeSplitting: false, minify: 'dce-only' },
});

await bundle('src/client/index.ts', 'index.js');
for (const worker of readdirSync(`${root}workers`).filter((name) => name.endsWith('.worker.ts'))) {
  await bundle(`workers/${worker}`, worker.replace(/\.ts$/, '.js'));
}

const types = join(dist, 'types');
const typed = runModule(['typescript/bin/tsc', '-p', 'tsconfig.json', '--noEmit', 'false', '--emitDeclarationOnly', '--declaration',
  '--outDir', 'dist/types', '--rootDir', '.']);
if (!typed) process.exit(1);
// Only what an application can reach stays, and it names the files that are there.
for (const extra of ['e2e', 'workers', 'vite.config.d.ts']) rmSync(join(types, extra), { recursive: true, force: true });
for (const path of readdirSync(types, { recursive: true, encoding: 'utf8' })) {
  if (/\.(?:test|bench)\.d\.ts$/.test(path)) rmSync(join(types, path));
  else if (path.endsWith('.d.ts')) {
    const file = join(types, path);
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(/((?:from |import\()['"]\.[^'"]+)\.ts(?=['"])/g, '$1.js'));
  }
}
