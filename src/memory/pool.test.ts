import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../base/random.ts';
import { type Block, Pool } from './pool.ts';

const storage = 128;
const uniform = 64;

describe('a pool', () => {
  test('gives out what was released last, and evicts what was used longest ago', () => {
    const pool = new Pool<string>();
    const [a, b, c] = ['a', 'b', 'c'].map((name) => pool.add(name, storage, 256)) as [Block<string>, Block<string>, Block<string>];
    for (const block of [b, a, c]) pool.release(block);
    expect(pool.acquire(storage, 256)?.holds).toBe('c');
    expect(pool.evict()?.holds).toBe('b');
    expect(pool.acquire(storage, 256)?.holds).toBe('a');
    expect(pool.acquire(storage, 256)).toBeUndefined();
  });

  test('gives a larger block only within the slack, the smallest that will do, and never one of another usage', () => {
    const pool = new Pool<string>();
    for (const [name, usage, bytes] of [['large', storage, 400], ['medium', storage, 280], ['other', uniform, 256]] as const) pool.release(pool.add(name, usage, bytes));
    expect(pool.acquire(storage, 256)).toBeUndefined();
    expect(pool.acquire(storage, 256, 1.05)).toBeUndefined();
    expect(pool.acquire(storage, 256, 2)?.holds).toBe('medium');
    expect(pool.acquire(storage, 256, 2)?.holds).toBe('large');
    expect(pool.acquire(storage, 256, 2)).toBeUndefined();
  });

  test('keeps a size from the second time it had to be made', () => {
    const pool = new Pool<string>();
    const first = pool.add('first', storage, 256);
    expect(pool.isWanted(first)).toBe(false);
    const second = pool.add('second', storage, 256);
    expect(pool.isWanted(second)).toBe(true);
    expect(pool.isWanted(pool.add('other', uniform, 256))).toBe(false);
  });

  test('forgets a size that did not come for long', () => {
    const pool = new Pool<number>();
    pool.add(0, storage, 256);
    for (let i = 0; i < 5_000; i += 1) pool.add(i, storage, 1_000 + 4 * i);
    expect(pool.isWanted(pool.add(1, storage, 256))).toBe(false);
    expect(pool.isWanted(pool.add(2, storage, 256))).toBe(true);
  });

  test('finds a second release, an early readiness and a second return at once', () => {
    const pool = new Pool<string>();
    const block = pool.add('a', storage, 256);
    expect(() => pool.ready(block)).toThrow('parked');
    pool.release(block);
    expect(() => pool.release(block)).toThrow('only a live block is released');
    pool.discard(block);
    expect(() => pool.discard(block)).toThrow('discarded once');
    pool.completed(block);
    expect(() => pool.completed(block)).toThrow('on its way back');
    expect(() => pool.release(block)).toThrow();
  });
});

/** What the pool should hold, as plain lists: the idle ones in the order they were released. */
class Twin {
  live: Block<number>[] = [];
  parked: Block<number>[] = [];
  idle: Block<number>[] = [];
  returning: Block<number>[] = [];

  find(usage: number, bytes: number, slack: number): Block<number> | undefined {
    const fitting = this.idle.filter((block) => block.usage === usage && block.bytes >= bytes && block.bytes <= bytes * slack);
    const least = Math.min(...fitting.map((block) => block.bytes));
    return fitting.findLast((block) => block.bytes === least);
  }
}

const sum = (blocks: readonly Block<number>[]): number => blocks.reduce((total, { bytes }) => total + bytes, 0);

test('whatever is asked of it, a pool holds what a list would, in its order and to the byte', () => {
  fc.assert(fc.property(fc.integer(), (seed) => {
    const random = seededRandom(seed);
    const below = (limit: number): number => Math.floor(random() * limit);
    const pool = new Pool<number>();
    const twin = new Twin();
    const move = (from: Block<number>[], to: Block<number>[] | undefined): Block<number> | undefined => {
      const [block] = from.splice(below(from.length), 1);
      if (block !== undefined) to?.push(block);
      return block;
    };
    for (let step = 0; step < 400; step += 1) {
      const action = below(8);
      if (action < 3) {
        const [usage, bytes, slack] = [[storage, uniform][below(2)]!, 256 * (1 + below(6)), [1, 1, 1.5][below(3)]!];
        const expected = twin.find(usage, bytes, slack);
        const got = pool.acquire(usage, bytes, slack);
        expect(got).toBe(expected);
        if (got === undefined) twin.live.push(pool.add(step, usage, bytes));
        else twin.live.push(...twin.idle.splice(twin.idle.indexOf(got), 1));
      } else if (action === 3) {
        const block = move(twin.live, twin.idle);
        if (block) pool.release(block);
      } else if (action === 4) {
        const block = move(twin.live, twin.parked);
        if (block) pool.park(block);
      } else if (action === 5) {
        const block = move(twin.parked, twin.idle);
        if (block) pool.ready(block);
      } else if (action === 6) {
        const block = move([twin.live, twin.parked, twin.idle][below(3)]!, twin.returning);
        if (block) pool.discard(block);
      } else {
        const oldest = twin.idle.shift();
        expect(pool.evict()).toBe(oldest);
        if (oldest) twin.returning.push(oldest);
        const back = move(twin.returning, undefined);
        if (back) pool.completed(back);
      }
      const { live, idle, returning, liveCount, idleCount } = pool.report;
      expect([live, idle, returning, liveCount, idleCount]).toEqual([
        sum(twin.live), sum(twin.idle) + sum(twin.parked), sum(twin.returning), twin.live.length, twin.idle.length + twin.parked.length,
      ]);
    }
    for (const { usage, live, idle, sizes } of pool.usages) {
      const of = (blocks: readonly Block<number>[]): readonly Block<number>[] => blocks.filter((block) => block.usage === usage);
      expect([live, idle]).toEqual([sum(of(twin.live)), sum(of(twin.idle))]);
      expect(sizes.map(({ bytes }) => bytes)).toEqual([...new Set(of(twin.idle).map(({ bytes }) => bytes))].toSorted((one, other) => one - other));
    }
    while (pool.evict());
    for (const block of [...twin.live, ...twin.parked]) pool.discard(block);
    for (const block of [...twin.live, ...twin.parked, ...twin.idle, ...twin.returning]) pool.completed(block);
    expect([pool.live, pool.idle, pool.returning]).toEqual([0, 0, 0]);
  }), { numRuns: 150 });
});
