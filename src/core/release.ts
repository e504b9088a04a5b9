import { assert } from '../base/assert.ts';
import type { Micros } from '../base/units.ts';
import type { Census } from './census.ts';
import type { Command, Tuning } from './event.ts';
import { type GateId, priorities, type Priority, rankOf, type TenantId, urgencyOf } from './op.ts';
import type { OpRecord } from './op-record.ts';
import type { PolicyDesk } from './policy-desk.ts';
import type { Reserve } from './reserve.ts';
import type { Shares } from './shares.ts';
import { keyOfSlice, rankOfSlice, type Slice, SliceQueue, type Submission } from './slice-queue.ts';
import { Vigil } from './vigil.ts';
import { Window } from './window.ts';

/** Gates of the most urgent class may have this much unfinished without asking: a run of theirs, not a flood. */
const standingCredit: Micros = 50_000;

/** No GPU is given to one slice for longer; whoever predicts more is mistaken. */
const longestSlice: Micros = 60_000_000;

/** So many quanta are released to a gate at once. It submits them at its pace, without asking for each, and can be asked to keep the rest. */
const trainLength = 8;

/** While nobody more urgent is about, slices are so many times longer: each costs the browser a round trip. */
const coarse = 4;

/** A pace is told again when it changed by this much. */
const paceStep: Micros = 250;

export interface ReleaseWorld {
  readonly desk: PolicyDesk;
  readonly shares: Shares;
  readonly census: Census;
  readonly reserve: Reserve;
  readonly tuning: () => Tuning;
}

/** Decides which gate releases its next slices, and how much of all gates is on the GPU. */
export class Release {
  readonly #world: ReleaseWorld;
  readonly #gates = new Map<GateId, SliceQueue>();
  readonly #window = new Window();
  /** By class: when it asks. */
  readonly #vigils = priorities.map(() => new Vigil());

  constructor(world: ReleaseWorld) {
    this.#world = world;
  }

  get window(): Window {
    return this.#window;
  }

  get readyCount(): number {
    let ready = 0;
    for (const gate of this.#gates.values()) ready += gate.readyCount;
    return ready;
  }

  /** Told twice, it is the same one. */
  openGate(gate: GateId, tenant: TenantId, priority: Priority): void {
    if (!this.#gates.has(gate)) this.#gates.set(gate, new SliceQueue(gate, tenant, priority));
  }

  /** What runs there is nobody's any more. */
  closeGate(id: GateId): void {
    const gate = this.#gates.get(id);
    if (gate === undefined) return;
    this.#takeBack(gate, 0);
    this.#setBacklog(gate, 0);
    this.#gates.delete(id);
    this.#world.census.forgetGate(id);
  }

  /** An op of this class was submitted for a lane with a gate. */
  opArrived(rank: number, now: Micros): void {
    this.#vigils[this.#classOf(rank)]!.arrived(now);
  }

  ready(id: GateId, priority: Priority, record: OpRecord | undefined, costs: readonly Micros[], released: number, now: Micros): void {
    const gate = this.#gates.get(id);
    if (gate === undefined) return; // Told on its way out.
    const rank = rankOf(priority);
    const predicted = costs.map((cost) => (cost >= 0 ? Math.min(cost, longestSlice) : 0));
    let total: Micros = 0;
    for (const cost of predicted) total += cost;
    if (record !== undefined) record.sliceCost += total;
    // What belongs to an op was expected since that arrived.
    const vigil = this.#vigils[this.#classOf(rank)]!;
    if (record === undefined) vigil.arrived(now);
    else vigil.active(now);
    const of: Submission = { record, key: 0, rank, readyAt: now, cost: total };
    this.#key(gate, of);
    for (const cost of predicted) gate.announce({ cost, of, releasedAt: 0, alone: false, weight: 1 });
    this.#setBacklog(gate, gate.readyCount);
    this.released(id, released, now);
  }

  /** The gate released them by itself. */
  released(id: GateId, upTo: number, now: Micros): void {
    const gate = this.#gates.get(id);
    if (gate === undefined) return;
    while (gate.released < upTo && gate.readyCount > 0) this.#launch(gate, now);
    gate.submitted(upTo);
    this.#setBacklog(gate, gate.readyCount);
  }

  done(id: GateId, upTo: number, now: Micros): void {
    const gate = this.#gates.get(id);
    this.released(id, upTo, now); // Should the news of that have been lost.
    for (let slice = gate?.land(upTo); slice !== undefined; slice = gate?.land(upTo)) {
      this.#window.land(slice.cost);
      if (slice.alone && this.#window.isEmpty) this.#window.observe(now - slice.releasedAt, slice.cost);
    }
  }

  recalled(id: GateId, upTo: number): void {
    const gate = this.#gates.get(id);
    if (gate?.isRecalling !== true) return; // Told twice.
    gate.isRecalling = false;
    this.#takeBack(gate, upTo);
    this.#setBacklog(gate, gate.readyCount);
  }

  /** The policy changed: keys mean something else. */
  rebuild(): void {
    for (const gate of this.#gates.values()) {
      gate.headKey = undefined;
      for (const submission of gate.submissions()) this.#key(gate, submission);
    }
  }

  /** Says what follows from all that: who may do what alone, who gives back, who goes next. */
  decide(now: Micros, commands: Command[]): void {
    if (this.#gates.size === 0) return;
    this.#credit(now, commands);
    this.#recall(now, commands);
    const before = this.#begunGate();
    this.#release(now, commands);
    if (this.#begunGate() !== before) this.#credit(now, commands); // Or what has credit would go between until the next step.
  }

  /** Of each gate with something to release. */
  *tenantsInLine(): Iterable<TenantId> {
    for (const gate of this.#gates.values()) if (gate.isInLine) yield gate.tenant;
  }

  /** Re-derives what the counters claim. */
  check(): void {
    let inFlight = 0;
    for (const gate of this.#gates.values()) {
      gate.check();
      assert(gate.isInLine === gate.readyCount > 0, 'a gate is in line while it has something to release');
      inFlight += gate.inFlight;
    }
    assert(Math.abs(inFlight - this.#window.inFlight) < 1, 'the window counts what the gates have in flight');
  }

  /** An op has its own key. */
  #key({ tenant }: SliceQueue, of: Submission): void {
    if (of.record === undefined) of.key = this.#world.desk.keyOfSubmission(tenant, urgencyOf(priorities[of.rank]!), of.cost, of.readyAt);
  }

  #takeBack(gate: SliceQueue, upTo: number): void {
    const share = this.#world.shares.of(gate.tenant);
    for (let slice = gate.recall(upTo); slice !== undefined; slice = gate.recall(upTo)) {
      this.#window.land(slice.cost);
      share.charge(-slice.cost, slice.releasedAt, slice.weight);
    }
  }

  /** A tenant stands in line while one of its gates has something to release. */
  #setBacklog(gate: SliceQueue, readyCount: number): void {
    if (gate.isInLine === readyCount > 0) return;
    gate.isInLine = readyCount > 0;
    const { shares } = this.#world;
    const share = shares.of(gate.tenant);
    if (gate.isInLine) shares.join(share);
    else shares.leave(share);
  }

  /** Tells each gate what it may do without asking, when that changed. */
  #credit(now: Micros, commands: Command[]): void {
    const classes = [...this.#gates.values()].map((gate) => this.#gateClass(gate));
    const most = Math.min(...classes);
    const least = Math.max(...classes);
    const { enabled, quantum: short } = this.#world.tuning();
    const { sideBySide } = this.#world.desk.policy;
    // Each gate's slices take as many times longer as there are gates; one that runs and one behind it keep all of them busy.
    const askers = classes.filter((rank) => rank > most || most === least).length;
    const share = this.#window.bound(short * coarse * 1.5 * askers);
    const begun = this.#begunGate();
    let index = 0;
    for (const gate of this.#gates.values()) {
      const rank = classes[index++]!;
      const hasCredit = rank === most && rank < least && (begun ?? gate) === gate;
      const credit = !enabled || this.#gates.size === 1 ? Infinity : hasCredit ? standingCredit : 0;
      const isTight = credit === 0 && (!sideBySide || this.#isDefended(rank, now));
      const quantum = !enabled ? Infinity : credit === 0 && (!sideBySide || this.#isAlert(rank, now)) ? short : short * coarse;
      const tight = this.#window.bound(short / 2);
      const pace = credit > 0 ? Infinity : isTight ? tight : Math.max(tight, Math.round(share));
      const { leave } = gate;
      const isSamePace = pace === leave?.pace || Math.abs(pace - (leave?.pace ?? 0)) < paceStep;
      if (leave?.credit === credit && leave.quantum === quantum && isSamePace) continue;
      gate.mustYield ||= isTight && leave !== undefined && leave.credit === 0 && leave.pace > pace + paceStep;
      gate.leave = { credit, pace, quantum };
      commands.push({ kind: 'credit', gate: gate.gate, ...gate.leave });
    }
  }

  /** A gate is as urgent as its tenant, or as the most urgent op that is being run through it. */
  #gateClass(gate: SliceQueue): number {
    return this.#classOf(Math.min(rankOf(gate.priority), this.#world.census.rankOfGate(gate.gate)));
  }

  /** What was released but must be held now is asked back; what the gate has submitted already runs. */
  #recall(now: Micros, commands: Command[]): void {
    for (const gate of this.#gates.values()) {
      const last = gate.recallable;
      const { mustYield } = gate;
      gate.mustYield = false;
      if (last === undefined || gate.leave?.pace === Infinity || isBegun(gate, last)) continue;
      if (!this.#isHeld(gate, last, now) && !this.#isOvertaken(gate, last) && !(mustYield && this.#isBehindAnother(gate))) continue;
      gate.isRecalling = true;
      commands.push({ kind: 'recall', gate: gate.gate });
    }
  }

  /** When gates stop running side by side one of them goes on: the first that has a train. */
  #isBehindAnother(gate: SliceQueue): boolean {
    for (const other of this.#gates.values()) {
      if (other === gate) return false;
      if (other.recallable !== undefined && other.leave?.credit === 0) return true;
    }
    return false;
  }

  /** Another gate's more urgent slice waits for room. */
  #isOvertaken(behind: SliceQueue, last: Slice): boolean {
    if (!this.#world.desk.policy.classes) return false;
    const rank = this.#rankIn(behind, last);
    for (const gate of this.#gates.values()) {
      const next = gate.nextReady;
      if (gate !== behind && next !== undefined && this.#rankIn(gate, next) < rank) return true;
    }
    return false;
  }

  /** Releases the first in order, while the window has room. */
  #release(now: Micros, commands: Command[]): void {
    const touched = new Set<SliceQueue>();
    for (let gate = this.#nextGate(now, touched); gate !== undefined; gate = this.#nextGate(now, touched)) {
      this.#launch(gate, now);
      touched.add(gate);
    }
    if (touched.size === 0) return;
    let crowd = 0;
    for (const gate of this.#gates.values()) crowd += gate.hasFlights ? 1 : 0;
    for (const gate of touched) {
      this.#setBacklog(gate, gate.readyCount);
      commands.push({ kind: 'release', gate: gate.gate, upTo: gate.released, crowd });
    }
  }

  /** Whose slice goes next; `undefined` when nothing is ready, or it must wait for room. */
  #nextGate(now: Micros, filling: ReadonlySet<SliceQueue>): SliceQueue | undefined {
    const begun = this.#begunGate();
    let best: SliceQueue | undefined;
    let next: Slice | undefined;
    for (const gate of this.#gates.values()) {
      const slice = gate.nextReady;
      if (slice === undefined || gate.isRecalling || this.#isHeld(gate, slice, now)) continue;
      if (begun !== undefined && !(gate === begun && isBegun(gate, slice))) continue;
      if (this.#mayFlow(gate, slice, now) && !this.#hasRoomOfItsOwn(gate, filling)) continue;
      if (next !== undefined && !this.#goesBefore(gate, slice, best!, next, now)) continue;
      best = gate;
      next = slice;
    }
    if (best === undefined || next === undefined || this.#window.isEmpty || this.#mayFlow(best, next, now)) return best;
    // What the reserve pays for waits for no room but its own: urgent gates fill the GPU on their credit without asking.
    const isPaidFor = this.#isPaidFor(best, next, now) && best.inFlight < this.#window.bound(this.#world.tuning().quantum);
    return isPaidFor || this.#hasRoomAmongAll(best, filling) ? best : undefined;
  }

  /** Where something has begun that nothing may overtake, and not all of it was submitted: what is in flight beyond the pace was not. */
  #begunGate(): SliceQueue | undefined {
    for (const gate of this.#gates.values()) {
      const { nextReady, recallable, inFlight, leave } = gate;
      if (nextReady !== undefined && isBegun(gate, nextReady)) return gate;
      if (recallable !== undefined && isBegun(gate, recallable) && inFlight > (leave?.pace ?? 0)) return gate;
    }
    return undefined;
  }

  #goesBefore(gate: SliceQueue, slice: Slice, other: SliceQueue, than: Slice, now: Micros): boolean {
    const { classes } = this.#world.desk.policy;
    if (classes) {
      const [a, b] = [this.#rankNow(gate, slice, now), this.#rankNow(other, than, now)];
      if (a !== b) return a < b;
    }
    return this.#keyNow(gate, slice, now) < this.#keyNow(other, than, now);
  }

  /** Overdue work counts as the most urgent, as long as the reserve pays. */
  #rankNow(gate: SliceQueue, slice: Slice, now: Micros): number {
    return this.#isPaidFor(gate, slice, now) ? -1 : this.#rankIn(gate, slice);
  }

  /** What is first in a gate is as urgent as what is behind it there, and as the ops that wait for the gate's lane. */
  #rankIn(gate: SliceQueue, slice: Slice): number {
    const from = slice === gate.nextReady ? gate.released : gate.released - 1;
    return Math.min(gate.rankFrom(from), this.#world.census.rankAwaitedAt(gate.gate));
  }

  #isPaidFor(gate: SliceQueue, slice: Slice, now: Micros): boolean {
    const { desk, reserve } = this.#world;
    return desk.policy.classes && this.#rankIn(gate, slice) > 0 && keyOfSlice(slice) < now && reserve.mayPay(now);
  }

  /** Under a policy that shares, where the tenant stands now. */
  #keyNow(gate: SliceQueue, slice: Slice, now: Micros): number {
    const { desk } = this.#world;
    if (desk.policy.taken === 'ready') return this.#liftedKey(gate, slice);
    gate.headKey ??= desk.keyOfSubmission(gate.tenant, urgencyOf(priorities[rankOfSlice(slice)]!), slice.cost, now);
    return gate.headKey;
  }

  /** What is as urgent as others behind it has the key that it would have had then. */
  #liftedKey(gate: SliceQueue, slice: Slice): number {
    const { desk } = this.#world;
    const rank = desk.policy.classes ? this.#rankIn(gate, slice) : rankOfSlice(slice);
    if (rank === rankOfSlice(slice)) return keyOfSlice(slice);
    const urgency = urgencyOf(priorities[rank]!);
    const { record, cost, readyAt } = slice.of;
    return record === undefined ? desk.keyOfSubmission(gate.tenant, urgency, cost, readyAt) : desk.keyOfOp(record, urgency);
  }

  /** While nobody more urgent is about, every gate has a train: what one leaves free between two slices the others fill. */
  #mayFlow(gate: SliceQueue, slice: Slice, now: Micros): boolean {
    return this.#world.desk.policy.sideBySide && !this.#isDefended(this.#classOf(this.#rankIn(gate, slice)), now);
  }

  #hasRoomOfItsOwn(gate: SliceQueue, filling: ReadonlySet<SliceQueue>): boolean {
    return gate.inFlight < this.#fill(gate, filling);
  }

  /** A train is filled up when half of it is done, and then whole: as XSched waits for half of what is in flight. */
  #fill(gate: SliceQueue, filling: ReadonlySet<SliceQueue>): Micros {
    const train = this.#window.bound((gate.leave?.quantum ?? this.#world.tuning().quantum) * trainLength);
    return filling.has(gate) ? train : train / 2;
  }

  /** Otherwise one gate at a time has a train; the next one's first slice is released when the last of it is about to run. */
  #hasRoomAmongAll(gate: SliceQueue, filling: ReadonlySet<SliceQueue>): boolean {
    const { inFlight } = this.#window;
    return inFlight < (inFlight > gate.inFlight ? this.#window.bound(this.#world.tuning().quantum) : this.#fill(gate, filling));
  }

  /** A more urgent class asked for something not long ago: slices are kept short. */
  #isAlert(rank: number, now: Micros): boolean {
    return this.#vigils.some((vigil, other) => other < rank && vigil.isAlert(now));
  }

  /** A more urgent class is at work, or may ask at any moment: little is kept in flight. */
  #isDefended(rank: number, now: Micros): boolean {
    return this.#vigils.some((vigil, other) => other < rank && vigil.isExpected(now)) || this.#world.census.isPresent(rank);
  }

  /** From the moment an urgent op arrives until all of it has reached the GPU, less urgent work leaves the GPU to it. */
  #isHeld(gate: SliceQueue, slice: Slice, now: Micros): boolean {
    const { tuning, desk, census } = this.#world;
    if (!tuning().enabled || !desk.policy.classes || isBegun(gate, slice)) return false;
    return census.isAwaited(this.#rankIn(gate, slice)) && !this.#isPaidFor(gate, slice, now);
  }

  #launch(gate: SliceQueue, now: Micros): void {
    const { shares, desk, reserve } = this.#world;
    const next = gate.nextReady;
    if (next !== undefined && this.#isPaidFor(gate, next, now) && this.#world.census.isPresent(this.#rankIn(gate, next))) reserve.spend(next.cost);
    const slice = gate.release(now, this.#window.isEmpty);
    const share = shares.of(gate.tenant);
    shares.pick(share, desk.policy.taken === 'head' ? (gate.headKey ?? 0) : keyOfSlice(slice));
    slice.weight = share.weight;
    share.charge(slice.cost, now);
    for (const other of this.#gates.values()) if (other.tenant === gate.tenant) other.headKey = undefined;
    this.#window.launch(slice.cost);
  }

  /** Only a policy that tells classes apart gives one of them standing credit over another. */
  #classOf(rank: number): number {
    return this.#world.desk.policy.classes ? rank : 0;
  }
}

/** A slice of an op that may not be interrupted, of which some are released already. */
const isBegun = (gate: SliceQueue, { of: { record } }: Slice): boolean =>
  record?.op.preemptible === false && gate.lastReleased?.of.record === record;
