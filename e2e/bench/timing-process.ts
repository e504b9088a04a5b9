import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { bundled } from './bundled.ts';

/** What one round told, by name. */
export type Round = Readonly<Record<string, number>>;

/** Runs a program that times, in a process of its own: it prints a round as a line of JSON. `heard` is told how many there are, after each. */
export async function timedRounds(program: string, words: readonly number[], heard: (count: number) => void): Promise<readonly Round[]> {
  const child = spawn(process.execPath, ['--expose-gc', await bundled(program), ...words.map(String)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const measured: Round[] = [];
  const ended = new Promise<void>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`The timing process ended with exit code ${code}.`))));
  });
  const told = (async () => {
    for await (const line of createInterface({ input: child.stdout })) {
      measured.push(JSON.parse(line) as Round);
      heard(measured.length);
    }
  })();
  await Promise.all([ended, told]);
  return measured;
}
