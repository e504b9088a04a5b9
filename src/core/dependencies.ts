import { assert } from '../base/assert.ts';
import type { OpRecord } from './op-record.ts';

/** That one op comes after another. Its fields are written by `Dependencies` alone. */
export class Edge {
  readonly before: OpRecord;
  readonly after: OpRecord;
  /** What `before` hands over. */
  bytes: number;
  /** Its index in `before.dependents`. */
  place: number;

  constructor(before: OpRecord, after: OpRecord, bytes: number) {
    this.before = before;
    this.after = after;
    this.bytes = bytes;
    this.place = before.dependents.length;
  }
}

const none: readonly never[] = [];

/**
 * The edges between unfinished ops, and an order of the ops in which every edge points onward.
 *
 * The order is kept while edges come and go. An edge that agrees with it costs nothing, and so does one from an op without dependencies or to
 * one without dependents, which only moves to the front or to the end; so a graph that is built forward or backward is built in O(1) an edge.
 * Any other edge reorders what lies between its ends (Pearce and Kelly, "A dynamic topological sort algorithm for directed acyclic graphs",
 * ACM JEA 11, 2007): O(δ log δ) for the δ ops in between that its ends reach.
 */
export class Dependencies {
  #first = 0;
  #last = 0;
  #walks = 0;

  /** The op comes after everything known. */
  add(record: OpRecord): void {
    record.order = this.#last += 1;
  }

  /**
   * `after` waits for `before`, which is not done. Told twice, the larger number of bytes holds.
   *
   * `undefined` when the edge is there. When it would close a circle: the shortest way from `after` back to itself, both ends named, and
   * nothing has changed.
   */
  connect(before: OpRecord, after: OpRecord, bytes: number): readonly OpRecord[] | undefined {
    assert(!before.isEnded && !after.isEnded, 'only unfinished ops wait for each other');
    if (before === after) return [after, after];
    const known = find(before, after);
    if (known) {
      known.bytes = Math.max(known.bytes, bytes);
      return undefined;
    }
    if (before.order > after.order) {
      if (before.missing === 0) before.order = this.#first -= 1;
      else if (after.dependents.length === 0) after.order = this.#last += 1;
      else {
        const circle = this.#reorder(before, after);
        if (circle) return circle;
      }
    }
    const edge = new Edge(before, after, bytes);
    before.dependents = append(before.dependents, edge);
    after.dependencies = append(after.dependencies, edge);
    after.missing += 1;
    return undefined;
  }

  /** `before` is done: visits the dependents that waited for nothing else, in the order they were connected. `visit` may do what it likes. */
  satisfied(before: OpRecord, visit: (record: OpRecord) => void): void {
    const { dependents } = before;
    before.dependents = none;
    for (const { after } of dependents) {
      assert(after.missing > 0, 'an op waits for each dependency once');
      after.missing -= 1;
      if (after.missing === 0) visit(after);
    }
  }

  /** Visits everything that waits for the op, however indirectly, once each, and nearer ones first. `visit` may do what it likes. */
  eachDescendant(record: OpRecord, visit: (record: OpRecord) => void): void {
    const walk = (this.#walks += 1);
    record.walk = walk;
    const found = [record];
    for (const op of found) {
      for (const { after } of op.dependents) {
        if (after.walk === walk) continue;
        after.walk = walk;
        found.push(after);
      }
    }
    for (let i = 1; i < found.length; i += 1) visit(found[i]!);
  }

  /**
   * The op has ended; O(1) for each of its dependencies. Its dependents go on naming it among theirs until they end themselves, because where
   * it ran is where its result lies.
   */
  remove(record: OpRecord): void {
    for (const edge of record.dependencies) {
      const edges = edge.before.dependents as Edge[];
      // One that is done has let go already.
      if (edges[edge.place] !== edge) continue;
      const last = edges.pop()!;
      if (last === edge) continue;
      edges[edge.place] = last;
      last.place = edge.place;
    }
    record.dependencies = none;
    record.dependents = none;
    record.missing = 0;
  }

  /** Makes room for an edge that points backward, or finds the circle that it would close. */
  #reorder(before: OpRecord, after: OpRecord): readonly OpRecord[] | undefined {
    const walk = (this.#walks += 1);
    const onward = [after];
    const from = [-1];
    after.walk = walk;
    for (let i = 0; i < onward.length; i += 1) {
      for (const { after: next } of onward[i]!.dependents) {
        if (next === before) return [...wayTo(i, onward, from), before, after];
        if (next.walk === walk || next.order > before.order) continue;
        next.walk = walk;
        onward.push(next);
        from.push(i);
      }
    }
    const backward = [before];
    before.walk = walk;
    for (const op of backward) {
      for (const { before: next } of op.dependencies) {
        if (next.walk === walk || next.order < after.order) continue;
        next.walk = walk;
        backward.push(next);
      }
    }
    // All that leads to `before` takes the foremost places that both had, all that follows `after` the rest.
    const moved = [...backward.sort(byOrder), ...onward.sort(byOrder)];
    const places = moved.map((op) => op.order).sort((a, b) => a - b);
    for (let i = 0; i < moved.length; i += 1) moved[i]!.order = places[i]!;
    return undefined;
  }
}

const byOrder = (a: OpRecord, b: OpRecord): number => a.order - b.order;

function wayTo(end: number, found: readonly OpRecord[], from: readonly number[]): OpRecord[] {
  const way: OpRecord[] = [];
  for (let i = end; i >= 0; i = from[i]!) way.push(found[i]!);
  return way.toReversed();
}

/** Looks where there is less to look at. */
function find(before: OpRecord, after: OpRecord): Edge | undefined {
  return before.dependents.length < after.dependencies.length
    ? before.dependents.find((edge) => edge.after === after)
    : after.dependencies.find((edge) => edge.before === before);
}

function append(edges: readonly Edge[], edge: Edge): readonly Edge[] {
  if (edges.length === 0) return [edge];
  (edges as Edge[]).push(edge);
  return edges;
}
