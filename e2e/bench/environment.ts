import { availableParallelism } from 'node:os';
import type { Environment } from './contract.ts';

/** Of a scenario in which no browser and no GPU takes part. */
export const withoutBrowser = (): Environment =>
  ({ adapter: 'none', browser: 'none', isolated: false, cores: availableParallelism(), node: process.version });
