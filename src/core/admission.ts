import type { IdMap } from '../base/id-map.ts';
import { checkOp } from './check-op.ts';
import { CostBook } from './cost-book.ts';
import type { Dependencies } from './dependencies.ts';
import type { Graph } from './graph.ts';
import type { GraphId, Op, OpFailure, OpId } from './op.ts';
import { OpRecord } from './op-record.ts';
import type { Resources } from './resources.ts';
import type { Shares } from './shares.ts';

export interface AdmissionWorld {
  /** Those that have not ended. */
  readonly ops: IdMap<OpRecord>;
  readonly graphs: ReadonlyMap<GraphId, Graph>;
  readonly dependencies: Dependencies;
  readonly resources: Resources;
  readonly shares: Shares;
}

/** Takes an op as it is described, or says why not. */
export class Admission {
  readonly costs = new CostBook();
  readonly #world: AdmissionWorld;
  #arrivals = 0;

  constructor(world: AdmissionWorld) {
    this.#world = world;
  }

  /** It was submitted before: a scheduler that took over, a message told twice. */
  knows({ op, graph }: Op): boolean {
    const { ops, graphs } = this.#world;
    return ops.get(op) !== undefined || (graph !== undefined && graphs.get(graph)?.ops.has(op) === true);
  }

  /** An op that is unfinished, or ended in the same graph. */
  find(op: OpId, { graph }: OpRecord): OpRecord | undefined {
    return this.#world.ops.get(op) ?? graph?.ops.get(op);
  }

  /** One that depends on nothing. */
  take(op: Op): OpRecord | OpFailure {
    const { ops, graphs, dependencies, resources, shares } = this.#world;
    const known = op.costs === undefined ? this.costs.of(op) : 0;
    const flaw = checkOp(op, graphs, known);
    if (flaw !== undefined) return flaw;
    const record = new OpRecord(op, this.#arrivals++, op.graph === undefined ? undefined : graphs.get(op.graph), shares.of(op.tenant), known);
    const need = resources.impossible(record);
    if (need !== undefined) return { code: 'over-capacity', resource: need.resource, amount: need.amount };
    ops.set(op.op, record);
    dependencies.add(record);
    return record;
  }

  /** All of them, in any order of dependencies, or none. `failed`: those that depend on one that ended without a result, with that. */
  takeAll(news: readonly Op[], failed: Map<OpRecord, OpRecord>): readonly OpRecord[] | OpFailure {
    const records: OpRecord[] = [];
    const failure = this.#takeEach(news, records) ?? this.#connectEach(records, failed);
    if (failure === undefined) return records;
    failed.clear();
    for (const record of records) {
      this.#world.dependencies.remove(record);
      this.#world.ops.delete(record.op.op);
    }
    return failure;
  }

  #takeEach(news: readonly Op[], records: OpRecord[]): OpFailure | undefined {
    for (const op of news) {
      if (this.#world.ops.get(op.op) !== undefined) return { code: 'invalid', detail: `op ${op.op} is named twice` };
      const record = this.take(op);
      if (!(record instanceof OpRecord)) return record;
      records.push(record);
    }
    return undefined;
  }

  #connectEach(records: readonly OpRecord[], failed: Map<OpRecord, OpRecord>): OpFailure | undefined {
    for (const record of records) {
      for (const { op, bytes } of record.op.dependencies ?? []) {
        const before = this.find(op, record);
        if (before === undefined) return { code: 'unknown-dependency', op };
        if (before.state === 'done') record.noteInput(before.lane, bytes);
        else if (before.failure !== undefined) failed.set(record, before);
        else {
          const path = this.#world.dependencies.connect(before, record, bytes);
          if (path !== undefined) return { code: 'cycle', path: path.map((on) => on.op.op) };
        }
      }
    }
    return undefined;
  }
}
