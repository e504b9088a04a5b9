import { runModule } from './checks.mjs';
import { ensureInstalled } from './install.mjs';

// npm run coverage   which lines of the pure folders no unit test runs; fails below the threshold of vite.config.ts

ensureInstalled();
process.exitCode = runModule(['vitest/vitest.mjs', 'run', '--project', 'node', '--coverage', ...process.argv.slice(2)]) ? 0 : 1;
