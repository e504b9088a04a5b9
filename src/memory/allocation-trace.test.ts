import { expect, test } from 'vitest';
import { seededRandom } from '../base/random.ts';
import { type Allocation, AllocationTrace, replay } from './allocation-trace.ts';
import { Pool } from './pool.ts';

const entry = (kind: Allocation['kind'], block: number, bytes: number): Allocation => ({ at: 0, kind, block, usage: 128, bytes, label: '' });

test('keeps the last entries in order, and counts what it dropped', () => {
  const trace = new AllocationTrace(3);
  for (let block = 1; block <= 5; block += 1) trace.record(entry('create', block, 16));
  expect([...trace].map(({ block }) => block)).toEqual([3, 4, 5]);
  expect(trace.dropped).toBe(2);
});

test('is text that a spreadsheet reads, whatever a label is', () => {
  const trace = new AllocationTrace(3);
  trace.record({ at: 7, kind: 'refuse', block: 0, usage: 128, bytes: 16, label: 'a, "b"\n' });
  expect(trace.toCsv()).toBe('at,kind,block,usage,bytes,label\n7,refuse,0,128,16,"a, \\"b\\"\\n"\n');
});

test('replayed with the sizing it was recorded with, it comes to the same', () => {
  const random = seededRandom(3);
  const pool = new Pool<number>();
  const trace = new AllocationTrace(Infinity);
  const live: ReturnType<typeof pool.add>[] = [];
  let peak = 0;
  for (let step = 0; step < 3_000; step += 1) {
    if (random() < 0.5 || live.length === 0) {
      const bytes = 256 * (1 + Math.floor(random() * 12));
      const kept = pool.acquire(128, bytes);
      const block = kept ?? pool.add(step, 128, bytes);
      trace.record(entry(kept === undefined ? 'create' : 'reuse', block.number, bytes));
      live.push(block);
    } else {
      const [block] = live.splice(Math.floor(random() * live.length), 1);
      const isKept = pool.isWanted(block!);
      trace.record(entry(isKept ? 'release' : 'end', block!.number, block!.bytes));
      if (isKept) pool.release(block!);
      else {
        pool.discard(block!);
        pool.completed(block!);
      }
    }
    peak = Math.max(peak, pool.live + pool.idle);
  }
  const { hits, misses } = pool.report;
  expect(replay(trace, 'exact')).toEqual({ hits, misses, peak });
  expect(hits).toBeGreaterThan(1_000);
});

test('tells that classes would have held less for sizes that differ a little', () => {
  const trace = new AllocationTrace(Infinity);
  for (let round = 0; round < 50; round += 1) {
    trace.record(entry('create', round + 1, 65_536 - 4 * round));
    trace.record(entry('release', round + 1, 65_536 - 4 * round));
  }
  expect(replay(trace, 'exact').hits).toBe(0);
  expect(replay(trace, 'classes').hits).toBeGreaterThan(40);
});
