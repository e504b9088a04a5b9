import { expect, test } from 'vitest';
import { FalseClock } from './clock.ts';

const playedOut = (clock: FalseClock): void => {
  while (clock.step());
};

test('things happen in order of time, and at one instant in the order they were asked for', () => {
  const clock = new FalseClock();
  const seen: string[] = [];
  const note = (name: string) => () => seen.push(`${name}@${clock.now}`);
  clock.at(20, note('c'));
  clock.at(10, note('a'));
  clock.at(20, note('d'));
  clock.after(10, note('b'));
  playedOut(clock);
  expect(seen).toEqual(['a@10', 'b@10', 'c@20', 'd@20']);
  expect(clock.nextAt).toBe(Infinity);
});

test('what is asked for while something happens comes after all that was asked for at that instant', () => {
  const clock = new FalseClock();
  const seen: string[] = [];
  clock.at(5, () => {
    seen.push('first');
    clock.after(0, () => seen.push('third'));
  });
  clock.at(5, () => seen.push('second'));
  playedOut(clock);
  expect(seen).toEqual(['first', 'second', 'third']);
});

test('time does not go back', () => {
  const clock = new FalseClock();
  clock.at(5, () => undefined);
  clock.step();
  expect(() => clock.at(4, () => undefined)).toThrow('what is over does not happen again');
});
