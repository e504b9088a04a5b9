import { expect, test } from 'vitest';
import { FalseClock } from './clock.ts';
import { Line } from './line.ts';

function sent(delays: readonly number[], copies = 1) {
  const clock = new FalseClock();
  const got: string[] = [];
  let next = 0;
  const line = new Line<string>({
    clock, delay: () => delays[next++]!, copies: () => copies, deliver: (message) => got.push(`${message}@${clock.now}`),
  });
  return { clock, line, got };
}

test('a message takes its delay, and nothing overtakes', () => {
  const { clock, line, got } = sent([50, 10, 10]);
  line.send('a');
  line.send('b');
  clock.at(45, () => line.send('c'));
  while (clock.step());
  expect(got).toEqual(['a@50', 'b@50', 'c@55']);
});

test('a lost message never comes, a doubled one comes again in its place', () => {
  const lost = sent([], 0);
  lost.line.send('a');
  expect(lost.line.underWay).toBe(0);
  expect(lost.clock.step()).toBe(false);
  const doubled = sent([10, 30], 2);
  doubled.line.send('a');
  expect(doubled.line.underWay).toBe(2);
  while (doubled.clock.step());
  expect(doubled.got).toEqual(['a@10', 'a@30']);
  expect(doubled.line.underWay).toBe(0);
});

test('nothing comes out of a line that was cut, and it is quiet in the end', () => {
  const { clock, line, got } = sent([10, 10]);
  line.send('a');
  line.cut();
  line.send('b');
  while (clock.step());
  expect(got).toEqual([]);
  expect(line.underWay).toBe(0);
});
