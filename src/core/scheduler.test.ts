import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Micros } from '../base/units.ts';
import type { Command, SchedulerEvent } from './event.ts';
import type { GateId, LaneId, OpId, Priority, TenantId } from './op.ts';
import { Scheduler } from './scheduler.ts';

/** A scheduler at the controls of a test: events in, commands out, the clock in hand. */
class Bench {
  readonly scheduler = new Scheduler();
  now: Micros = 0;
  #ops = 0;

  tell(event: SchedulerEvent): readonly Command[] {
    const commands = this.scheduler.step(event, this.now);
    this.scheduler.check();
    return commands;
  }

  open(gate: number, priority: Priority): readonly Command[] {
    return this.tell({ kind: 'gate-opened', gate: gate as GateId, tenant: `t${gate}` as TenantId, priority });
  }

  lane(lane: number, gate = lane): readonly Command[] {
    return this.tell({ kind: 'lane-opened', lane: lane as LaneId, laneKind: 'gpu', tenant: `t${gate}` as TenantId, gate: gate as GateId });
  }

  ready(gate: number, priority: Priority, costs: readonly Micros[]): readonly Command[] {
    return this.tell({ kind: 'slices-ready', gate: gate as GateId, priority, costs, released: 0 });
  }

  done(gate: number, upTo: number): readonly Command[] {
    return this.tell({ kind: 'slices-done', gate: gate as GateId, upTo });
  }

  /** Something urgent asked not long ago. */
  alert(): void {
    this.lane(9);
    const { op } = this.submit(9, 'user-blocking');
    this.tell({ kind: 'op-finished', op });
  }

  recalled(gate: number, upTo: number): readonly Command[] {
    return this.tell({ kind: 'slices-recalled', gate: gate as GateId, upTo });
  }

  submit(lane: number, priority: Priority, deadlineAt: Micros = Infinity): { op: OpId; commands: readonly Command[] } {
    const op = (this.#ops += 1) as OpId;
    const commands = this.tell({
      kind: 'op-submitted', op: { op, lane: lane as LaneId, tenant: `t${lane}` as TenantId, name: `op${op}`, priority, deadlineAt },
    });
    return { op, commands };
  }
}

const releases = (commands: readonly Command[]): string => commands.flatMap((c) => (c.kind === 'release' ? [`${c.gate}<${c.upTo}`] : [])).join(' ');
const starts = (commands: readonly Command[]): OpId[] => commands.flatMap((c) => (c.kind === 'start' ? [c.op] : []));
const recalls = (commands: readonly Command[]): GateId[] => commands.flatMap((c) => (c.kind === 'recall' ? [c.gate] : []));
const credits = (commands: readonly Command[]): string => commands.flatMap((c) => (c.kind === 'credit' ? [`${c.gate}:${c.credit}`] : [])).join(' ');

test('a gate that is alone passes everything; a second of its class makes both ask', () => {
  const bench = new Bench();
  expect(credits(bench.open(1, 'background'))).toBe('1:Infinity');
  expect(credits(bench.open(2, 'background'))).toBe('1:0 2:0');
  expect(credits(bench.tell({ kind: 'gate-closed', gate: 2 as GateId }))).toBe('1:Infinity');
});

test('the most urgent class has standing credit, the others ask', () => {
  const bench = new Bench();
  bench.open(1, 'background');
  expect(credits(bench.open(2, 'user-blocking'))).toBe('1:0 2:50000');
});

test('switched off, every gate passes everything; switched on, the order returns', () => {
  const bench = new Bench();
  bench.open(1, 'background');
  bench.open(2, 'user-blocking');
  expect(credits(bench.tell({ kind: 'tuned', tuning: { enabled: false } }))).toBe('1:Infinity 2:Infinity');
  expect(credits(bench.tell({ kind: 'tuned', tuning: { enabled: true } }))).toBe('1:0 2:50000');
});

test('a gate is released a train of slices, and the next when half of it is done', () => {
  const bench = new Bench();
  bench.open(1, 'background');
  bench.open(2, 'background');
  bench.alert();
  expect(releases(bench.ready(1, 'background', new Array<number>(20).fill(2000)))).toBe('1<9');
  expect(releases(bench.done(1, 4))).toBe('');
  expect(releases(bench.done(1, 5))).toBe('1<14');
  expect(bench.done(1, 5), 'told twice').toEqual([]);
  expect(releases(bench.done(1, 14))).toBe('1<20');
});

test('while a more urgent class is about, trains are submitted at the pace of one window; otherwise those that ask share a long one', () => {
  const bench = new Bench();
  const paces = (commands: readonly Command[]): string => commands.flatMap((c) => (c.kind === 'credit' ? [`${c.gate}:${c.pace}`] : [])).join(' ');
  bench.open(1, 'background');
  expect(paces(bench.open(2, 'background'))).toBe('1:24500 2:24500');
  expect(paces(bench.open(3, 'user-blocking'))).toBe('3:Infinity');
  bench.lane(3);
  expect(paces(bench.submit(3, 'user-blocking').commands)).toBe('1:1500 2:1500');
  bench.now = 1_000_001;
  expect(paces(bench.tell({ kind: 'op-finished', op: 1 as OpId })), 'nothing urgent for a second').toBe('1:24500 2:24500');
});

test('while nobody more urgent is about, every gate has a train', () => {
  const bench = new Bench();
  bench.open(1, 'background');
  bench.open(2, 'background');
  expect(releases(bench.ready(1, 'background', [8000, 8000]))).toBe('1<2');
  expect(releases(bench.ready(2, 'background', new Array<number>(20).fill(8000)))).toBe('2<9');
});

test('otherwise one gate at a time has a train; the next begins when the last slice of it is about to run', () => {
  const bench = new Bench();
  bench.open(1, 'background');
  bench.open(2, 'background');
  bench.alert();
  bench.ready(1, 'background', [2000, 2000, 2000]);
  bench.now += 10;
  expect(releases(bench.ready(2, 'background', [2000, 2000, 2000]))).toBe('');
  expect(releases(bench.done(1, 1))).toBe('');
  expect(releases(bench.done(1, 2))).toBe('2<1');
  expect(releases(bench.done(1, 3))).toBe('2<3');
});

test('a more urgent slice has a train recalled, goes first, and the train goes on', () => {
  const bench = new Bench();
  bench.open(1, 'background');
  bench.open(2, 'user-visible');
  bench.open(3, 'user-blocking');
  bench.alert();
  expect(releases(bench.ready(1, 'background', new Array<number>(6).fill(2000)))).toBe('1<6');
  bench.now += 20;
  expect(recalls(bench.ready(2, 'user-visible', [2000]))).toEqual([1]);
  expect(bench.scheduler.report().inFlight).toBe(12_000);
  expect(releases(bench.recalled(1, 2)), 'two had been submitted').toBe('');
  expect(releases(bench.done(1, 1))).toBe('2<1');
  expect(releases(bench.done(1, 2))).toBe('1<3');
  expect(releases(bench.done(2, 1))).toBe('1<6');
});

test('under fifo no class overtakes, and none has credit', () => {
  const bench = new Bench();
  bench.open(1, 'background');
  bench.open(2, 'user-blocking');
  expect(credits(bench.tell({ kind: 'tuned', tuning: { policy: 'fifo' } }))).toBe('1:0 2:0');
  bench.lane(2);
  bench.ready(1, 'background', new Array<number>(20).fill(8000));
  expect(recalls(bench.submit(2, 'user-blocking').commands)).toEqual([]);
  expect(releases(bench.done(1, 5))).toBe('1<14');
});

test('from the arrival of an urgent op until it is encoded, less urgent slices are recalled and held', () => {
  const bench = new Bench();
  bench.open(1, 'background');
  bench.open(2, 'user-blocking');
  bench.lane(2);
  bench.ready(1, 'background', [2000, 2000, 2000, 2000]);
  const { op, commands } = bench.submit(2, 'user-blocking');
  expect(starts(commands)).toEqual([op]);
  expect(recalls(commands)).toEqual([1]);
  expect(recalls(bench.done(1, 1)), 'asked once').toEqual([]);
  expect(releases(bench.recalled(1, 2))).toBe('');
  expect(releases(bench.done(1, 2))).toBe('');
  expect(releases(bench.tell({ kind: 'op-encoded', op }))).toBe('1<4');
});

test('an op that is no longer wanted holds nobody', () => {
  const bench = new Bench();
  bench.open(1, 'background');
  bench.open(2, 'user-blocking');
  bench.lane(2);
  bench.submit(2, 'user-blocking');
  const { op } = bench.submit(2, 'user-blocking');
  expect(releases(bench.ready(1, 'background', [2000]))).toBe('');
  bench.tell({ kind: 'op-cancelled', op });
  expect(releases(bench.tell({ kind: 'op-finished', op: 1 as OpId }))).toBe('1<1');
});

test('work that has waited longer than its class is patient is not held any more', () => {
  const bench = new Bench();
  bench.open(1, 'background');
  bench.open(2, 'user-blocking');
  bench.lane(2);
  bench.ready(1, 'background', new Array<number>(12).fill(8000));
  bench.now = 5_000_001;
  expect(recalls(bench.submit(2, 'user-blocking').commands)).toEqual([]);
  expect(releases(bench.done(1, 9))).toBe('1<12');
});

test('a lane encodes one op at a time, the most urgent first, and starts the next while the last one still runs on the GPU', () => {
  const bench = new Bench();
  bench.open(1, 'background');
  bench.lane(1);
  const first = bench.submit(1, 'background');
  const second = bench.submit(1, 'background');
  const urgent = bench.submit(1, 'user-blocking');
  expect(starts(first.commands)).toEqual([first.op]);
  expect(starts(second.commands)).toEqual([]);
  expect(starts(bench.tell({ kind: 'op-encoded', op: first.op }))).toEqual([urgent.op]);
  expect(starts(bench.tell({ kind: 'op-encoded', op: urgent.op })), 'two in the pipeline are enough').toEqual([]);
  expect(starts(bench.tell({ kind: 'op-finished', op: first.op }))).toEqual([second.op]);
});

test('an urgent op makes the gate of its lane as urgent as itself until it ends', () => {
  const bench = new Bench();
  bench.open(1, 'background');
  bench.open(2, 'background');
  bench.lane(1);
  const { op, commands } = bench.submit(1, 'user-blocking');
  expect(credits(commands)).toBe('1:50000 2:0');
  expect(credits(bench.tell({ kind: 'op-finished', op }))).toBe('1:0');
});

test('an op whose deadline passes is told once, whether it waits or runs', () => {
  const bench = new Bench();
  bench.open(1, 'background');
  bench.lane(1);
  const running = bench.submit(1, 'background', 1000);
  const waiting = bench.submit(1, 'background', 2000);
  expect(running.commands).toContainEqual({ kind: 'wake', at: 1000 });
  bench.now = 1000;
  expect(bench.tell({ kind: 'woke' })).toEqual([
    { kind: 'settle', op: running.op, failure: { code: 'deadline-passed' } }, { kind: 'abort', lane: 1, op: running.op }, { kind: 'wake', at: 2000 },
  ]);
  bench.now = 2500;
  expect(bench.tell({ kind: 'woke' })).toEqual([{ kind: 'settle', op: waiting.op, failure: { code: 'deadline-passed' } }]);
  expect(bench.tell({ kind: 'op-finished', op: running.op })).toEqual([]);
  expect(bench.scheduler.report().unfinished).toBe(0);
});

test('an op that was cancelled before it started never starts', () => {
  const bench = new Bench();
  bench.open(1, 'background');
  bench.lane(1);
  const first = bench.submit(1, 'background');
  const second = bench.submit(1, 'background');
  bench.tell({ kind: 'op-cancelled', op: second.op });
  bench.tell({ kind: 'op-encoded', op: first.op });
  expect(bench.tell({ kind: 'op-finished', op: first.op })).toEqual([]);
  expect(bench.scheduler.report().unfinished).toBe(0);
});

test('a lane and a gate that go away leave nothing behind', () => {
  const bench = new Bench();
  bench.open(1, 'background');
  bench.open(2, 'user-blocking');
  bench.lane(1);
  bench.lane(2);
  bench.submit(1, 'background', 5000);
  bench.submit(2, 'user-blocking');
  bench.ready(1, 'background', [2000, 2000, 2000]);
  bench.tell({ kind: 'lane-closed', lane: 2 as LaneId });
  bench.tell({ kind: 'gate-closed', gate: 2 as GateId });
  bench.tell({ kind: 'lane-closed', lane: 1 as LaneId });
  bench.tell({ kind: 'gate-closed', gate: 1 as GateId });
  expect(bench.scheduler.report()).toMatchObject({ inFlight: 0, ready: 0, unfinished: 0 });
  expect(bench.done(1, 2), 'told on the way out').toEqual([]);
});

test('the round trip is learned from slices that had the GPU to themselves', () => {
  const bench = new Bench();
  bench.open(1, 'background');
  bench.open(2, 'background');
  for (let i = 0; i < 200; i += 1) {
    bench.ready(1, 'background', [2000]);
    bench.now += 2000 + 1500;
    bench.done(1, i + 1);
  }
  expect(bench.scheduler.report().roundTrip).toBeCloseTo(1500, -2);
});

const isEmpty = ({ scheduler }: Bench): boolean => {
  const { inFlight, ready, unfinished } = scheduler.report();
  return inFlight + ready + unfinished === 0;
};

const anyPriority = fc.constantFrom<Priority>('user-blocking', 'user-visible', 'background');
const action = fc.oneof(
  fc.record({ kind: fc.constant('ready' as const), gate: fc.integer({ min: 1, max: 4 }), priority: anyPriority, costs: fc.array(fc.integer({ min: 0, max: 30_000 }), { maxLength: 5 }) }),
  fc.record({ kind: fc.constant('land' as const), gate: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ kind: fc.constant('op' as const), lane: fc.integer({ min: 1, max: 4 }), priority: anyPriority }),
  fc.record({ kind: fc.constant('advance' as const), by: fc.integer({ min: 0, max: 100_000 }) }),
);

test('whatever happens, slices leave in order, never beyond window and one slice for each gate, and all of them leave in the end', () => {
  fc.assert(fc.property(fc.array(action, { maxLength: 120 }), (actions) => {
    const bench = new Bench();
    const released = new Map([1, 2, 3, 4].map((gate) => [gate, 0]));
    const announced = new Map(released);
    const landed = new Map(released);
    const encoding: OpId[] = [];
    const recalled: GateId[] = [];
    const longest = 30_000;
    const obey = (commands: readonly Command[]): void => {
      for (const command of commands) {
        if (command.kind === 'release') {
          expect(command.upTo).toBeGreaterThan(released.get(command.gate)!);
          expect(command.upTo).toBeLessThanOrEqual(announced.get(command.gate)!);
          released.set(command.gate, command.upTo);
        } else if (command.kind === 'recall') recalled.push(command.gate);
        else if (command.kind === 'start') encoding.push(command.op);
      }
      const { inFlight, roundTrip } = bench.scheduler.report();
      expect(inFlight).toBeLessThanOrEqual(4 * (roundTrip + 8 * 8000 + longest));
    };
    const finishOps = (): void => {
      for (let gate = recalled.shift(); gate !== undefined; gate = recalled.shift()) {
        // The gate had submitted about half of it.
        const kept = Math.ceil((landed.get(gate)! + released.get(gate)!) / 2);
        released.set(gate, kept);
        obey(bench.recalled(gate, kept));
      }
      for (let op = encoding.shift(); op !== undefined; op = encoding.shift()) {
        obey(bench.tell({ kind: 'op-encoded', op }));
        obey(bench.tell({ kind: 'op-finished', op }));
      }
    };
    const land = (gate: number): void => {
      if (recalled.includes(gate as GateId)) return;
      landed.set(gate, released.get(gate)!);
      obey(bench.done(gate, released.get(gate)!));
    };
    for (const gate of [1, 2, 3, 4]) {
      bench.open(gate, gate === 1 ? 'user-blocking' : 'background');
      bench.lane(gate);
    }
    for (const a of actions) {
      if (a.kind === 'ready') {
        announced.set(a.gate, announced.get(a.gate)! + a.costs.length);
        obey(bench.ready(a.gate, a.priority, a.costs));
      } else if (a.kind === 'land') land(a.gate);
      else if (a.kind === 'op') obey(bench.submit(a.lane, a.priority).commands);
      else bench.now += a.by;
    }
    const hasLanded = (gate: number): boolean => landed.get(gate) === announced.get(gate);
    for (let round = 0; round < 1000 && !(isEmpty(bench) && [1, 2, 3, 4].every(hasLanded)); round += 1) {
      finishOps();
      for (const gate of [1, 2, 3, 4]) land(gate);
    }
    expect(released).toEqual(announced);
    expect(landed).toEqual(announced);
    expect(bench.scheduler.report()).toMatchObject({ inFlight: 0, ready: 0, unfinished: 0 });
  }));
});

test('the same events at the same times give the same commands', () => {
  const play = (): string => {
    const bench = new Bench();
    const log: unknown[] = [];
    for (let i = 1; i <= 3; i += 1) log.push(bench.open(i, i === 1 ? 'user-blocking' : 'background'), bench.lane(i));
    for (let i = 0; i < 50; i += 1) {
      bench.now += 700;
      log.push(bench.ready(1 + (i % 3), i % 2 ? 'background' : 'user-visible', [1000 + i, 2000]));
      log.push(bench.submit(1 + ((i * 7) % 3), 'user-visible', bench.now + 5000).commands);
    }
    return JSON.stringify(log);
  };
  expect(play()).toBe(play());
});
