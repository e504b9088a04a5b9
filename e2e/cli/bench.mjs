import { ensureInstalled, root } from './install.mjs';

ensureInstalled();

// Vite reads the TypeScript: Node 20 does not.
const { runnerImport } = await import('vite');
/** @type {{ module: { main(words: string[]): Promise<number> } }} */
const { module } = await runnerImport(`${root}e2e/bench/main.ts`, { root, configFile: false, logLevel: 'error' });
process.exit(await module.main(process.argv.slice(2)));
