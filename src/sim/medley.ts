import type { Micros } from '../base/units.ts';
import type { Tuning } from '../core/event.ts';
import { type GangId, type GraphId, type LaneId, type LaneKind, levels, type Op, type OpId, priorities, type ResourceId, type TenantId } from '../core/op.ts';
import { policyNames } from '../core/policies.ts';
import type { Policy } from '../core/policy.ts';
import { happens, stream } from './chance.ts';
import { heavyTailed, oneOf, type Random, someOf, uniform, whole } from './draws.ts';
import { layered, opsOf } from './graphs.ts';
import { type Arrival, type LaneSpec, Numbering, type PlayedOp, type Workload } from './workload.ts';

const words = [...priorities, ...levels];

/** Of each resource. */
const plenty = 10;
/** Members of the largest gang: no tenant has fewer slots, or that gang would wait for ever. */
const mostGang = 3;

/** A policy that orders well for a while, and then gives what is no number. */
const moody = 'moody';
function moodyPolicy(): Policy {
  let keys = 0;
  return { key: ({ readyAt, cost }) => ((keys += 1) % 50 === 0 ? NaN : readyAt + cost), taken: 'ready', classes: false, sideBySide: false };
}

/** How much of everything there is. */
export interface Size {
  /** Something is asked for so often. */
  readonly asks: number;
  /** Arrivals are spread over this. */
  readonly lasts: Micros;
}

/**
 * A workload in which everything occurs that the scheduler's contract knows, in a mix of its own for each seed: lanes of all kinds, with and without
 * gates and tenants; ops that are pinned, drawn elsewhere, late, failing, cancelled; graphs that grow, pause and are given up; gangs; resources
 * and slots; policies that change. Nothing in it waits for ever: what is paused is resumed, what is opened is sealed.
 */
export function medley(seed: number, { asks, lasts }: Size = { asks: 40, lasts: 250_000 }): Workload {
  const random = stream(seed, 'workload');
  const mix = new Mix(random, lasts);
  const arrivals: Arrival[] = [];
  for (let i = 0; i < asks; i += 1) arrivals.push(...mix.ask(whole(random, 0, lasts)));
  return {
    name: 'medley',
    lanes: mix.lanes,
    tenants: mix.tenants.filter(() => happens(random, 0.5)).map((tenant) =>
      ({ tenant, weight: whole(random, 1, 4), ...(happens(random, 0.3) ? { slots: whole(random, mostGang, 5) } : {}) })),
    resources: mix.resources.map((resource) => ({ resource, capacity: plenty })),
    tuning: happens(random, 0.6) ? {} : { policy: oneOf(random, policyNames) },
    source: { arrivals: [{ at: 0, event: { kind: 'policy-defined', name: moody, policy: moodyPolicy() } }, ...arrivals.sort((a, b) => a.at - b.at)] },
  };
}

class Mix {
  readonly lanes: readonly LaneSpec[];
  readonly tenants: readonly TenantId[] = ['ada', 'bob', 'cyd', 'dan'].map((name) => name as TenantId);
  readonly resources: readonly ResourceId[] = ['bytes', 'seats'].map((name) => name as ResourceId);
  readonly #random: Random;
  readonly #lasts: Micros;
  readonly #numbering = new Numbering();
  #gangs = 0;

  constructor(random: Random, lasts: Micros) {
    this.#random = random;
    this.#lasts = lasts;
    const gated = Array.from({ length: whole(random, 0, 4) }, (_, index): LaneSpec =>
      ({ laneKind: 'gpu', tenant: this.tenants[index]!, gated: { priority: oneOf(random, priorities) } }));
    const plain = Array.from({ length: whole(random, 0, 2) }, (): LaneSpec =>
      ({ laneKind: happens(random, 0.8) ? 'cpu' : 'remote', ...(happens(random, 0.3) ? { tenant: oneOf(random, this.tenants) } : {}) }));
    this.lanes = [...gated, ...plain, { laneKind: 'cpu' }];
  }

  /** One thing that somebody wants, and what becomes of it. */
  ask(at: Micros): readonly Arrival[] {
    const draw = this.#random();
    if (draw < 0.6) return this.#single(at);
    if (draw < 0.75) return this.#graph(at);
    if (draw < 0.82) return this.#gang(at);
    if (draw < 0.87) return this.#flawed(at);
    if (draw < 0.92) return this.#lean(at);
    return [{ at, event: { kind: 'tuned', tuning: this.#tuning() } }];
  }

  #tuning(): Partial<Tuning> {
    const draw = this.#random();
    if (draw < 0.5) return { policy: oneOf(this.#random, policyNames) };
    if (draw < 0.7) return { policy: oneOf(this.#random, [moody, 'nobody knows it']) };
    if (draw < 0.85) return { quantum: whole(this.#random, 500, 4000) };
    return { enabled: happens(this.#random, 0.7) };
  }

  /** There is less of something for a while, or a tenant has more to say. */
  #lean(at: Micros): readonly Arrival[] {
    const random = this.#random;
    if (happens(random, 0.5)) return [{ at, event: { kind: 'tenant-set', tenant: oneOf(random, this.tenants), weight: whole(random, 1, 9), slots: whole(random, mostGang, 5) } }];
    const resource = oneOf(random, this.resources);
    return [
      { at, event: { kind: 'resource-set', resource, capacity: whole(random, 0, plenty) } },
      { at: at + whole(random, 0, this.#lasts / 4), event: { kind: 'resource-set', resource, capacity: plenty } },
    ];
  }

  #single(at: Micros): readonly Arrival[] {
    const played = this.#op(at);
    return [{ at, ops: [played] }, ...this.#regrets(played.op.op, at)];
  }

  /** Somebody changes his mind. */
  #regrets(op: OpId, from: Micros): readonly Arrival[] {
    const at = from + whole(this.#random, 0, 50_000);
    const draw = this.#random();
    if (draw < 0.1) return [{ at, event: { kind: 'op-cancelled', op } }];
    if (draw < 0.2) return [{ at, event: { kind: 'priority-changed', op, priority: oneOf(this.#random, words) } }];
    if (draw < 0.25) return [{ at, event: { kind: 'deadline-changed', op, deadlineAt: at + whole(this.#random, 0, 100_000) } }];
    return [];
  }

  #op(at: Micros): PlayedOp {
    const random = this.#random;
    const tenant = oneOf(random, this.tenants);
    const cost = Math.round(heavyTailed(random, 200, 40_000));
    const place = happens(random, 0.7) ? this.lanes.findIndex((lane) => lane.gated && lane.tenant === tenant) : -1;
    const pieces = Array.from({ length: happens(random, 0.3) ? whole(random, 10, 40) : whole(random, 1, 6) }, () => Math.round(uniform(random, 100, 4000)));
    const some = someOf(random, 3, whole(random, 1, 3)).map((index) => (['cpu', 'gpu', 'remote'] as const)[index]!);
    const kinds: readonly LaneKind[] = !this.lanes.some((lane) => some.includes(lane.laneKind) && (lane.tenant ?? tenant) === tenant) ? ['cpu'] : some;
    const op: Op = {
      op: this.#numbering.op(), tenant, name: oneOf(random, ['alpha', 'beta', 'gamma']), priority: oneOf(random, words),
      deadlineAt: happens(random, 0.15) ? at + whole(random, 1000, 200_000) : Infinity,
      ...(place >= 0 ? { lane: (place + 1) as LaneId } : {}),
      ...(place >= 0 && happens(random, 0.5) ? {} : { costs: this.#costs(kinds, cost) }),
      ...(happens(random, 0.2) ? { items: whole(random, 1, 8) } : {}),
      ...(happens(random, 0.1) ? { prefers: whole(random, 1, this.lanes.length) as LaneId } : {}),
      ...(happens(random, 0.2) ? { needs: [{ resource: oneOf(random, this.resources), amount: whole(random, 1, 10), until: 'op-ends' }] } : {}),
      ...(happens(random, 0.1) ? { preemptible: false } : {}),
      ...(happens(random, 0.15) ? { timeout: whole(random, 1000, 100_000) } : {}),
      ...(happens(random, 0.3) ? { retries: whole(random, 1, 3) } : {}),
    };
    return {
      op, slices: pieces, encode: whole(random, 0, 2000), factor: happens(random, 0.3) ? heavyTailed(random, 0.3, 10) : 1,
      failures: happens(random, 0.15) ? whole(random, 1, 2) : 0,
    };
  }

  #costs(kinds: readonly LaneKind[], cost: Micros): NonNullable<Op['costs']> {
    return Object.fromEntries(kinds.map((kind) => [kind, { base: Math.round(cost * uniform(this.#random, 0.5, 4)), perItem: whole(this.#random, 0, 500) }]));
  }

  /** Told whole or bit by bit, and grown while it runs; paused and resumed, or given up. */
  #graph(at: Micros): readonly Arrival[] {
    const random = this.#random;
    const graph = this.#numbering.graph();
    const tenant = oneOf(random, this.tenants);
    const shape = layered(random, { layers: whole(random, 1, 5), width: [1, 4], fanIn: [1, 2] }, () => Math.round(uniform(random, 200, 8000)));
    const ops = opsOf(shape, { numbering: this.#numbering, tenant, priority: oneOf(random, priorities), graph, bytes: whole(random, 0, 1) * 5_000_000 })
      .map((played) => this.#kept(played));
    const arrivals: Arrival[] = [{ at, event: { kind: 'graph-opened', graph, tenant } }];
    const isWhole = happens(random, 0.5);
    let last = at;
    if (isWhole) arrivals.push({ at, ops: happens(random, 0.5) ? ops : ops.toReversed() });
    else for (const played of ops) arrivals.push({ at: (last += whole(random, 0, 2000)), ops: [played] });
    arrivals.push({ at: last, event: { kind: 'graph-sealed', graph } });
    if (happens(random, 0.3)) arrivals.push(...this.#rest(graph, at));
    if (happens(random, 0.1)) arrivals.push({ at: last + whole(random, 0, 20_000), event: { kind: 'graph-cancelled', graph } });
    // Some of these close a circle, or come too late.
    if (happens(random, 0.3)) {
      const event = { kind: 'dependency-added', op: oneOf(random, ops).op.op, dependency: { op: oneOf(random, ops).op.op, bytes: 0 } } as const;
      arrivals.push({ at: last + whole(random, 0, 3000), event });
    }
    return arrivals;
  }

  /** Some of a graph keep something until all of it has ended. */
  #kept(played: PlayedOp): PlayedOp {
    if (!happens(this.#random, 0.15)) return played;
    return { ...played, op: { ...played.op, needs: [{ resource: oneOf(this.#random, this.resources), amount: whole(this.#random, 1, 4), until: 'graph-ends' }], retries: 1 } };
  }

  #rest(graph: GraphId, from: Micros): readonly Arrival[] {
    const at = from + whole(this.#random, 0, 20_000);
    return [
      { at, event: { kind: 'graph-paused', graph } },
      { at: at + whole(this.#random, 0, this.#lasts / 4), event: { kind: 'graph-resumed', graph } },
    ];
  }

  /** As many as there are lanes that can run them, at most. */
  #gang(at: Micros): readonly Arrival[] {
    const plain = this.lanes.filter(({ laneKind, tenant }) => laneKind === 'cpu' && tenant === undefined).length;
    const size = whole(this.#random, 1, Math.max(1, plain));
    const gang = { gang: (this.#gangs += 1) as GangId, size };
    const members = Array.from({ length: size }, (): PlayedOp => {
      const { op: { op, tenant, name, priority } } = this.#op(at);
      return { op: { op, tenant, name, priority, deadlineAt: Infinity, costs: { cpu: { base: 3000, perItem: 0 } }, gang } };
    });
    const [first, ...rest] = members;
    return happens(this.#random, 0.5) ? [{ at, ops: members }]
      : [{ at, ops: [first!] }, ...rest.map((played): Arrival => ({ at: at + whole(this.#random, 0, 5000), ops: [played] }))];
  }

  /** What must be refused, for one reason or another. */
  #flawed(at: Micros): readonly Arrival[] {
    const random = this.#random;
    const ops = Array.from({ length: 3 }, () => this.#op(at));
    const [first] = ops as [PlayedOp];
    const flawed = (flaw: Partial<Op>): readonly Arrival[] => [{ at, ops: [{ ...first, op: { ...first.op, ...flaw } }] }];
    switch (whole(random, 0, 4)) {
      case 0: return [{ at, ops: ops.map((played, index) => ({ ...played, op: { ...played.op, dependencies: [{ op: ops[(index + 1) % 3]!.op.op, bytes: 0 }] } })) }];
      case 1: return flawed({ dependencies: [{ op: 1_000_000 as OpId, bytes: 0 }] });
      case 2: return flawed({ needs: [{ resource: this.resources[0]!, amount: plenty + 1, until: 'op-ends' }] });
      case 3: return flawed({ costs: { cpu: { base: 2000, perItem: 0 } }, costBudget: 1000 });
      default: return flawed({ graph: 1_000_000 as GraphId });
    }
  }
}
