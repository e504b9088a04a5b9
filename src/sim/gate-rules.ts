import type { Micros } from '../base/units.ts';
import type { Command } from '../core/event.ts';
import type { OpId } from '../core/op.ts';
import { patience } from '../core/policies.ts';
import { hold } from './breach.ts';
import type { GatePicture, SeenGate, SeenSlice } from './gate-picture.ts';
import { isFree } from './op-rules.ts';
import type { Picture, SeenLane, SeenOp } from './picture.ts';

/** Overdue work may take a twentieth of the time from what is more urgent, and so much that was saved up. */
const reserved = 0.05;
const saved: Micros = 50_000;
/** A gate tells what is done after so many quanta. */
const newsAfter = 4;

/**
 * What must be true of what gates are told to release. While something more urgent is awaited (it could start, or is being encoded, behind some
 * other gate) what is less urgent leaves the GPU to it: nothing of it is released, and what was released and is not submitted is asked back.
 *
 * A gate keeps its order, so what is before something urgent in it is as urgent, and so is all of it when something urgent waits for its lane.
 */
export class GateRules {
  readonly #picture: Picture;
  readonly #gates: GatePicture;
  /** Predicted time of what was released nevertheless, because it was overdue. */
  #spent: Micros = 0;

  constructor(picture: Picture, gates: GatePicture) {
    this.#picture = picture;
    this.#gates = gates;
  }

  release({ gate: on, upTo }: Extract<Command, { readonly kind: 'release' }>, now: Micros): void {
    const gate = this.#gates.gates.get(on);
    if (gate === undefined) return;
    hold(upTo <= gate.announced, 'releases-unannounced', () => `gate ${on} announced ${gate.announced} and is to release ${upTo}`);
    hold(upTo > gate.released, 'releases-unannounced', () => `gate ${on} released ${gate.released} and is to release ${upTo}`);
    const whole = this.#isWhole(gate) ? undefined : this.#wholeBeside(gate);
    hold(whole === undefined, 'overtakes', () => `gate ${on} is to release what is another's`, whole);
    const awaited = this.#awaitedBeside(gate);
    if (awaited === undefined) return;
    const ranks = this.#picture.inherited();
    for (let index = gate.released - gate.done; index < upTo - gate.done; index += 1) {
      const { op, cost } = gate.slices[index]!;
      const right = this.#rightOf(gate, index, awaited, ranks, now);
      hold(right !== 'none', 'releases-held', () => `gate ${on} is to release what belongs to op ${op}`, awaited.op.op);
      if (right === 'overdue') this.#spent += cost;
      hold(this.#spent <= saved + reserved * now + cost, 'releases-held', () => `gate ${on} is to release more than is reserved for overdue work`, awaited.op.op);
    }
  }

  /** After every step. */
  standing(now: Micros): void {
    let ranks: ReadonlyMap<SeenOp, number> | undefined;
    for (const gate of this.#gates.gates.values()) {
      this.#credit(gate);
      const slices = this.#gates.inFlight(gate);
      if (slices.length === 0 || gate.loosest === Infinity || gate.isRecalling) continue;
      const awaited = this.#awaitedBeside(gate);
      if (awaited === undefined) continue;
      ranks ??= this.#picture.inherited();
      // What is urgent or late itself takes with it what is before it.
      if (this.#rightOf(gate, slices.length - 1, awaited, ranks, now) !== 'none') continue;
      hold(gate.isDrained, 'window', () => `gate ${gate.gate} was not asked to keep what it can`, awaited.op.op);
      let inFlight = 0;
      for (const { cost } of slices) inFlight += cost;
      hold(inFlight <= windowOf(gate, slices), 'window', () => `gate ${gate.gate} has ${inFlight} in flight`, awaited.op.op);
    }
  }

  /** Who has credit does not ask, and goes between. */
  #credit(gate: SeenGate): void {
    if (gate.credit === 0 || this.#isWhole(gate) || !this.#picture.isEnabled) return;
    const whole = this.#wholeBeside(gate);
    hold(whole === undefined, 'overtakes', () => `gate ${gate.gate} has a credit of ${gate.credit}`, whole);
  }

  /** The op of another gate that has begun and may not be interrupted, if some of it waits. */
  #wholeBeside(gate: SeenGate): OpId | undefined {
    for (const other of this.#gates.gates.values()) if (other !== gate && this.#isWhole(other)) return this.#gates.begun(other);
    return undefined;
  }

  #isWhole(gate: SeenGate): boolean {
    const begun = this.#gates.begun(gate);
    return begun !== undefined && this.#picture.ops.get(begun)?.op.preemptible === false;
  }

  /** Nothing is left in a gate when all is quiet. */
  emptied(): void {
    for (const { gate, announced, released, done } of this.#gates.gates.values()) {
      hold(announced === released && released === done, 'slices-lost', () => `gate ${gate} announced ${announced}, released ${released}, did ${done}`);
    }
  }

  /** The most urgent op behind another gate for which what is less urgent here is held; as far as it is sure that nothing holds itself. */
  #awaitedBeside(gate: SeenGate): SeenOp | undefined {
    if (!this.#picture.isEnabled || this.#picture.policy !== 'priority') return undefined;
    let first: SeenOp | undefined;
    for (const seen of this.#picture.unfinished) {
      if (this.#isAwaited(seen, gate) && (first === undefined || this.#picture.rankOf(seen) < this.#picture.rankOf(first))) first = seen;
    }
    return first;
  }

  #isAwaited(seen: SeenOp, { gate }: SeenGate): boolean {
    const { op, isEncoded, isGivenUp, place } = seen;
    const lane = this.#laneOf(seen);
    if (isGivenUp || isEncoded || lane?.gate === undefined || lane.gate === gate || !this.#gates.gates.has(lane.gate)) return false;
    return place === 'under-way' || (this.#picture.isReady(seen) && isFree(lane) && op.needs === undefined && op.gang === undefined && !this.#picture.slots.has(op.tenant));
  }

  #laneOf({ op, place, lane }: SeenOp): SeenLane | undefined {
    const on = place === 'under-way' ? lane : op.lane;
    return on === undefined ? undefined : this.#picture.lanes.get(on);
  }

  /** Why a slice need not leave the GPU to what is awaited: it, or something that waits for it, is as urgent, or has waited too long. */
  #rightOf(gate: SeenGate, from: number, awaited: SeenOp, ranks: ReadonlyMap<SeenOp, number>, now: Micros): 'urgent' | 'overdue' | 'none' {
    const urgent = this.#picture.rankOf(awaited);
    const waiting = gate.slices.slice(from);
    if (this.#rankHere(gate, ranks) <= urgent || waiting.some((slice) => this.#rankOf(slice, ranks) <= urgent)) return 'urgent';
    return waiting.some((slice) => this.#isOverdue(slice, ranks, now)) ? 'overdue' : 'none';
  }

  /** Of the most urgent op that waits for the lane of a gate, or is being encoded there. */
  #rankHere({ gate }: SeenGate, ranks: ReadonlyMap<SeenOp, number>): number {
    let least = Infinity;
    for (const [seen, rank] of ranks) {
      const isHere = this.#laneOf(seen)?.gate === gate && (seen.place === 'under-way' ? !seen.isEncoded : this.#picture.isReady(seen));
      if (isHere) least = Math.min(least, rank);
    }
    return least;
  }

  #rankOf({ op, rank }: SeenSlice, ranks: ReadonlyMap<SeenOp, number>): number {
    const seen = this.#picture.ops.get(op);
    return (seen && ranks.get(seen)) ?? rank;
  }

  /** It has waited longer than its class is patient, or nothing may overtake it. */
  #isOverdue(slice: SeenSlice, ranks: ReadonlyMap<SeenOp, number>, now: Micros): boolean {
    const seen = this.#picture.ops.get(slice.op);
    if (seen === undefined) return true;
    return seen.op.preemptible === false || now - seen.submittedAt >= leastPatience[this.#rankOf(slice, ranks)]!;
  }
}

/** Of the most urgent level of each class. */
const leastPatience: readonly Micros[] = [patience[0]!, patience[2]!, patience[3]!];

/** What a gate may have submitted by itself, and not told of yet; see `FalseGate`. */
function windowOf({ loosest, coarsest }: SeenGate, slices: readonly SeenSlice[]): Micros {
  let longest = 0;
  for (const { cost } of slices) longest = Math.max(longest, cost);
  return 3 * (loosest + longest) + newsAfter * coarsest;
}
