import { expect, test } from 'vitest';
import { type Asked, recordOf } from './driver.ts';
import { Lane } from './lane.ts';
import type { LaneId, LaneKind, TenantId } from './op.ts';
import { PolicyDesk } from './policy-desk.ts';
import { canRun, Pools } from './pools.ts';
import { Shares } from './shares.ts';

const laneOf = (lane: number, kind: LaneKind = 'cpu', tenant?: string): Lane => new Lane(lane as LaneId, kind, tenant as TenantId | undefined, undefined);

class Bench {
  readonly pools: Pools;
  readonly #shares = new Shares();

  constructor() {
    const desk = new PolicyDesk(this.#shares);
    desk.choose('fifo');
    this.pools = new Pools(desk);
  }

  push(id: number, asked: Asked = {}): void {
    this.pools.push(recordOf(id, asked, { shares: this.#shares }));
  }

  /** Of each pool that is not empty: its ops, and the lanes that can run them. */
  get story(): string[] {
    return [...this.pools.pools].filter(({ queue }) => queue.size > 0)
      .map(({ queue, lanes }) => `${[...queue].map(({ arrival }) => arrival).toSorted((a, b) => a - b).join(' ')} on ${lanes.map(({ lane }) => lane).join(' ')}`);
  }
}

test('ops that the same lanes can run wait together', () => {
  const bench = new Bench();
  for (const lane of [laneOf(1), laneOf(2, 'gpu'), laneOf(3)]) bench.pools.open(lane);
  bench.push(1);
  bench.push(2, { kinds: ['gpu'] });
  bench.push(3, { tenant: 'y' });
  bench.push(4, { kinds: ['cpu', 'gpu'] });
  expect(bench.story).toEqual(['1 3 on 1 3', '2 on 2', '4 on 1 2 3']);
});

test('lanes that come and go come to and go from the ops that wait', () => {
  const bench = new Bench();
  const second = laneOf(2);
  bench.push(1);
  bench.push(2, { lane: 2 });
  expect(bench.story).toEqual(['1 on ', '2 on ']);
  bench.pools.open(laneOf(1));
  bench.pools.open(second);
  expect(bench.story).toEqual(['1 on 1 2', '2 on 2']);
  bench.pools.close(second);
  expect(bench.story).toEqual(['1 on 1', '2 on ']);
});

test('a lane of a tenant runs that tenant\'s ops only, and these may use the lanes of everybody too', () => {
  const bench = new Bench();
  bench.push(1, { tenant: 'a' });
  bench.push(2, { tenant: 'b' });
  bench.pools.open(laneOf(1));
  const own = laneOf(2, 'cpu', 'a');
  bench.pools.open(own);
  expect(bench.story).toEqual(['2 on 1', '1 on 1 2']);
  bench.push(3, { tenant: 'a' });
  expect(bench.story).toEqual(['2 on 1', '1 3 on 1 2']);
  bench.pools.close(own);
  expect(bench.story).toEqual(['1 2 3 on 1']);
});

test('a tenant with two lanes of its own keeps its pool when one of them goes', () => {
  const bench = new Bench();
  const [first, second] = [laneOf(1, 'cpu', 'a'), laneOf(2, 'cpu', 'a')];
  bench.pools.open(first);
  bench.pools.open(second);
  bench.push(1, { tenant: 'a' });
  bench.pools.close(first);
  expect(bench.story).toEqual(['1 on 2']);
  bench.pools.close(second);
  expect(bench.story).toEqual(['1 on ']);
});

test('whoever names another tenant\'s lane waits, and keeps nobody from it', () => {
  const bench = new Bench();
  bench.pools.open(laneOf(1, 'cpu', 'a'));
  bench.push(1, { tenant: 'thief', lane: 1 });
  bench.push(2, { tenant: 'a', lane: 1 });
  expect(bench.story).toEqual(['1 on ', '2 on 1']);
});

test('pools of lanes that are gone are not kept for ever', () => {
  const bench = new Bench();
  for (let lane = 1; lane <= 1000; lane += 1) {
    const own = laneOf(lane, 'cpu', `t${lane}`);
    bench.pools.open(own);
    bench.push(lane, { tenant: `t${lane}`, lane });
    for (const { queue } of bench.pools.pools) for (const record of [...queue]) queue.remove(record);
    bench.pools.close(own);
  }
  expect([...bench.pools.pools].length).toBeLessThanOrEqual(64);
});

test.each<[string, Lane, Asked, boolean]>([
  ['of a kind that it names', laneOf(1), {}, true],
  ['of another kind', laneOf(1, 'gpu'), {}, false],
  ['of its tenant', laneOf(1, 'cpu', 'x'), {}, true],
  ['of another tenant', laneOf(1, 'cpu', 'y'), {}, false],
  ['that it names, whatever it costs there', laneOf(1, 'gpu'), { lane: 1 }, true],
  ['that it does not name', laneOf(2), { lane: 1 }, false],
  ['that it names, of another tenant', laneOf(1, 'cpu', 'y'), { lane: 1 }, false],
])('whether an op can run on a lane %s', (_, lane, asked, can) => {
  expect(canRun(lane, recordOf(1, asked))).toBe(can);
});
