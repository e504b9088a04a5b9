import type { Micros } from '../base/units.ts';
import type { Command, SchedulerEvent } from '../core/event.ts';
import { type GateId, type OpId, type Priority, rankOf } from '../core/op.ts';

export interface SeenSlice {
  readonly op: OpId;
  readonly cost: Micros;
  readonly rank: number;
}

/** One gate, as anybody can see who hears what it says and what it is told. */
export interface SeenGate {
  readonly gate: GateId;
  readonly priority: Priority;
  /** From `done` on. */
  readonly slices: SeenSlice[];
  announced: number;
  released: number;
  done: number;
  /** The last that was done. */
  landed: SeenSlice | undefined;
  isRecalling: boolean;
  /** The last word, a recall's answer for one, was that all that was released is submitted. */
  isDrained: boolean;
  credit: Micros;
  pace: Micros;
  quantum: Micros;
  /** The loosest pace and the longest quantum since it last had nothing in flight. */
  loosest: Micros;
  coarsest: Micros;
}

/** All gates from outside the scheduler. */
export class GatePicture {
  readonly gates = new Map<GateId, SeenGate>();

  heard(event: SchedulerEvent): void {
    if (event.kind === 'gate-opened') {
      const { gate, priority } = event;
      this.gates.set(gate, {
        gate, priority, slices: [], announced: 0, released: 0, done: 0, landed: undefined, isRecalling: false, isDrained: false, credit: 0, pace: 0, quantum: 0, loosest: 0, coarsest: 0,
      });
    }
    const gate = 'gate' in event && event.gate !== undefined ? this.gates.get(event.gate) : undefined;
    if (gate === undefined) return;
    switch (event.kind) {
      case 'gate-closed': this.gates.delete(gate.gate); return;
      case 'slices-ready':
        for (const cost of event.costs) gate.slices.push({ op: event.op ?? (0 as OpId), cost, rank: rankOf(event.priority) });
        gate.announced += event.costs.length;
        this.#releasedItself(gate, event.released);
        return;
      case 'slices-released': this.#releasedItself(gate, event.upTo); return;
      case 'slices-done':
        gate.released = Math.max(gate.released, event.upTo);
        gate.landed = gate.slices.splice(0, Math.max(0, event.upTo - gate.done)).at(-1) ?? gate.landed;
        gate.done = Math.max(gate.done, event.upTo);
        this.#loosen(gate);
        return;
      case 'slices-recalled':
        gate.isRecalling = false;
        gate.isDrained = true;
        gate.released = Math.max(gate.done, Math.min(gate.released, event.upTo));
        return;
      default:
    }
  }

  told(command: Extract<Command, { readonly kind: 'release' | 'recall' | 'credit' }>): void {
    const gate = this.gates.get(command.gate);
    if (gate === undefined) return;
    switch (command.kind) {
      case 'release':
        gate.released = Math.max(gate.released, command.upTo);
        gate.isDrained = false;
        return;
      case 'recall': gate.isRecalling = true; return;
      case 'credit':
        gate.credit = command.credit;
        gate.pace = command.pace;
        gate.quantum = command.quantum;
        this.#loosen(gate);
    }
  }

  /** On credit, perhaps of before: then nobody can say how much is on the GPU. */
  #releasedItself(gate: SeenGate, upTo: number): void {
    if (upTo >= gate.released) gate.isDrained = true;
    if (upTo <= gate.released) return;
    gate.released = upTo;
    gate.loosest = Infinity;
  }

  #loosen(gate: SeenGate): void {
    const isEmpty = gate.done === gate.released;
    gate.loosest = isEmpty ? gate.pace : Math.max(gate.loosest, gate.pace);
    gate.coarsest = isEmpty ? gate.quantum : Math.max(gate.coarsest, gate.quantum);
  }

  /** The op whose slices were released last and go on with the next; `undefined` when the next slice is another's. */
  begun({ slices, released, done, landed }: SeenGate): OpId | undefined {
    const next = slices[released - done];
    const last = released > done ? slices[released - done - 1] : landed;
    return next !== undefined && next.op === last?.op ? next.op : undefined;
  }

  /** What was released and is not known to be done. */
  inFlight(gate: SeenGate): readonly SeenSlice[] {
    return gate.slices.slice(0, gate.released - gate.done);
  }
}
