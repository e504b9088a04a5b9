import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBrowser } from './browser.mjs';
import { runChecks, runModule } from './checks.mjs';
import { ensureInstalled } from './install.mjs';

// npm test [-- filter …]          types, lint, tidy, every test but the slow ones, and the coverage of what needs no browser; with a filter, only
//                                 tests whose file matches
// npm run test:models [-- filter] the slow real-model tests only

const words = process.argv.slice(2);
const onlyModels = words.includes('--models');
const filters = words.filter((word) => word !== '--models');
/** Projects that run together, and whether lines are counted: that takes seconds in Node, and much longer in a browser. */
const batches = onlyModels ? [{ projects: ['models'], counts: false }]
  : filters.length > 0 ? [{ projects: ['node', 'browser', 'stories'], counts: false }]
  : [{ projects: ['node'], counts: true }, { projects: ['browser', 'stories'], counts: false }];

ensureInstalled();
process.env['SWITCHYARD_BROWSER'] = await ensureBrowser();

/**
 * The part of vitest's JSON report that is read here.
 * @typedef {{ numPassedTests: number, numFailedTests: number, numPendingTests: number, numTodoTests: number,
 *   testResults: { status: string, assertionResults: unknown[] }[] }} Report
 */

/** @param {{ projects: string[], counts: boolean }} batch */
function runTests({ projects, counts }) {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-test-'));
  const file = join(folder, 'report.json');
  const held = runModule(['vitest/vitest.mjs', 'run', ...projects.flatMap((name) => ['--project', name]),
    ...(counts ? ['--coverage', '--coverage.reporter=text-summary'] : []), '--reporter=default', '--reporter=json', `--outputFile.json=${file}`, ...filters]);
  try {
    /** @type {Report} */
    const report = JSON.parse(readFileSync(file, 'utf8'));
    // A file that fails to load has no tests to count, and must not pass for it.
    const brokenFiles = report.testResults.filter((result) => result.status === 'failed' && result.assertionResults.length === 0).length;
    const failed = report.numFailedTests + brokenFiles;
    return { passed: report.numPassedTests, skipped: report.numPendingTests + report.numTodoTests,
      // An error outside every test fails the run too, as does a line too few that is covered.
      failed: held ? failed : Math.max(1, failed) };
  } catch {
    return { passed: 0, skipped: 0, failed: held ? 0 : 1 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const checks = filters.length === 0 && !onlyModels ? runChecks() : { passed: 0, failed: 0 };
const tests = batches.map(runTests).reduce((sum, ran) =>
  ({ passed: sum.passed + ran.passed, failed: sum.failed + ran.failed, skipped: sum.skipped + ran.skipped }));
if (tests.passed + tests.failed === 0) console.log('No test ran.');

const failed = checks.failed + tests.failed;
const skipped = tests.skipped > 0 ? `, ${tests.skipped} skipped` : '';
console.log(`${checks.passed + tests.passed} passed, ${failed} failed${skipped}`);
process.exitCode = failed > 0 || tests.passed === 0 ? 1 : 0;
