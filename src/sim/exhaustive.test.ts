import { expect, test } from 'vitest';
import type { Priority, TenantId } from '../core/op.ts';
import { stream } from './chance.ts';
import { calm, type Faults } from './faults.ts';
import { layered, opsOf } from './graphs.ts';
import type { Log } from './log.ts';
import { Numbering, type PlayedOp, type Workload } from './workload.ts';
import { play } from './world.ts';

const ada = 'ada' as TenantId;
const bob = 'bob' as TenantId;
const cyd = 'cyd' as TenantId;

/** Runs through three gates of one GPU, an urgent one among them, beside a graph on two plain lanes; all may be tried again. */
function small(): Workload {
  const numbering = new Numbering();
  const run = (tenant: TenantId, priority: Priority): PlayedOp => ({
    op: { op: numbering.op(), tenant, name: 'run', priority, deadlineAt: Infinity, costs: { gpu: { base: 6000, perItem: 0 } }, retries: 3 },
    slices: new Array<number>(priority === 'background' ? 8 : 2).fill(2000), encode: 300,
  });
  const random = stream(1, 'small');
  const graph = opsOf(layered(random, { layers: 3, width: [2, 3], fanIn: [1, 2] }, () => 2000), { numbering, tenant: bob })
    .map((played) => ({ ...played, op: { ...played.op, retries: 3 } }));
  const gated = (tenant: TenantId, priority: Priority) => ({ laneKind: 'gpu' as const, tenant, gated: { priority } });
  return {
    name: 'small',
    lanes: [gated(ada, 'background'), gated(bob, 'user-blocking'), gated(cyd, 'background'), { laneKind: 'cpu' }, { laneKind: 'cpu' }],
    source: {
      arrivals: [
        { at: 0, ops: graph },
        ...[0, 100, 20_000].flatMap((at) => [ada, cyd].map((tenant) => ({ at, ops: [run(tenant, 'background')] }))),
        ...[5000, 16_000, 27_000, 38_000].map((at) => ({ at, ops: [run(bob, 'user-blocking')] })),
      ].sort((a, b) => a.at - b.at),
    },
  };
}

const playSmall = (planned?: Faults['planned']): Log =>
  play(small(), { seed: 1, faults: planned ? { ...calm, planned } : calm, watch: 'each-step', until: 60_000_000 });

/** All is done in the end, so nothing was lost that could be tried again. */
function expectDone(log: Log, what: string): void {
  expect(log.ended, what).toBe('quiet');
  expect([...log.lives.values()].filter(({ end }) => end !== 'done').map(({ op }) => op.op), what).toEqual([]);
}

test('a lane may be lost at any instant', () => {
  const calmly = playSmall();
  expectDone(calmly, 'calm');
  const instants = [...new Set(calmly.steps.flatMap(({ at }) => [at, at + 1]))];
  expect(instants.length).toBeGreaterThan(100);
  for (const at of instants) for (const place of [1, 2, 3, 4, 5]) expectDone(playSmall({ kind: 'lane-lost', place, at }), `lane ${place} at ${at}`);
});

const between: readonly string[] = ['slices-released', 'slices-done', 'slices-recalled', 'op-encoded', 'op-finished', 'start', 'release', 'recall', 'credit'];

test('any message may be lost or told twice', () => {
  const messages = playSmall().steps.flatMap(({ event, commands }) => [event, ...commands]).map(({ kind }) => kind).filter((kind) => between.includes(kind));
  expect(messages.length).toBeGreaterThan(70);
  expect(messages).toContain('recall');
  for (const kind of ['message-lost', 'message-doubled'] as const) {
    for (let after = 0; after < messages.length; after += 1) expectDone(playSmall({ kind, after }), `${kind} after ${after}`);
  }
});
