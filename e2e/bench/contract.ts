import type { ParseArgsConfig } from 'node:util';

/** Where figures were taken; without it they mean nothing. */
export interface Environment {
  readonly adapter: string;
  readonly browser: string;
  readonly isolated: boolean;
  readonly cores: number;
  readonly node: string;
}

/** What a scenario writes: figures per arm, and the ratios between arms that carry to other machines. */
export interface Report {
  readonly scenario: string;
  readonly environment: Environment;
  readonly arms: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly ratios: Readonly<Record<string, number>>;
}

/** The command line of one run, parsed by the scenario's own `options`. */
export interface Order {
  readonly quick: boolean;
  readonly values: Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;
  /** Words that belong to no option. */
  readonly words: readonly string[];
  /** Says how far it is; not part of the result. */
  readonly say: (line: string) => void;
}

/** A benchmark under the contract of `npm run bench`: it measures and reports, and judges nothing. */
export interface Scenario {
  readonly options: NonNullable<ParseArgsConfig['options']>;
  readonly usage: string;
  run(order: Order): Promise<Report>;
}

/** The command line asks for what cannot be: said in one sentence, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** For a scenario that is asked for by its name alone. */
export function refuseWords({ words: [first] }: Order): void {
  if (first !== undefined) throw new UsageError(`This scenario takes no ${first}.`);
}
