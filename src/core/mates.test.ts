import { expect, test } from 'vitest';
import { Dependencies } from './dependencies.ts';
import { recordOf } from './driver.ts';
import { Mates } from './mates.ts';
import type { OpRecord } from './op-record.ts';

class Bench {
  readonly mates = new Mates();
  readonly #dependencies = new Dependencies();

  known(id: number, gang?: number): OpRecord {
    const record = recordOf(id, gang === undefined ? {} : { gang: [gang, 2] });
    this.#dependencies.add(record);
    if (gang !== undefined) this.mates.add(record);
    return record;
  }

  connect(before: OpRecord, after: OpRecord): void {
    this.#dependencies.connect(before, after, 0);
  }

  doomedBy(record: OpRecord): number[] {
    return this.mates.doomedBy(record, this.#dependencies).map(({ arrival }) => arrival);
  }
}

test('dependents are doomed, nearer ones first, and each once', () => {
  const bench = new Bench();
  const [a, b, c, d] = [bench.known(1), bench.known(2), bench.known(3), bench.known(4)];
  for (const [before, after] of [[a, b], [a, c], [b, d], [c, d]] as const) bench.connect(before!, after!);
  expect(bench.doomedBy(a!)).toEqual([2, 3, 4]);
});

test('so are its gang, their dependents, and the gangs of these', () => {
  const bench = new Bench();
  const first = bench.known(1, 1);
  const mate = bench.known(2, 1);
  const behind = bench.known(3, 2);
  bench.known(4, 2);
  bench.known(5, 3);
  bench.connect(mate, behind);
  expect(bench.doomedBy(first)).toEqual([2, 3, 4]);
});

test('a member that started or ended dooms nobody but its dependents', () => {
  const bench = new Bench();
  const [first, second] = [bench.known(1, 1), bench.known(2, 1)];
  bench.mates.remove(second);
  expect(bench.doomedBy(first)).toEqual([]);
  bench.mates.remove(first);
  bench.mates.remove(first);
  expect(bench.doomedBy(second)).toEqual([]);
});
