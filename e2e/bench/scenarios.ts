import type { Scenario } from './contract.ts';
import { isolation } from './isolation.ts';

/** Every scenario of `npm run bench -- <scenario>`. */
export const scenarios: Readonly<Record<string, Scenario>> = { isolation };
