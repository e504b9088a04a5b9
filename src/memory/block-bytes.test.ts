import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { blockBytes, classSlack } from './block-bytes.ts';

const sizes = fc.oneof(fc.integer({ min: 1, max: 5_000 }), fc.integer({ min: 1, max: 2 ** 31 - 1 }), fc.maxSafeInteger().map((size) => 1 + Math.abs(size) % 2 ** 42));

test('a class holds what is asked for, gives away at most an eighth above 128 bytes, and is its own class', () => {
  fc.assert(fc.property(sizes, (bytes) => {
    const block = blockBytes(bytes, 'classes');
    expect(block).toBeGreaterThanOrEqual(bytes);
    expect(block % 16).toBe(0);
    expect(blockBytes(block, 'classes')).toBe(block);
    if (bytes > 128) expect(block).toBeLessThanOrEqual(Math.ceil(bytes * (1 + classSlack)));
  }), { numRuns: 2_000 });
});

test('classes keep the order of sizes, and there are eight between two powers of two', () => {
  fc.assert(fc.property(sizes, sizes, (one, other) => {
    if (one <= other) expect(blockBytes(one, 'classes')).toBeLessThanOrEqual(blockBytes(other, 'classes'));
  }));
  for (let exponent = 7; exponent < 16; exponent += 1) {
    const classes = new Set(Array.from({ length: 2 ** exponent }, (_, index) => blockBytes(2 ** exponent + index + 1, 'classes')));
    expect(classes.size).toBe(8);
  }
});

test('an exact block is as asked', () => {
  for (const bytes of [4, 12, 513, 2 ** 32 - 4]) expect(blockBytes(bytes, 'exact')).toBe(bytes);
});
