import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'rolldown';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Bundles a program of this folder as the package is bundled, and returns where it lies: run from its sources, every call from one module to
 * another would pay for the tool that reads the TypeScript. Packages stay what they are.
 */
export async function bundled(program: string): Promise<string> {
  const file = join(root, '.cache', 'bench', program.replace(/\.ts$/, '.mjs'));
  await build({ input: join(root, 'e2e', 'bench', program), platform: 'node', external: /^[^./]/, output: { file, format: 'es', codeSplitting: false } });
  return file;
}
