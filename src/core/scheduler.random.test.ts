import fc from 'fast-check';
import { expect, test } from 'vitest';
import { unreachable } from '../base/assert.ts';
import type { Micros } from '../base/units.ts';
import { Driver, startsIn } from './driver.ts';
import type { Command, SchedulerEvent } from './event.ts';
import {
  type GangId, type GateId, type GraphId, type LaneId, laneKinds, levels, type Op, type OpId, priorities, type ResourceId, type TenantId,
} from './op.ts';
import { policyNames } from './policies.ts';
import type { PolicyKey } from './policy.ts';

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
  needs: some(array(record({ resource, amount: mostly(integer({ min: 0, max: 4 })), until: constantFrom('op-ends', 'graph-ends') }), { maxLength: 2 })),
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

const event = oneof(
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
/** What happens, and how long after the last. */
const happening = tuple(event, oneof({ weight: 9, arbitrary: integer({ min: 0, max: 5_000 }) }, { weight: 1, arbitrary: constantFrom(NaN, -5_000_000, Infinity, 3_600_000_000) }));

/** Hears what an edge must hear: each op starts and ends as it may. */
class Ear {
  readonly underWay = new Map<number, LaneId>();
  readonly #settled = new Set<number>();

  heard(commands: readonly Command[]): void {
    for (const command of commands) {
      switch (command.kind) {
        case 'start':
          expect(this.underWay.has(command.op), `op ${command.op} is under way`).toBe(false);
          expect([command.why.waited, command.why.cost, command.why.latency].every((time) => time >= 0 && time < Infinity), JSON.stringify(command)).toBe(true);
          expect(command.why.key).not.toBeNaN();
          this.underWay.set(command.op, command.lane);
          break;
        case 'credit': expect([command.credit, command.pace, command.quantum].every((time) => time >= 0), JSON.stringify(command)).toBe(true); break;
        case 'wake': expect(command.at).not.toBeNaN(); break;
        case 'abort': expect(this.underWay.get(command.op)).toBe(command.lane); break;
        case 'settle': case 'refuse-dependency': case 'release': case 'recall': case 'policy-replaced': break;
        default: unreachable(command);
      }
    }
  }
}

function play(happenings: readonly (readonly [SchedulerEvent, Micros])[]): string {
  const driver = new Driver();
  const ear = new Ear();
  const told: unknown[] = [];
  for (const [event, after] of happenings) {
    const commands = driver.scheduler.step(event, driver.now + after);
    if (after > 0 && after < Infinity) driver.now += after;
    driver.scheduler.check();
    told.push(commands);
    if (event.kind === 'op-finished' || event.kind === 'op-failed') ear.underWay.delete(event.op);
    if (event.kind === 'lane-closed') for (const [op, on] of ear.underWay) if (on === event.lane) ear.underWay.delete(op);
    ear.heard(commands);
  }
  void startsIn;
  return JSON.stringify(told);
}

test('whatever is told, in whatever order, nothing breaks, and the same again gives the same', { timeout: 60_000 }, () => {
  fc.assert(fc.property(array(happening, { maxLength: 80 }), (happenings) => {
    expect(play(happenings)).toBe(play(happenings));
  }), { numRuns: 300 });
});
