import { Heap } from '../base/heap.ts';
import type { Graph } from './graph.ts';
import { leastUrgent } from './op.ts';
import type { OpRecord } from './op-record.ts';

/**
 * What flows back along the edges, from dependents to the ops they wait for:
 *
 * - `upwardRank`: cost of the longest way from an op's start to an end (Topcuoglu, Hariri and Wu, "Performance-effective and low-complexity
 *   task scheduling", 2002: HEFT). Moving results is not part of it.
 * - `urgency` and `claim`: the most urgent of the op's own and its dependents'; `urgency` heeds boosts too.
 * - `deadlineAt`: the earliest at which the op must end so that nothing behind it is late (Chetto, Silly and Bouchentouf, "Dynamic scheduling
 *   of real-time tasks under precedence constraints", 1990).
 *
 * After `flush` they are exactly what the unfinished ops say, whether that is more or less than before: what came from an op that has ended
 * is withdrawn. Nothing is computed until then. A flush is O((n + m) log n) for the n ops that were touched or changed and their m edges.
 */
export class Backflow {
  readonly #queue = new Heap<OpRecord>();
  #touched: OpRecord[] = [];

  /** Nothing was touched since the last flush. */
  get isClean(): boolean {
    return this.#touched.length === 0;
  }

  /** The op is new, or its own urgency, deadline or boost changed, or its set of dependents did. */
  touch(record: OpRecord): void {
    if (record.isTouched || record.isEnded) return;
    record.isTouched = true;
    this.#touched.push(record);
  }

  /** The graph's boost changed. */
  touchGraph(graph: Graph): void {
    for (const record of graph.ops.values()) this.touch(record);
  }

  /** The op has ended, or will without a result: what it asked of its dependencies is taken back. Before it is removed from `Dependencies`. */
  withdraw(record: OpRecord): void {
    for (const { before } of record.dependencies) this.touch(before);
  }

  /** Brings the values up to date and tells each op of which one changed, dependents first. `changed` connects and ends nothing. */
  flush(changed: (record: OpRecord) => void): void {
    const queue = this.#queue;
    const touched = this.#touched;
    this.#touched = [];
    // Backward, because ops are mostly touched in order.
    for (let i = touched.length - 1; i >= 0; i -= 1) queue.push(-touched[i]!.order, touched[i]!);
    for (let record = queue.pop(); record; record = queue.pop()) {
      record.isTouched = false;
      if (record.isEnded || !recompute(record)) continue;
      for (const { before } of record.dependencies) {
        if (before.isTouched || before.isEnded) continue;
        before.isTouched = true;
        queue.push(-before.order, before);
      }
      changed(record);
    }
  }
}

/** Whether anything changed. */
function recompute(record: OpRecord): boolean {
  let longest = 0;
  let claim = record.ownUrgency;
  let urgency = Math.min(claim, record.boost, record.graph?.boost ?? leastUrgent);
  let deadlineAt = record.ownDeadlineAt;
  for (const { after } of record.dependents) {
    if (after.isEnded) continue;
    longest = Math.max(longest, after.upwardRank);
    claim = Math.min(claim, after.claim);
    urgency = Math.min(urgency, after.urgency);
    deadlineAt = Math.min(deadlineAt, after.deadlineAt - after.cost);
  }
  const upwardRank = record.cost + longest;
  if (upwardRank === record.upwardRank && claim === record.claim && urgency === record.urgency && deadlineAt === record.deadlineAt) return false;
  record.upwardRank = upwardRank;
  record.claim = claim;
  record.urgency = urgency;
  record.deadlineAt = deadlineAt;
  return true;
}
