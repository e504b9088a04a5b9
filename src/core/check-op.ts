import type { Micros } from '../base/units.ts';
import type { Graph } from './graph.ts';
import { type GraphId, type Op, type OpFailure, urgencyOf } from './op.ts';
import { estimateOf } from './op-record.ts';

/** A petabyte: what is more than that nobody has, and sums of it would not be exact. */
const most = 1e15;

export const isAmount = (value: number | undefined): boolean => value === undefined || (value >= 0 && value < Infinity);

/** Why an op cannot be taken as it is described; `undefined` when it can. `known`: what ops like it cost. */
export function checkOp(op: Op, graphs: ReadonlyMap<GraphId, Graph>, known: Micros): OpFailure | undefined {
  const detail = flawOf(op, graphs);
  if (detail !== undefined) return { code: 'invalid', detail };
  const estimate = estimateOf(op) ?? known;
  return op.costBudget !== undefined && estimate > op.costBudget ? { code: 'over-cost-budget', estimate } : undefined;
}

function flawOf(op: Op, graphs: ReadonlyMap<GraphId, Graph>): string | undefined {
  if (!(Number.isSafeInteger(op.op) && op.op > 0)) return `${op.op} is no number of an op`;
  if (urgencyOf(op.priority) === undefined) return `${String(op.priority)} is no priority`;
  if (Number.isNaN(op.deadlineAt)) return 'the deadline is no instant';
  const estimate = estimateOf(op);
  if (op.lane === undefined && estimate === undefined) return 'it names neither a lane nor what it costs on some kind of lane';
  if (Number.isNaN(estimate)) return 'one of its costs is no time';
  if (op.items !== undefined && !(op.items > 0 && op.items < Infinity)) return `${op.items} is no number of items`;
  if (op.needs?.every(({ amount }) => isAmount(amount) && amount <= most) === false) return 'it needs an amount that is none';
  if (op.dependencies?.every(({ bytes }) => isAmount(bytes)) === false) return 'a dependency hands over a number of bytes that is none';
  if (!isAmount(op.costBudget) || !isAmount(op.retries)) return 'its cost budget or its retries are no amount';
  if (op.timeout !== undefined && !(op.timeout > 0)) return 'its timeout is no duration';
  if (op.gang !== undefined && !(Number.isInteger(op.gang.size) && op.gang.size > 0)) return 'its gang has no size';
  if (op.graph !== undefined && !graphs.has(op.graph)) return `graph ${op.graph} is not open`;
  if (op.graph !== undefined && graphs.get(op.graph)!.isSealed) return `graph ${op.graph} was sealed`;
  return undefined;
}
