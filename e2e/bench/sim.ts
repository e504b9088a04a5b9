import { seededRandom } from '../../src/base/random.ts';
import type { Micros } from '../../src/base/units.ts';
import type { TenantId } from '../../src/core/op.ts';
import { Scheduler } from '../../src/core/scheduler.ts';
import { families, type Family, leastMakespan, opsOf, told } from '../../src/sim/graphs.ts';
import type { Log } from '../../src/sim/log.ts';
import { InOrder } from '../../src/sim/in-order.ts';
import { summaryOf } from '../../src/sim/summary.ts';
import { Numbering, type Workload } from '../../src/sim/workload.ts';
import { type Company, urgentBeside, workloads } from '../../src/sim/workloads.ts';
import { type Core, play, type WorldOptions } from '../../src/sim/world.ts';
import { refuseWords, type Order, type Report, type Scenario } from './contract.ts';
import { withoutBrowser } from './environment.ts';
import { percentile, rounded } from './statistics.ts';

const SECOND: Micros = 1_000_000;
const LANES = 8;

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const mean = (values: readonly number[]): number => sum(values) / values.length;
const seeds = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index + 1);

/** Nothing but the ops takes time, and each takes what its estimate says. */
const ideal: Omit<WorldOptions, 'seed'> = { noise: 0, delays: { message: 0, notify: 0 }, steps: 1 };
/** Messages and news from the GPU take as long as in a browser, and nothing takes quite what was foreseen. */
const real: Omit<WorldOptions, 'seed'> = { steps: 1 };

/** The makespan of a family's graph of this seed, over the least possible. `sigma`: how wrong estimates are. */
function makespan(family: Family, seed: number, policy: string, sigma: number): number {
  const noise = sigma > 0 ? { noise: { random: seededRandom(seed + 1_000_000), sigma } } : {};
  const numbering = new Numbering();
  const ops = opsOf(families[family](seededRandom(seed)), { numbering, tenant: 'graph' as TenantId, graph: numbering.graph(), ...noise });
  const lanes = Array.from({ length: LANES }, () => ({ laneKind: 'cpu' as const }));
  const log = play({ name: family, lanes, tuning: { policy }, source: { arrivals: told(0, ops) } }, { ...ideal, seed });
  if (log.ended !== 'quiet') throw new Error(`${family} of seed ${seed} did not end.`);
  return log.endAt / leastMakespan(ops, LANES);
}

function familyArm(family: Family, count: number) {
  const of = (policy: string, sigma = 0): readonly number[] => seeds(count).map((seed) => makespan(family, seed, policy, sigma));
  const [ranked, noisy, fifo] = [of('critical-path'), of('critical-path', 0.5), of('fifo')];
  return {
    overLeast: rounded(mean(ranked)), p95: rounded(percentile(ranked, 95)), noisy: rounded(mean(noisy)),
    fifo: rounded(mean(fifo)), vsFifo: rounded(mean(ranked.map((value, index) => value / fifo[index]!))), seeds: count,
  };
}

/** GPU time of a tenant's ops, and of the others, within the window. */
function gpuTime({ gpu, lives }: Log, isWanted: (tenant: TenantId) => boolean, until: Micros): Micros {
  const own = gpu.filter(({ op }) => isWanted(lives.get(op)!.op.tenant));
  return sum(own.map(({ startAt, endAt }) => Math.max(0, Math.min(endAt, until) - Math.min(startAt, until))));
}

/** An urgent tenant beside two that never pause, and each side alone. */
function isolationArms(count: number, until: Micros) {
  const isUrgent = (tenant: TenantId): boolean => tenant === 'camera';
  const arm = (company: Company) => {
    const logs = seeds(count).map((seed) => play(urgentBeside({ seed, lanes: 3, until }, company), { ...real, seed }));
    const latencies = logs.flatMap(({ lives }) => [...lives.values()].filter(({ op, end }) => isUrgent(op.tenant) && end === 'done'))
      .map(({ submittedAt, endAt }) => (endAt! - submittedAt) / 1000);
    const used = (isWanted: (tenant: TenantId) => boolean): number => rounded(mean(logs.map((log) => gpuTime(log, isWanted, until) / until)));
    const latency = latencies.length > 0 ? { p50: percentile(latencies, 50), p95: percentile(latencies, 95), p99: percentile(latencies, 99), n: latencies.length } : {};
    return { ...latency, urgentUsed: used(isUrgent), backgroundUsed: used((tenant) => !isUrgent(tenant)) };
  };
  return { solo: arm('urgent'), beside: arm('both'), backgroundAlone: arm('background') };
}

/** From the arrival of all that was asked for at once to the end of the last of it. */
function requestsOf({ lives }: Log): ReadonlyMap<TenantId, readonly number[]> {
  const ends = new Map<string, { readonly tenant: TenantId; readonly latency: number }>();
  for (const { op: { tenant }, submittedAt, endAt } of lives.values()) {
    const key = `${tenant} ${submittedAt}`;
    ends.set(key, { tenant, latency: Math.max(ends.get(key)?.latency ?? 0, (endAt! - submittedAt) / 1000) });
  }
  const byTenant = new Map<TenantId, number[]>();
  for (const { tenant, latency } of ends.values()) byTenant.set(tenant, [...(byTenant.get(tenant) ?? []), latency]);
  return byTenant;
}

interface Mixed {
  readonly idle: number;
  readonly utilisation: number;
  readonly makespan: number;
  /** Mean latency of the requests of each tenant. */
  readonly endToEnd: ReadonlyMap<TenantId, number>;
}

function mixedOf(workload: Workload, seed: number, core: Core): Mixed {
  const log = play(workload, { ...real, seed, core });
  const { uses, makespan } = summaryOf(log);
  // Lanes with a gate only encode; what they encode runs in the row of the GPU.
  const counted = uses.filter(({ lane }) => lane === undefined || log.lanes.some((life) => life.lane === lane && life.gate === undefined));
  return {
    makespan: makespan / 1000, idle: sum(counted.map(({ idle }) => idle)) / 1000, utilisation: mean(counted.map(({ utilisation }) => utilisation)),
    endToEnd: new Map([...requestsOf(log)].map(([tenant, latencies]) => [tenant, mean(latencies)])),
  };
}

/** The geometric mean over tenants, each counted once, so that neither many requests nor long ones decide. */
function endToEndRatio(ours: Mixed, fifo: Mixed): number {
  const ratios = [...ours.endToEnd].map(([tenant, latency]) => latency / fifo.endToEnd.get(tenant)!);
  return Math.exp(mean(ratios.map(Math.log)));
}

type Cores = Readonly<Record<'ours' | 'inOrder' | 'readyFifo', readonly Mixed[]>>;

/** A workload under our scheduler, under a queue for each lane as there is without one, and under our own in order of readiness. */
function underAll(name: string, count: number, until: Micros): Cores {
  const of = (open: () => Core): readonly Mixed[] => seeds(count).map((seed) => mixedOf(workloads[name]!({ seed, lanes: 4, until }), seed, open()));
  return { ours: of(() => new Scheduler()), inOrder: of(() => new InOrder()), readyFifo: of(() => new Scheduler({ policy: 'fifo' })) };
}

function coreArms(name: string, cores: Cores): Report['arms'] {
  const over = (runs: readonly Mixed[], figure: (run: Mixed) => number): number => rounded(mean(runs.map(figure)));
  return Object.fromEntries(Object.entries(cores).map(([core, runs]) => [`${name} ${core}`, {
    idle: over(runs, ({ idle }) => idle), utilisation: over(runs, ({ utilisation }) => utilisation), makespan: over(runs, ({ makespan }) => makespan),
    ...Object.fromEntries([...runs[0]!.endToEnd.keys()].map((tenant) => [tenant, over(runs, ({ endToEnd }) => endToEnd.get(tenant) ?? NaN)])),
  }]));
}

/** Mean over seeds of a ratio between ours and a queue for each lane. */
const ratioOf = ({ ours, inOrder }: Cores, of: (ours: Mixed, fifo: Mixed) => number): number =>
  rounded(mean(ours.map((run, index) => of(run, inOrder[index]!))));

/** What the scheduler's decisions are worth, in a false world: no clock of this machine takes part, so a seed gives the same figures everywhere. */
export const sim: Scenario = {
  usage: '',
  options: {},
  async run(order: Order): Promise<Report> {
    refuseWords(order);
    const { quick, say } = order;
    const graphs = Object.fromEntries((Object.keys(families) as Family[]).map((family) => {
      const arm = familyArm(family, quick ? 10 : 60);
      say(family);
      return [family, arm];
    })) as Record<Family, ReturnType<typeof familyArm>>;
    const { solo, beside, backgroundAlone } = isolationArms(quick ? 1 : 4, (quick ? 5 : 20) * SECOND);
    say('urgent beside background');
    const mixed = underAll('mixed', quick ? 5 : 30, 10 * SECOND);
    const rush = underAll('rush', quick ? 5 : 30, SECOND);
    say('mixed work');
    return {
      scenario: 'sim',
      environment: withoutBrowser(),
      arms: { ...graphs, solo, beside, backgroundAlone, ...coreArms('mixed', mixed), ...coreArms('rush', rush) },
      ratios: {
        makespanLayered: graphs.layered.overLeast,
        makespanCholesky: graphs.cholesky.overLeast,
        worstVsFifo: Math.max(...Object.values(graphs).map(({ vsFifo }) => vsFifo)),
        backgroundKept: rounded(beside.backgroundUsed / (1 - beside.urgentUsed)),
        urgentP99VsSolo: rounded(beside.p99! / solo.p99!),
        endToEndVsFifo: ratioOf(mixed, endToEndRatio),
        // Where more is asked for than the lanes can do: otherwise both are idle because there is nothing to do.
        idleVsFifo: ratioOf(rush, (a, b) => a.idle / b.idle),
        utilisationVsFifo: ratioOf(rush, (a, b) => a.utilisation / b.utilisation),
      },
    };
  },
};
