import { expect, onTestFinished, test, vi } from 'vitest';
import { main } from './main.ts';

/** What a run prints on its error stream, and its exit code. */
async function run(...words: string[]) {
  const lines: string[] = [];
  const spy = vi.spyOn(console, 'error').mockImplementation((line: unknown) => { lines.push(String(line)); });
  onTestFinished(() => spy.mockRestore());
  return { code: await main(words), said: lines.join('\n') };
}

test('an unknown scenario, or none, is answered with those there are', async () => {
  const known = 'npm run bench -- isolation [--quick] [--json FILE]';
  expect(await run('isolatoin')).toEqual({ code: 2, said: expect.stringContaining(known) });
  expect(await run()).toEqual({ code: 2, said: expect.stringContaining(known) });
  expect((await run('toString')).code).toBe(2);
});

test.each([
  [['--interactive', 'nowhere.onnx'], 'There is no file nowhere.onnx.'],
  [['--tenants', '0'], '--tenants is a whole number above 0, not 0.'],
  [['--dims', 'batch=two'], '--dims batch is a whole number above 0, not two.'],
  [['--dims', 'batch'], '--dims batch is a whole number above 0, not nothing.'],
  [['--fast'], "Unknown option '--fast'"],
])('isolation %j is refused before anything starts', async (words, sentence) => {
  expect(await run('isolation', ...words)).toEqual({ code: 2, said: expect.stringContaining(sentence) });
});

test.each(['core', 'sim'])('%s is asked for by its name alone', async (scenario) => {
  expect(await run(scenario, 'model.onnx')).toEqual({ code: 2, said: 'This scenario takes no model.onnx.' });
  expect(await run(scenario, '--tenants', '3')).toEqual({ code: 2, said: expect.stringContaining("Unknown option '--tenants'") });
});
