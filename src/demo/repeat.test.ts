import { expect, test } from 'vitest';
import { elapsed, repeat } from './repeat.ts';

test('a loop goes on after a failure, tells it, and ends when told to', async () => {
  const end = new AbortController();
  const story: string[] = [];
  await repeat(async () => {
    story.push('step');
    if (story.length === 1) throw new Error('once');
    if (story.length > 4) end.abort();
  }, { signal: end.signal, onFailure: (error) => story.push(String(error)), rest: async () => { story.push('rest'); } });
  expect(story).toEqual(['step', 'Error: once', 'rest', 'step', 'step']);
});

test('a step that fails because the loop was ended is not told', async () => {
  const end = new AbortController();
  const told: unknown[] = [];
  await repeat(async () => {
    end.abort();
    throw new Error('aborted');
  }, { signal: end.signal, onFailure: (error) => told.push(error), rest: () => Promise.reject(new Error('rested')) });
  expect(told).toEqual([]);
});

test('waiting ends with its signal', async () => {
  const end = new AbortController();
  const waited = elapsed(3_600_000, end.signal);
  end.abort();
  await expect(waited).resolves.toBeUndefined();
  await expect(elapsed(3_600_000, end.signal)).resolves.toBeUndefined();
});
