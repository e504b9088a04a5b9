import { expect, test } from 'vitest';
import { checkOp } from './check-op.ts';
import { type Asked, opOf } from './driver.ts';
import { Graph } from './graph.ts';
import type { GangId, GraphId, LaneId, Op, OpFailure, OpId, ResourceId, TenantId } from './op.ts';

function graphsWith(id: number): ReadonlyMap<GraphId, Graph> {
  const graph = new Graph(id as GraphId, 'x' as TenantId, 0);
  const sealed = new Graph((id + 1) as GraphId, 'x' as TenantId, 0);
  sealed.isSealed = true;
  return new Map([[graph.graph, graph], [sealed.graph, sealed]]);
}

const checked = (asked: Asked, known = 0): OpFailure | undefined => checkOp(opOf(1, asked), graphsWith(1), known);
const need = (amount: number): Partial<Op> => ({ needs: [{ resource: 'r' as ResourceId, amount, until: 'op-ends' }] });
const on = (bytes: number): Partial<Op> => ({ dependencies: [{ op: 2 as OpId, bytes }] });

test.each<Asked>([
  {}, { graph: 1 }, { cost: 0 }, { deadlineAt: -5 }, { deadlineAt: -Infinity }, { more: { items: 0.5 } }, { more: { timeout: Infinity } }, { more: { retries: 3, costBudget: 1000 } },
  { more: need(0) }, { more: on(0) }, { gang: [1, 1] }, { lane: 1, more: { costs: {} } },
])('%j is an op', (asked) => expect(checked(asked)).toBeUndefined());

test.each<[Asked, string]>([
  [{ more: { op: NaN as OpId } }, 'NaN is no number of an op'],
  [{ more: { op: 0 as OpId } }, '0 is no number of an op'],
  [{ more: { op: -1 as OpId } }, '-1 is no number of an op'],
  [{ more: { op: 1.5 as OpId } }, '1.5 is no number of an op'],
  [{ more: { op: 2 ** 53 as OpId } }, '9007199254740992 is no number of an op'],
  [{ priority: 'urgent' as 'high' }, 'urgent is no priority'],
  [{ deadlineAt: NaN }, 'the deadline is no instant'],
  [{ more: { costs: {} } }, 'it names neither a lane nor what it costs on some kind of lane'],
  [{ cost: NaN }, 'one of its costs is no time'],
  [{ cost: -1 }, 'one of its costs is no time'],
  [{ cost: 1e300 }, 'one of its costs is no time'],
  [{ lane: 1 as LaneId, more: { costs: { cpu: { base: 1, perItem: 0 }, gpu: { base: Infinity, perItem: 0 } } } }, 'one of its costs is no time'],
  [{ more: { items: 0 } }, '0 is no number of items'],
  [{ more: need(NaN) }, 'it needs an amount that is none'],
  [{ more: need(-1) }, 'it needs an amount that is none'],
  [{ more: need(1e300) }, 'it needs an amount that is none'],
  [{ more: on(Infinity) }, 'a dependency hands over a number of bytes that is none'],
  [{ more: { costBudget: NaN } }, 'its cost budget or its retries are no amount'],
  [{ more: { retries: -1 } }, 'its cost budget or its retries are no amount'],
  [{ more: { timeout: 0 } }, 'its timeout is no duration'],
  [{ more: { timeout: NaN } }, 'its timeout is no duration'],
  [{ more: { gang: { gang: 1 as GangId, size: 0 } } }, 'its gang has no size'],
  [{ more: { gang: { gang: 1 as GangId, size: Infinity } } }, 'its gang has no size'],
  [{ graph: 7 }, 'graph 7 is not open'],
  [{ graph: 2 }, 'graph 2 was sealed'],
])('%j is none: %s', (asked, detail) => expect(checked(asked)).toEqual({ code: 'invalid', detail }));

test('an op is refused when its estimate is above its budget, its own or what its like took', () => {
  expect(checked({ more: { costBudget: 999 } })).toEqual({ code: 'over-cost-budget', estimate: 1000 });
  expect(checked({ lane: 1, more: { costs: {}, costBudget: 999 } }, 5000)).toEqual({ code: 'over-cost-budget', estimate: 5000 });
  expect(checked({ lane: 1, more: { costs: {}, costBudget: 999 } })).toBeUndefined();
});

test('where it is cheapest counts', () => {
  expect(checked({ more: { costs: { cpu: { base: 5000, perItem: 0 }, gpu: { base: 100, perItem: 10 } }, items: 4, costBudget: 140 } })).toBeUndefined();
  expect(checked({ more: { costs: { cpu: { base: 5000, perItem: 0 }, gpu: { base: 100, perItem: 10 } }, items: 4, costBudget: 139 } })).toEqual({ code: 'over-cost-budget', estimate: 140 });
});
