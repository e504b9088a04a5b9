import { expect, onTestFinished, test, vi } from 'vitest';
import { main } from './main.ts';

/** What a run prints, and its exit code. */
function run(...words: string[]) {
  const lines: string[] = [];
  const errors: string[] = [];
  const spies = [
    vi.spyOn(console, 'log').mockImplementation((line: unknown) => { lines.push(String(line)); }),
    vi.spyOn(console, 'error').mockImplementation((line: unknown) => { errors.push(String(line)); }),
  ];
  onTestFinished(() => { for (const spy of spies) spy.mockRestore(); });
  return { code: main(words), printed: lines.join('\n'), said: errors.join('\n') };
}

test.each([
  [['--seed', 'x'], '--seed is a whole number from 0 to 2147483647, not x.'],
  [['--seed', '-1'], /^Option '--seed.*' argument is ambiguous\.$/],
  [['--lanes', '0'], '--lanes is a whole number from 1 to 64, not 0.'],
  [['--for', '1.5'], '--for is a whole number from 1 to 3600000, not 1.5.'],
  [['--policy', 'fiffo'], /^--policy is one of fifo, priority, .*, not fiffo\.$/],
  [['--workload', ''], /^--workload is one of mixed, .*, not nothing\.$/],
  [['--fast'], "Unknown option '--fast'."],
  [['mixed'], "Unexpected argument 'mixed'."],
])('%j is refused in one sentence', (words, sentence) => {
  const { code, printed, said } = run(...words);
  expect([code, printed]).toEqual([2, '']);
  expect(said).toMatch(sentence);
  expect(said.split('\n')).toHaveLength(1);
});

test('a world is told as a picture, a table and a sentence, and the same again for the same seed', () => {
  const { code, printed } = run('--seed', '7', '--workload', 'cholesky', '--lanes', '2', '--policy', 'critical-path');
  expect(code).toBe(0);
  expect(printed).toMatch(/^cholesky, seed 7, 2 lanes, 500 ms, policy critical-path\n\nlane1 [a-zA-Z0-9·]{100}\nlane2 [a-zA-Z0-9·]{100}\n100 columns of [\d.]+ ms\n\n/);
  expect(printed).toMatch(/graph +user-visible +364 +364 +0 +0 /);
  expect(printed).toMatch(/makespan [\d.]+ ms, 1\.\d{3} × the least possible/);
  expect(run('--seed', '7', '--workload', 'cholesky', '--lanes', '2', '--policy', 'critical-path').printed).toBe(printed);
  expect(run('--seed', '8', '--workload', 'cholesky', '--lanes', '2', '--policy', 'critical-path').printed).not.toBe(printed);
});

test('with faults everything still ends', () => {
  const { code, printed } = run('--seed', '3', '--workload', 'urgent', '--lanes', '3', '--for', '200', '--faults');
  expect(printed).toContain('with faults');
  expect(code).toBe(0);
});
