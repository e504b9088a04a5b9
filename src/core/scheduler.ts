import { assert, unreachable } from '../base/assert.ts';
import { Heap } from '../base/heap.ts';
import type { Micros } from '../base/units.ts';
import type { Command, SchedulerEvent, Tuning } from './event.ts';
import { LaneQueue, type OpRecord } from './lane-queue.ts';
import { type GateId, type LaneId, type Op, type OpId, priorities, type Priority } from './op.ts';
import { classOf, policies } from './policy.ts';
import { type Slice, SliceQueue } from './slice-queue.ts';
import { Vigil } from './vigil.ts';
import { Window } from './window.ts';

export const defaultTuning: Tuning = { enabled: true, policy: 'priority', quantum: 2_000 };

/** Gates of the most urgent class may have this much unfinished without asking: a run of theirs, not a flood. */
const standingCredit: Micros = 50_000;

/** So many quanta are released to a gate at once. It submits them at its pace, without asking for each, and can be asked to keep the rest. */
const trainLength = 8;

/** While nobody more urgent is about, slices are so many times longer: each costs the browser a round trip. */
const coarse = 4;

/** A pace is told again when it changed by this much. */
const paceStep: Micros = 250;

/**
 * Decides what runs next. `step` is the only door: no clock, no chance, no promise inside, so the same events at the same
 * times give the same commands.
 *
 * Two levels: an op waits for its lane (one op is encoded at a time), its slices wait in the gate of the lane's device. A class
 * of work waits behind another only through the policy's key, so ageing bounds how long.
 */
export class Scheduler {
  #tuning: Tuning;
  readonly #gates = new Map<GateId, SliceQueue>();
  readonly #lanes = new Map<LaneId, LaneQueue>();
  readonly #ops = new Map<OpId, OpRecord>();
  readonly #deadlines = new Heap<OpRecord>();
  readonly #window = new Window();
  /** By rank. */
  readonly #vigils = priorities.map(() => new Vigil());
  #wakeAt: Micros = Infinity;

  constructor(tuning: Tuning = defaultTuning) {
    this.#tuning = tuning;
  }

  /** The only way state changes. */
  step(event: SchedulerEvent, now: Micros): readonly Command[] {
    const commands: Command[] = [];
    this.#apply(event, now);
    this.#expire(now, commands);
    this.#credit(now, commands);
    this.#recall(commands);
    this.#startOps(commands);
    this.#releaseSlices(now, commands);
    this.#wake(commands);
    return commands;
  }

  /** For the trace and the tests. */
  report(): { readonly inFlight: Micros; readonly ready: number; readonly roundTrip: Micros; readonly unfinished: number } {
    let ready = 0;
    for (const gate of this.#gates.values()) ready += gate.readyCount;
    return { inFlight: this.#window.inFlight, ready, roundTrip: this.#window.roundTrip, unfinished: this.#ops.size };
  }

  /** Re-derives what the indices claim; a broken claim is a bug. */
  check(): void {
    let inFlight = 0;
    for (const gate of this.#gates.values()) {
      gate.check();
      inFlight += gate.inFlight;
    }
    assert(Math.abs(inFlight - this.#window.inFlight) < 1, 'the window counts what the gates have in flight');
    for (const lane of this.#lanes.values()) {
      let encoding = 0;
      for (const record of lane.running.values()) encoding += record.state === 'encoding' ? 1 : 0;
      assert(encoding <= 1, 'a lane encodes one op at a time');
      for (const record of lane.waiting) assert(record.state === 'waiting', 'a waiting op has not started');
    }
  }

  #apply(event: SchedulerEvent, now: Micros): void {
    switch (event.kind) {
      case 'gate-opened': this.#gates.set(event.gate, new SliceQueue(event.gate, event.tenant, event.priority)); return;
      case 'gate-closed': this.#closeGate(event.gate); return;
      case 'slices-ready': this.#slicesReady(event.gate, event.priority, event.costs, event.released, now); return;
      case 'slices-released': this.#slicesReleased(event.gate, event.upTo, now); return;
      case 'slices-done': this.#slicesDone(event.gate, event.upTo, now); return;
      case 'slices-recalled': this.#slicesRecalled(event.gate, event.upTo); return;
      case 'lane-opened': this.#lanes.set(event.lane, new LaneQueue(event.lane, event.tenant, event.gate)); return;
      case 'lane-closed': this.#closeLane(event.lane); return;
      case 'op-submitted': this.#opSubmitted(event.op, now); return;
      case 'op-encoded': this.#opEncoded(event.op); return;
      case 'op-finished': this.#opEnded(event.op); return;
      case 'op-cancelled': this.#opCancelled(event.op); return;
      case 'tuned': this.#tuning = { ...this.#tuning, ...event.tuning }; return;
      case 'woke': this.#wakeAt = Infinity; return;
      default: unreachable(event);
    }
  }

  #slicesReady(id: GateId, priority: Priority, costs: readonly Micros[], released: number, now: Micros): void {
    const gate = this.#gates.get(id);
    if (gate === undefined) return; // Told on its way out.
    const key = this.#keyOf(priority, now);
    const rank = this.#classOf(priority);
    // What belongs to an op was expected since that arrived.
    if (this.#hasLane(id)) this.#vigils[rank]!.active(now);
    else this.#vigils[rank]!.arrived(now);
    for (const cost of costs) gate.announce({ cost, key, rank, releasedAt: 0, alone: false });
    this.#slicesReleased(id, released, now);
  }

  #slicesReleased(id: GateId, upTo: number, now: Micros): void {
    const gate = this.#gates.get(id);
    while (gate !== undefined && gate.released < upTo) this.#launch(gate, now);
  }

  #slicesDone(id: GateId, upTo: number, now: Micros): void {
    const gate = this.#gates.get(id);
    for (let slice = gate?.land(upTo); slice !== undefined; slice = gate?.land(upTo)) {
      this.#window.land(slice.cost);
      if (slice.alone && this.#window.isEmpty) this.#window.observe(now - slice.releasedAt, slice.cost);
    }
  }

  #slicesRecalled(id: GateId, upTo: number): void {
    const gate = this.#gates.get(id);
    if (gate === undefined) return;
    gate.isRecalling = false;
    this.#takeBack(gate, upTo);
  }

  #takeBack(gate: SliceQueue, upTo: number): void {
    for (let slice = gate.recall(upTo); slice !== undefined; slice = gate.recall(upTo)) this.#window.land(slice.cost);
  }

  #closeGate(id: GateId): void {
    const gate = this.#gates.get(id);
    if (gate !== undefined) this.#takeBack(gate, 0); // What runs there is nobody's any more.
    this.#gates.delete(id);
  }

  #closeLane(id: LaneId): void {
    for (const record of [...this.#ops.values()]) if (record.op.lane === id) this.#ops.delete(record.op.op);
    this.#lanes.delete(id);
  }

  #opSubmitted(op: Op, now: Micros): void {
    const lane = this.#lanes.get(op.lane);
    if (lane === undefined || this.#ops.has(op.op)) return; // The lane is gone and its edge settles the op, or it was told twice.
    const record: OpRecord = { op, key: this.#keyOf(op.priority, now), rank: this.#classOf(op.priority), state: 'waiting' };
    this.#ops.set(op.op, record);
    this.#vigils[record.rank]!.arrived(now);
    lane.waiting.push(record.key, record);
    if (op.deadlineAt < Infinity) this.#deadlines.push(op.deadlineAt, record);
  }

  #opEncoded(id: OpId): void {
    const record = this.#ops.get(id);
    if (record !== undefined && record.state === 'encoding') record.state = 'encoded';
  }

  #opEnded(id: OpId): void {
    const record = this.#ops.get(id);
    if (record === undefined) return;
    const lane = this.#lanes.get(record.op.lane);
    lane?.running.delete(id);
    lane?.waiting.remove(record);
    this.#ops.delete(id);
  }

  #opCancelled(id: OpId): void {
    if (this.#ops.get(id)?.state === 'waiting') this.#opEnded(id);
  }

  /** Whoever asked is told at the deadline; what already runs drains first. */
  #expire(now: Micros, commands: Command[]): void {
    for (let next = this.#deadlines.peek(); next !== undefined && next.op.deadlineAt <= now; next = this.#deadlines.peek()) {
      this.#deadlines.pop();
      if (this.#ops.get(next.op.op) !== next) continue; // It ended in time.
      commands.push({ kind: 'expire', op: next.op.op });
      this.#opCancelled(next.op.op);
    }
  }

  #wake(commands: Command[]): void {
    let next = this.#deadlines.peek();
    while (next !== undefined && this.#ops.get(next.op.op) !== next) {
      this.#deadlines.pop();
      next = this.#deadlines.peek();
    }
    const at = next?.op.deadlineAt ?? Infinity;
    if (at >= this.#wakeAt) return; // An early wake does no harm.
    this.#wakeAt = at;
    commands.push({ kind: 'wake', at, why: 'deadline' });
  }

  /** Tells each gate what it may do without asking, when that changed. */
  #credit(now: Micros, commands: Command[]): void {
    const classes = [...this.#gates.values()].map((gate) => this.#gateClass(gate));
    const most = Math.min(...classes);
    const least = Math.max(...classes);
    const { enabled, quantum: short } = this.#tuning;
    // Each gate's slices take as many times longer as there are gates; one that runs and one behind it keep all of them busy.
    const askers = classes.filter((rank) => rank > most || most === least).length;
    const share = this.#window.bound(short * coarse * 1.5 * askers);
    let index = 0;
    for (const gate of this.#gates.values()) {
      const rank = classes[index++]!;
      const credit = !enabled || this.#gates.size === 1 ? Infinity : rank === most && rank < least ? standingCredit : 0;
      const isTight = credit === 0 && this.#isDefended(rank, now);
      const quantum = !enabled ? Infinity : credit === 0 && this.#isAlert(rank, now) ? short : short * coarse;
      const tight = this.#window.bound(short / 2);
      const pace = credit > 0 ? Infinity : isTight ? tight : Math.max(tight, Math.round(share));
      const { leave } = gate;
      const isSamePace = pace === leave?.pace || Math.abs(pace - (leave?.pace ?? 0)) < paceStep;
      if (leave?.credit === credit && leave.quantum === quantum && isSamePace) continue;
      gate.leave = { credit, pace, quantum };
      commands.push({ kind: 'credit', gate: gate.gate, ...gate.leave });
    }
  }

  /** A gate is as urgent as its tenant, or as the most urgent op that is being run through it. */
  #gateClass(gate: SliceQueue): number {
    let rank = this.#classOf(gate.priority);
    for (const lane of this.#lanes.values()) {
      if (lane.gate !== gate.gate) continue;
      for (const record of lane.running.values()) rank = Math.min(rank, record.rank);
      for (const record of lane.waiting) rank = Math.min(rank, record.rank);
    }
    return rank;
  }

  #startOps(commands: Command[]): void {
    for (const lane of this.#lanes.values()) {
      const next = lane.waiting.peek();
      if (next === undefined || !lane.isFree || this.#isHeld(next)) continue;
      lane.waiting.pop();
      next.state = 'encoding';
      lane.running.set(next.op.op, next);
      commands.push({ kind: 'start', lane: lane.lane, op: next.op.op, priority: next.op.priority });
    }
  }

  /** What was released but must be held now is asked back; what the gate has submitted already runs. */
  #recall(commands: Command[]): void {
    for (const gate of this.#gates.values()) {
      const last = gate.recallable;
      if (last === undefined || gate.leave?.pace === Infinity) continue;
      if (!this.#isHeld(last) && !this.#isOvertaken(gate, last)) continue;
      gate.isRecalling = true;
      commands.push({ kind: 'recall', gate: gate.gate });
    }
  }

  /** Another gate's more urgent slice waits for room. */
  #isOvertaken(behind: SliceQueue, last: Slice): boolean {
    for (const gate of this.#gates.values()) {
      const next = gate.nextReady;
      if (gate !== behind && next !== undefined && next.rank < last.rank && next.key < last.key) return true;
    }
    return false;
  }

  /** Releases the smallest keys first, while the window has room. */
  #releaseSlices(now: Micros, commands: Command[]): void {
    const touched = new Set<SliceQueue>();
    for (let gate = this.#nextGate(now, touched); gate !== undefined; gate = this.#nextGate(now, touched)) {
      this.#launch(gate, now);
      touched.add(gate);
    }
    let crowd = 0;
    for (const gate of this.#gates.values()) crowd += gate.hasFlights ? 1 : 0;
    for (const gate of touched) commands.push({ kind: 'release', gate: gate.gate, upTo: gate.released, crowd });
  }

  /** Whose slice goes next; `undefined` when nothing is ready, or it must wait for room. */
  #nextGate(now: Micros, filling: ReadonlySet<SliceQueue>): SliceQueue | undefined {
    let best: SliceQueue | undefined;
    for (const gate of this.#gates.values()) {
      const slice = gate.nextReady;
      if (slice === undefined || gate.isRecalling || slice.key >= (best?.nextReady?.key ?? Infinity)) continue;
      if (this.#isHeld(slice)) continue;
      if (!this.#isDefended(slice.rank, now) && !this.#hasRoomOfItsOwn(gate, filling)) continue;
      best = gate;
    }
    const slice = best?.nextReady;
    if (best === undefined || slice === undefined || this.#window.isEmpty || !this.#isDefended(slice.rank, now)) return best;
    return this.#hasRoomAmongAll(best, filling) ? best : undefined;
  }

  /** While nobody more urgent is about, every gate has a train: what one leaves free between two slices the others fill. */
  #hasRoomOfItsOwn(gate: SliceQueue, filling: ReadonlySet<SliceQueue>): boolean {
    return gate.inFlight < this.#fill(gate, filling);
  }

  /** A train is filled up when half of it is done, and then whole: as XSched waits for half of what is in flight. */
  #fill(gate: SliceQueue, filling: ReadonlySet<SliceQueue>): Micros {
    const train = this.#window.bound((gate.leave?.quantum ?? this.#tuning.quantum) * trainLength);
    return filling.has(gate) ? train : train / 2;
  }

  /** Otherwise one gate at a time has a train; the next one's first slice is released when the last of it is about to run. */
  #hasRoomAmongAll(gate: SliceQueue, filling: ReadonlySet<SliceQueue>): boolean {
    const { inFlight } = this.#window;
    return inFlight < (inFlight > gate.inFlight ? this.#window.bound(this.#tuning.quantum) : this.#fill(gate, filling));
  }

  /** A more urgent class asked for something not long ago: slices are kept short. */
  #isAlert(rank: number, now: Micros): boolean {
    return this.#vigils.some((vigil, other) => other < rank && vigil.isAlert(now));
  }

  /** A more urgent class is at work, or may ask at any moment: little is kept in flight. */
  #isDefended(rank: number, now: Micros): boolean {
    if (this.#vigils.some((vigil, other) => other < rank && vigil.isExpected(now))) return true;
    for (const record of this.#ops.values()) if (record.rank < rank) return true;
    return false;
  }

  #hasLane(gate: GateId): boolean {
    for (const lane of this.#lanes.values()) if (lane.gate === gate) return true;
    return false;
  }

  /** From the moment an urgent op arrives until all of it has reached the GPU, less urgent work leaves the GPU to it. */
  #isHeld(work: { readonly rank: number; readonly key: number }): boolean {
    if (!this.#tuning.enabled) return false;
    for (const { rank, key, state } of this.#ops.values()) {
      if (rank < work.rank && key < work.key && state !== 'encoded') return true;
    }
    return false;
  }

  #launch(gate: SliceQueue, now: Micros): void {
    const alone = this.#window.isEmpty;
    this.#window.launch(gate.release(now, alone).cost);
  }

  #keyOf(priority: Priority, now: Micros): number {
    return policies[this.#tuning.policy]({ readyAt: now, priority });
  }

  #classOf(priority: Priority): number {
    return classOf(this.#tuning.policy, priority);
  }
}
