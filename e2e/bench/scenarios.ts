import type { Scenario } from './contract.ts';
import { core } from './core.ts';
import { isolation } from './isolation.ts';
import { memory } from './memory.ts';
import { sim } from './sim.ts';

/** Every scenario of `npm run bench -- <scenario>`. */
export const scenarios: Readonly<Record<string, Scenario>> = { isolation, core, sim, memory };
