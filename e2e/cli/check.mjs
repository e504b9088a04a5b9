import { runChecks, runModule } from './checks.mjs';
import { ensureInstalled } from './install.mjs';

ensureInstalled();
const { failed } = runChecks();
const isTidy = runModule(['vitest/vitest.mjs', 'run', '--project', 'node', 'src/tidy.test.ts']);
process.exit(failed === 0 && isTidy ? 0 : 1);
