import type { Micros } from '../base/units.ts';
import type { Op, Priority, TenantId } from '../core/op.ts';
import { type Asking, asked, bursty, closedLoop, merged, periodic, poisson, recorded } from './arrivals.ts';
import { stream } from './chance.ts';
import { heavyTailed, oneOf, type Random, uniform, whole } from './draws.ts';
import { families, type Family, opsOf, told } from './graphs.ts';
import { type Arrival, type LaneSpec, Numbering, type Source, type Workload } from './workload.ts';

/** What a workload is drawn from. The same setting gives the same workload, to be played once. */
export interface Setting {
  readonly seed: number;
  /** At least 1; how they are used the workload decides. */
  readonly lanes: number;
  /** Nothing new is asked for from then on. */
  readonly until: Micros;
}

const SECOND: Micros = 1_000_000;

const tenant = (name: string): TenantId => name as TenantId;
const plain = (count: number): readonly LaneSpec[] => Array.from({ length: count }, () => ({ laneKind: 'cpu' }));
const gated = (name: string, priority: Priority): LaneSpec => ({ laneKind: 'gpu', tenant: tenant(name), gated: { priority } });

interface Sort {
  readonly numbering: Numbering;
  readonly tenant: string;
  readonly priority: Priority;
}

/** Ops for plain lanes, one at a time. `deadline`: counted from the arrival. */
function calls({ numbering, tenant: name, priority }: Sort, cost: () => number, deadline: (cost: Micros) => Micros = () => Infinity): Asking {
  return (at) => {
    const base = Math.round(cost());
    const op: Op = { op: numbering.op(), tenant: tenant(name), name, priority, deadlineAt: at + deadline(base), costs: { cpu: { base, perItem: 0 } } };
    return [{ op }];
  };
}

/** Runs of a model on the tenant's own device: `pieces` of GPU work that nothing cuts, after the time it takes to encode them. */
function runs({ numbering, tenant: name, priority }: Sort, pieces: () => readonly number[], encode: Micros): Asking {
  return () => {
    const slices = pieces().map(Math.round);
    const base = slices.reduce((sum, slice) => sum + slice, 0);
    return [{ op: { op: numbering.op(), tenant: tenant(name), name, priority, deadlineAt: Infinity, costs: { gpu: { base, perItem: 0 } } }, slices, encode }];
  };
}

const pieces = (count: number, cost: () => number) => (): readonly number[] => Array.from({ length: count }, cost);

/** One graph of a family, on plain lanes. */
const graphOf = (family: Family) => ({ seed, lanes }: Setting): Workload => {
  const numbering = new Numbering();
  const ops = opsOf(families[family](stream(seed, family)), { numbering, tenant: tenant('graph'), graph: numbering.graph() });
  return { name: family, lanes: plain(lanes), source: { arrivals: told(0, ops) } };
};

/** Whose work is in the world of an urgent tenant beside others. */
export type Company = 'both' | 'urgent' | 'background';

const urgentPeriod: Micros = 50_000;
const urgentPiece: Micros = 500;

/**
 * One GPU. A camera asks for 10 ms of it every 50 ms; on the other lanes tenants keep two runs each under way whose pieces are a twentieth of
 * that at most. Seen alone as well, what each loses to the other can be told.
 */
export function urgentBeside({ seed, lanes, until }: Setting, company: Company = 'both'): Workload {
  const numbering = new Numbering();
  const backgrounds = Array.from({ length: Math.max(1, lanes - 1) }, (_, index) => `background ${index + 1}`);
  const urgent = runs({ numbering, tenant: 'camera', priority: 'user-blocking' }, pieces(20, () => urgentPiece), 300);
  const sources: Source[] = [];
  if (company !== 'background') sources.push(asked(periodic(urgentPeriod, { from: 10_000, until }), urgent));
  if (company !== 'urgent') {
    for (const name of backgrounds) {
      const random = stream(seed, name);
      const asking = runs({ numbering, tenant: name, priority: 'background' }, pieces(40, () => uniform(random, 250, urgentPiece)), 1000);
      sources.push(closedLoop({ until, inFlight: 2 }, asking));
    }
  }
  return {
    name: 'urgent', lanes: [gated('camera', 'user-blocking'), ...backgrounds.map((name) => gated(name, 'background'))],
    tuning: { quantum: urgentPiece }, source: merged(...sources),
  };
}

/** Costs of the three kinds of work on the plain lanes, and what part of these lanes each takes on average. */
function plainMix(numbering: Numbering, random: (name: string) => Random, lanes: number, until: Micros): readonly Source[] {
  const perSecond = (part: number, meanCost: Micros): number => (part * lanes * SECOND) / meanCost;
  const search = random('search');
  const index = random('index');
  const report = random('report');
  // 8 layers of 16 at 5.25 ms, as `families.layered` draws them.
  const graphCost = 8 * 16 * 5250;
  return [
    asked(poisson(search, perSecond(0.15, 4000), { until }), calls({ numbering, tenant: 'search', priority: 'user-blocking' }, () => uniform(search, 2000, 6000))),
    asked(poisson(report, perSecond(0.4, graphCost), { until }), () => opsOf(families.layered(report), { numbering, tenant: tenant('report'), graph: numbering.graph() })),
    asked(bursty(index, { perSecond: 0, lasts: 200_000 }, { perSecond: perSecond(0.9, 10_300), lasts: 100_000 }, { until }),
      calls({ numbering, tenant: 'index', priority: 'background' }, () => heavyTailed(index, 3000, 200_000))),
  ];
}

/** Everything at once, on lanes that are busy but not more than that: single calls, graphs, bursts of background work, and two models on the GPU. */
function mixed({ seed, lanes, until }: Setting): Workload {
  const numbering = new Numbering();
  const random = (name: string): Random => stream(seed, name);
  const photo = random('photo');
  const camera = runs({ numbering, tenant: 'camera', priority: 'user-blocking' }, pieces(8, () => 500), 300);
  const photos = runs({ numbering, tenant: 'photo', priority: 'background' }, () => pieces(whole(photo, 10, 40), () => uniform(photo, 500, 2500))(), 1500);
  return {
    name: 'mixed',
    lanes: [...plain(lanes), gated('camera', 'user-blocking'), gated('photo', 'background')],
    source: merged(
      ...plainMix(numbering, random, lanes, until),
      asked(periodic(33_333, { until }), camera),
      asked(poisson(photo, 18, { until }), photos),
    ),
  };
}

/** A page that opens: graphs and background calls are asked for at once, more than the lanes can do soon, and single calls go on meanwhile. */
function rush({ seed, lanes, until }: Setting): Workload {
  const numbering = new Numbering();
  const random = stream(seed, 'rush');
  const graph = (index: number): readonly Arrival[] => {
    const family = oneOf(random, ['layered', 'cholesky', 'fork-join', 'transformer'] as const);
    return told(index, opsOf(families[family](random), { numbering, tenant: tenant(`graph ${index + 1}`), graph: numbering.graph() }));
  };
  const index = calls({ numbering, tenant: 'index', priority: 'background' }, () => heavyTailed(random, 3000, 200_000));
  const search = calls({ numbering, tenant: 'search', priority: 'user-blocking' }, () => uniform(random, 2000, 6000));
  return {
    name: 'rush', lanes: plain(lanes),
    source: merged(
      recorded(Array.from({ length: 2 * lanes }, (_, at) => graph(at)).flat()),
      asked(Array.from({ length: 25 * lanes }, (_, at) => at), index),
      asked(poisson(random, (0.1 * lanes * SECOND) / 4000, { until }), search),
    ),
  };
}

/** Three tenants that always want more, with weights of 1, 2 and 4. */
function fair({ seed, lanes, until }: Setting): Workload {
  const numbering = new Numbering();
  const tenants = [1, 2, 4].map((weight) => ({ tenant: tenant(`weight ${weight}`), weight }));
  const loops = tenants.map(({ tenant: name }) => {
    const random = stream(seed, name);
    return closedLoop({ until, inFlight: 2 * lanes }, calls({ numbering, tenant: name, priority: 'user-visible' }, () => uniform(random, 1000, 5000)));
  });
  return { name: 'fair', lanes: plain(lanes), tenants, tuning: { policy: 'weighted-fair' }, source: merged(...loops) };
}

/** Calls of which each must be done in two to ten times its cost, at nine tenths of what the lanes can do. */
function deadlines({ seed, lanes, until }: Setting): Workload {
  const random = stream(seed, 'deadlines');
  const asking = calls({ numbering: new Numbering(), tenant: 'viewer', priority: 'user-visible' }, () => uniform(random, 2000, 10_000),
    (cost) => Math.round(cost * uniform(random, 2, 10)));
  return { name: 'deadlines', lanes: plain(lanes), tuning: { policy: 'earliest-deadline' }, source: asked(poisson(random, (0.9 * lanes * SECOND) / 6000, { until }), asking) };
}

/** Quiet seconds and floods, of which each class has its part. */
function bursts({ seed, lanes, until }: Setting): Workload {
  const numbering = new Numbering();
  const sources = (['user-blocking', 'user-visible', 'background'] as const).map((priority) => {
    const random = stream(seed, priority);
    const rate = (lanes * SECOND) / 3000 / 3;
    const instants = bursty(random, { perSecond: rate / 4, lasts: 300_000 }, { perSecond: rate * 3, lasts: 100_000 }, { until });
    return asked(instants, calls({ numbering, tenant: `of ${priority}`, priority }, () => uniform(random, 1000, 5000)));
  });
  return { name: 'bursts', lanes: plain(lanes), source: merged(...sources) };
}

const graphs = Object.fromEntries((Object.keys(families) as Family[]).map((family) => [family, graphOf(family)]));

/** By name, as `npm run sim` knows them: each family of graphs as one graph, and worlds of several tenants. */
export const workloads: Readonly<Record<string, (setting: Setting) => Workload>> = {
  mixed, rush, urgent: (setting) => urgentBeside(setting), fair, deadlines, bursts, ...graphs,
};
