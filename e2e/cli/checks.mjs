import { spawnSync } from 'node:child_process';
import { root } from './install.mjs';

/** What holds without running anything: types, pure types (no clock, no GPU), lint. */
const checks = /** @type {const} */ ([
  ['types', 'typescript/bin/tsc', '-p', 'tsconfig.json'],
  ['pure types', 'typescript/bin/tsc', '-p', 'src/tsconfig.pure.json', '--noEmit'],
  ['lint', 'oxlint/bin/oxlint', '--deny-warnings', 'src', 'workers', 'e2e', 'vite.config.ts'],
]);

/** Runs a package's own script with this Node, so that no shell and no PATH is involved. @param {readonly string[]} words */
export const runModule = ([script = '', ...rest]) =>
  spawnSync(process.execPath, [`${root}node_modules/${script}`, ...rest], { cwd: root, stdio: 'inherit' }).status === 0;

/** @returns {{ passed: number, failed: number }} how many checks held */
export function runChecks() {
  const failed = checks.filter(([name, ...words]) => {
    const held = runModule(words);
    console.log(`${held ? '✓' : '✗'} ${name}`);
    return !held;
  });
  return { passed: checks.length - failed.length, failed: failed.length };
}
