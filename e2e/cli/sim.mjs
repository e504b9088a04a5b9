import { ensureInstalled, root } from './install.mjs';

// npm run sim -- --seed N [--policy NAME] [--workload NAME] [--lanes N] [--faults] [--for MS]
//   plays one false world and prints what happened; a name that is not known is answered with those that are

ensureInstalled();

// Vite reads the TypeScript: Node 20 does not.
const { runnerImport } = await import('vite');
/** @type {{ module: { main(words: string[]): number } }} */
const { module } = await runnerImport(`${root}e2e/sim/main.ts`, { root, configFile: false, logLevel: 'error' });
process.exitCode = module.main(process.argv.slice(2));
