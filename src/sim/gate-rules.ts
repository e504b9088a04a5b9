import type { Micros } from '../base/units.ts';
import type { Command } from '../core/event.ts';
import { patience } from '../core/policies.ts';
import { hold } from './breach.ts';
import type { GatePicture, SeenGate, SeenSlice } from './gate-picture.ts';
import { isFree } from './op-rules.ts';
import type { Picture, SeenOp } from './picture.ts';

/** Overdue work may take a twentieth of the time from what is more urgent, and so much that was saved up. */
const reserved = 0.05;
const saved: Micros = 50_000;
/** A gate tells what is done after so many quanta. */
const newsAfter = 4;

/**
 * What must be true of what gates are told to release. While something more urgent is awaited (it could start, or is being encoded, behind some
 * gate) what is less urgent leaves the GPU to it: nothing of it is released, and what was released and is not submitted is asked back.
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
    const awaited = this.#awaited();
    if (awaited === undefined) return;
    const ranks = this.#picture.inherited();
    for (const slice of gate.slices.slice(gate.released - gate.done, upTo - gate.done)) {
      if (this.#rankOf(slice, ranks) <= this.#picture.rankOf(awaited)) continue;
      hold(this.#isOverdue(slice, ranks, now), 'releases-held', () => `gate ${on} is to release what belongs to op ${slice.op}`, awaited.op.op);
      hold(this.#spent <= saved + reserved * now, 'releases-held', () => `gate ${on} is to release more than is reserved for overdue work`, awaited.op.op);
      this.#spent += slice.cost;
    }
  }

  /** After every step. */
  standing(now: Micros): void {
    const awaited = this.#awaited();
    if (awaited === undefined) return;
    const ranks = this.#picture.inherited();
    for (const gate of this.#gates.gates.values()) {
      const slices = this.#gates.inFlight(gate);
      const isHeld = (slice: SeenSlice): boolean => this.#rankOf(slice, ranks) > this.#picture.rankOf(awaited) && !this.#isOverdue(slice, ranks, now);
      // What is urgent or late itself takes with it what is before it in its gate.
      if (slices.length === 0 || !slices.every(isHeld) || gate.loosest === Infinity || gate.isRecalling) continue;
      hold(gate.isRecalled, 'window', () => `gate ${gate.gate} was not asked to keep what it can`, awaited.op.op);
      let inFlight = 0;
      for (const { cost } of slices) inFlight += cost;
      hold(inFlight <= windowOf(gate, slices), 'window', () => `gate ${gate.gate} has ${inFlight} in flight`, awaited.op.op);
    }
  }

  /** Nothing is left in a gate when all is quiet. */
  emptied(): void {
    for (const { gate, announced, released, done } of this.#gates.gates.values()) {
      hold(announced === released && released === done, 'slices-lost', () => `gate ${gate} announced ${announced}, released ${released}, did ${done}`);
    }
  }

  /** The most urgent op for which what is less urgent is held; as far as it is sure that nothing holds itself. */
  #awaited(): SeenOp | undefined {
    if (!this.#picture.isEnabled || this.#picture.policy !== 'priority') return undefined;
    let first: SeenOp | undefined;
    for (const seen of this.#picture.unfinished) {
      if (!this.#isAwaited(seen)) continue;
      if (first === undefined || this.#picture.rankOf(seen) < this.#picture.rankOf(first)) first = seen;
    }
    return first;
  }

  #isAwaited(seen: SeenOp): boolean {
    const { op, lane: on, isEncoded, isGivenUp, place } = seen;
    if (isGivenUp || isEncoded) return false;
    const lane = this.#picture.lanes.get((place === 'under-way' ? on : op.lane) ?? (0 as never));
    if (lane?.gate === undefined || !this.#gates.gates.has(lane.gate)) return false;
    return place === 'under-way' || (this.#picture.isReady(seen) && isFree(lane) && op.needs === undefined && op.gang === undefined && !this.#picture.slots.has(op.tenant));
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
