import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { UsageError, type Scenario } from './contract.ts';
import { scenarios } from './scenarios.ts';
import { tableOf } from './table.ts';

function scenarioNamed(name: string | undefined): Scenario {
  const scenario = name === undefined || !Object.hasOwn(scenarios, name) ? undefined : scenarios[name];
  if (scenario) return scenario;
  const known = Object.entries(scenarios).map(([key, { usage }]) => `  npm run bench -- ${key} [--quick] [--json FILE] ${usage}`).join('\n');
  throw new UsageError(`${name === undefined ? 'Which scenario?' : `No scenario is called ${name}.`} Known:\n${known}`);
}

function parse(scenario: Scenario, words: readonly string[]) {
  try {
    return parseArgs({ args: [...words], allowPositionals: true,
      options: { ...scenario.options, quick: { type: 'boolean' }, json: { type: 'string' } } });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

async function bench([name, ...words]: readonly string[]): Promise<void> {
  const scenario = scenarioNamed(name);
  const { values, positionals } = parse(scenario, words);
  const startedAt = performance.now();
  const say = (line: string) => console.error(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(6)} s  ${line}`);
  const report = await scenario.run({ quick: values['quick'] === true, values, words: positionals, say });
  const file = values['json'];
  if (typeof file === 'string') writeFileSync(resolve(file), `${JSON.stringify(report, null, 2)}\n`);
  console.log(tableOf(report));
}

/** Runs the scenario that `words` name. Resolves with the exit code: 0 it ran, 1 it broke, 2 it was asked for what cannot be. */
export async function main(words: readonly string[]): Promise<number> {
  try {
    await bench(words);
    return 0;
  } catch (error) {
    console.error(error instanceof UsageError ? error.message : error);
    return error instanceof UsageError ? 2 : 1;
  }
}
