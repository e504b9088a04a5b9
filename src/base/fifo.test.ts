import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Fifo } from './fifo.ts';

test('a fifo behaves as a plain array does', () => {
  const action = fc.oneof(fc.nat().map((n) => ({ push: n })), fc.constant('shift' as const), fc.constant('clear' as const));
  fc.assert(fc.property(fc.array(fc.oneof({ weight: 20, arbitrary: action }), { maxLength: 300 }), (actions) => {
    const fifo = new Fifo<number>();
    let twin: number[] = [];
    for (const a of actions) {
      if (a === 'shift') expect(fifo.shift()).toBe(twin.shift());
      else if (a === 'clear') { fifo.clear(); twin = []; }
      else { fifo.push(a.push); twin.push(a.push); }
      expect(fifo.size).toBe(twin.length);
      expect(fifo.peek()).toBe(twin[0]);
      expect(fifo.at(2)).toBe(twin[2]);
    }
    expect([...fifo]).toEqual(twin);
  }));
});

test('a long life of pushing and shifting keeps the order through compactions', () => {
  const fifo = new Fifo<number>();
  for (let i = 0; i < 50; i += 1) fifo.push(i);
  for (let i = 0; i < 1000; i += 1) {
    expect(fifo.shift()).toBe(i);
    fifo.push(i + 50);
  }
  expect(fifo.size).toBe(50);
});
