import { expect, test } from 'vitest';
import { soak } from './soak.ts';

test('two hundred worlds, each with its own work and its own misfortunes, keep every rule', () => {
  for (let seed = 1; seed <= 200; seed += 1) expect(soak(seed).ended).toBe('quiet');
});
