import fc from 'fast-check';
import { expect, test } from 'vitest';
import { assert, unreachable } from '../base/assert.ts';
import type { Micros } from '../base/units.ts';
import { Driver } from './driver.ts';
import type { Command, SchedulerEvent } from './event.ts';
import {
  type GangId, type GateId, type GraphId, type LaneId, laneKinds, levels, type Op, type OpId, priorities, type ResourceId, type TenantId,
} from './op.ts';
import { policyNames } from './policies.ts';
import type { PolicyKey } from './policy.ts';
import type { SchedulerReport } from './scheduler.ts';

const { constant, constantFrom, integer, oneof, option, record, array, boolean, tuple } = fc;

const id = <T>(most: number): fc.Arbitrary<T> => integer({ min: 1, max: most }) as unknown as fc.Arbitrary<T>;
const op = id<OpId>(24);
const lane = id<LaneId>(4);
const gate = id<GateId>(3);
const graph = id<GraphId>(3);
const tenant = constantFrom('a', 'b', 'c') as unknown as fc.Arbitrary<TenantId>;
const resource = constantFrom('r', 's') as unknown as fc.Arbitrary<ResourceId>;
const priority = constantFrom(...priorities, ...levels);
/** Numbers that are none, or that nobody means. */
const nonsense = constantFrom(NaN, Infinity, -Infinity, -1, -0, 0, 0.1, 2 ** 53, 1e300);
const mostly = (usual: fc.Arbitrary<number>): fc.Arbitrary<number> => oneof({ weight: 9, arbitrary: usual }, { weight: 1, arbitrary: nonsense });
const cost = mostly(integer({ min: 0, max: 20_000 }));
const instant = mostly(oneof({ weight: 2, arbitrary: constant(Infinity) }, { weight: 1, arbitrary: integer({ min: 0, max: 300_000 }) }));
const some = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => option(arbitrary, { nil: undefined, freq: 4 });

/** Leaves out what was not drawn. */
const defined = <T extends object>(drawn: T): T => Object.fromEntries(Object.entries(drawn).filter(([, value]) => value !== undefined)) as T;
const lines = array(tuple(constantFrom(...laneKinds), record({ base: cost, perItem: mostly(constant(0)) })), { minLength: 1, maxLength: 3 });

const descriptor = record({
  op, tenant, name: constantFrom('m', 'n'), priority, deadlineAt: instant,
  lane: option(lane, { nil: undefined, freq: 1 }), prefers: some(lane), costs: option(lines.map((drawn) => Object.fromEntries(drawn)), { nil: undefined, freq: 9 }),
  items: some(mostly(integer({ min: 1, max: 9 }))), costBudget: some(mostly(constant(15_000))), graph: option(graph, { nil: undefined, freq: 1 }),
  dependencies: some(array(record({ op, bytes: mostly(constant(1000)) }), { maxLength: 3 })),
  needs: some(array(record({ resource, amount: mostly(integer({ min: 0, max: 4 })).map((drawn) => (drawn === 0.1 ? -2 : drawn)), until: constantFrom('op-ends', 'graph-ends') }), { maxLength: 2 })),
  gang: option(record({ gang: id<GangId>(3), size: integer({ min: 1, max: 3 }) }), { nil: undefined, freq: 9 }),
  preemptible: some(boolean()), timeout: some(mostly(integer({ min: 1, max: 50_000 }))), retries: some(mostly(integer({ min: 0, max: 2 }))),
}).map((drawn) => defined(drawn) as Op);

const key = constantFrom<PolicyKey>(
  (ready) => ready.cost, () => NaN, () => 'soon' as unknown as number, () => undefined as unknown as number, () => -Infinity,
  ({ draw }) => (draw < 0.1 ? NaN : draw), () => {
    throw new Error('no');
  },
);
const policy = record({ key, taken: constantFrom('ready', 'head'), classes: boolean(), sideBySide: boolean() });
const upTo = mostly(integer({ min: 0, max: 20 }));
const attempt = some(integer({ min: 1, max: 3 }));
const told = <K extends SchedulerEvent['kind']>(kind: K, rest: object = {}): fc.Arbitrary<SchedulerEvent> =>
  record({ kind: constant(kind), ...rest }).map((drawn) => defined(drawn) as unknown as SchedulerEvent);

const events = (descriptor: fc.Arbitrary<Op>): fc.Arbitrary<SchedulerEvent> => oneof(
  { weight: 12, arbitrary: told('op-submitted', { op: descriptor }) },
  { weight: 4, arbitrary: told('ops-submitted', { ops: array(descriptor, { maxLength: 4 }) }) },
  { weight: 2, arbitrary: oneof(told('gate-opened', { gate, tenant, priority: constantFrom(...priorities) }), told('gate-closed', { gate })) },
  { weight: 3, arbitrary: told('slices-ready', { gate, priority: constantFrom(...priorities), op: some(oneof(op, nonsense)), costs: array(cost, { maxLength: 4 }), released: upTo }) },
  { weight: 4, arbitrary: oneof(told('slices-done', { gate, upTo }), told('slices-released', { gate, upTo }), told('slices-recalled', { gate, upTo })) },
  { weight: 4, arbitrary: told('lane-opened', { lane, laneKind: constantFrom(...laneKinds), tenant: some(tenant), gate: some(gate) }) },
  { weight: 1, arbitrary: told('lane-closed', { lane }) },
  { weight: 3, arbitrary: told('graph-opened', { graph, tenant }) },
  { weight: 2, arbitrary: constantFrom('graph-sealed', 'graph-paused', 'graph-resumed', 'graph-cancelled').chain((kind) => told(kind, { graph })) },
  { weight: 3, arbitrary: told('dependency-added', { op, dependency: record({ op, bytes: mostly(constant(0)) }) }) },
  { weight: 3, arbitrary: oneof(told('priority-changed', { op, priority }), told('deadline-changed', { op, deadlineAt: instant })) },
  { weight: 8, arbitrary: oneof(told('op-encoded', { op, attempt }), told('op-finished', { op, attempt, cost: some(cost) })) },
  { weight: 2, arbitrary: told('op-failed', { op, attempt, detail: constant('no'), mayPass: boolean() }) },
  { weight: 2, arbitrary: told('op-cancelled', { op }) },
  { weight: 1, arbitrary: told('tenant-set', { tenant, weight: some(mostly(integer({ min: 1, max: 4 }))), slots: some(mostly(integer({ min: 0, max: 2 }))) }) },
  { weight: 1, arbitrary: told('resource-set', { resource, capacity: mostly(integer({ min: 0, max: 5 })) }) },
  { weight: 1, arbitrary: told('policy-defined', { name: constantFrom('own', ...policyNames), policy }) },
  { weight: 1, arbitrary: record({ policy: some(constantFrom('own', 'nobody\'s', ...policyNames)), quantum: some(mostly(constant(2000))), enabled: some(boolean()) })
    .map((tuning): SchedulerEvent => ({ kind: 'tuned', tuning: defined(tuning) as object })) },
  { weight: 1, arbitrary: told('woke') },
);
type Happening = readonly [SchedulerEvent, Micros];
/** What happens, and how long after the last. */
const happenings = (descriptor: fc.Arbitrary<Op>): fc.Arbitrary<Happening[]> => array(tuple(events(descriptor), oneof({ weight: 9, arbitrary: integer({ min: 0, max: 5_000 }) }, { weight: 1, arbitrary: constantFrom(NaN, -5_000_000, Infinity, 3_600_000_000) })), { maxLength: 120, size: 'max' });

/** Hears what an edge must hear: each op starts and ends as it may. */
class Ear {
  readonly underWay = new Map<number, { readonly lane: LaneId; readonly attempt: number }>();
  readonly #settled = new Set<number>();

  told(event: SchedulerEvent): void {
    // An id of one that was settled may be used again.
    for (const { op } of opsIn(event)) this.#settled.delete(op);
    if (event.kind === 'lane-closed') for (const [op, { lane }] of this.underWay) if (lane === event.lane) this.underWay.delete(op);
    if (event.kind !== 'op-finished' && event.kind !== 'op-failed') return;
    const known = this.underWay.get(event.op);
    if (known !== undefined && (event.attempt ?? known.attempt) === known.attempt) this.underWay.delete(event.op);
  }

  heard(commands: readonly Command[]): void {
    for (const command of commands) {
      switch (command.kind) {
        case 'start': {
          assert(!this.underWay.has(command.op), `op ${command.op} is not under way`);
          const { waited, cost, latency, key } = command.why;
          assert([waited, cost, latency].every((time) => time >= 0 && time < Infinity) && !Number.isNaN(key), `${JSON.stringify(command)} says why`);
          this.underWay.set(command.op, command);
          break;
        }
        case 'settle':
          assert(!this.#settled.has(command.op), `op ${command.op} was not settled before`);
          this.#settled.add(command.op);
          break;
        case 'credit': assert([command.credit, command.pace, command.quantum].every((time) => time >= 0), `${JSON.stringify(command)} names times`); break;
        case 'wake': assert(!Number.isNaN(command.at), 'a wake has its instant'); break;
        case 'abort': assert(this.underWay.get(command.op)?.lane === command.lane, 'an abort goes where the op is'); break;
        case 'refuse-dependency': case 'release': case 'recall': case 'policy-replaced': break;
        default: unreachable(command);
      }
    }
  }
}

const opsIn = (event: SchedulerEvent): readonly Op[] => (event.kind === 'op-submitted' ? [event.op] : event.kind === 'ops-submitted' ? event.ops : []);

class Play {
  readonly #driver = new Driver();
  readonly #ear = new Ear();
  readonly log: (readonly Command[])[] = [];

  get report(): SchedulerReport {
    return this.#driver.scheduler.report();
  }

  /** A clock that tells nonsense is right again the next time. */
  tell(event: SchedulerEvent, after: Micros = 0): void {
    const { scheduler, now } = this.#driver;
    const commands = scheduler.step(event, now + after);
    if (after > 0 && after < Infinity) this.#driver.now += after;
    scheduler.check();
    this.log.push(commands);
    this.#ear.told(event);
    this.#ear.heard(commands);
  }

  /** Nothing stands in anybody's way any more, and lanes do what they are told. */
  windDown(): void {
    const numbers = [1, 2, 3, 4];
    this.tell({ kind: 'tuned', tuning: { policy: 'priority', enabled: true } });
    for (const resource of ['r', 's']) this.tell({ kind: 'resource-set', resource: resource as ResourceId, capacity: Infinity });
    for (const tenant of ['a', 'b', 'c']) this.tell({ kind: 'tenant-set', tenant: tenant as TenantId, slots: Infinity });
    for (const gate of numbers) {
      this.tell({ kind: 'slices-recalled', gate: gate as GateId, upTo: 0 });
      this.tell({ kind: 'slices-done', gate: gate as GateId, upTo: 1e9 });
    }
    for (const lane of numbers) this.tell({ kind: 'lane-closed', lane: lane as LaneId });
    for (const [index, laneKind] of [...laneKinds, 'cpu' as const].entries()) this.tell({ kind: 'lane-opened', lane: numbers[index] as LaneId, laneKind });
    for (const graph of numbers) for (const kind of ['graph-resumed', 'graph-sealed'] as const) this.tell({ kind, graph: graph as GraphId });
    for (let rounds = 0; this.#ear.underWay.size > 0; rounds += 1) {
      assert(rounds < 200, 'it comes to an end');
      for (const op of [...this.#ear.underWay.keys()]) this.tell({ kind: 'op-finished', op: op as OpId });
    }
  }

  cancelAll(): void {
    for (let op = 1; op <= 24; op += 1) this.tell({ kind: 'op-cancelled', op: op as OpId });
  }
}

function play(happened: readonly Happening[]): Play {
  const played = new Play();
  for (const [event, after] of happened) played.tell(event, after);
  played.windDown();
  return played;
}

/** Also that they leave nothing behind when they are not wanted any more. */
function logOf(played: Play): string {
  played.cancelAll();
  expect(played.report).toMatchObject({ unfinished: 0, ready: 0, inFlight: 0 });
  return JSON.stringify(played.log);
}

test('whatever is told, in whatever order, nothing breaks, and the same again gives the same', { timeout: 60_000 }, () => {
  fc.assert(fc.property(happenings(descriptor), (happened) => {
    expect(logOf(play(happened))).toBe(logOf(play(happened)));
  }), { numRuns: 250 });
});

/** A gang of which a member never comes waits for ever, as it should. */
const withoutGang = descriptor.map(({ gang: _gang, ...rest }): Op => rest);

test('whatever was told, every op ends as soon as nothing stands in its way', { timeout: 60_000 }, () => {
  fc.assert(fc.property(happenings(withoutGang), (happened) => {
    const played = play(happened);
    expect(played.report.unfinished).toBe(0);
    logOf(played);
  }), { numRuns: 250 });
});
