import { expect, test } from 'vitest';
import type { SchedulerEvent } from '../core/event.ts';
import type { GateId, OpId } from '../core/op.ts';
import { FalseClock } from './clock.ts';
import { cut, FalseGate } from './gate.ts';
import { FalseGpu, type GpuRun } from './gpu.ts';

/** A gate that knows 10 µs late what is done. What it says is written down with the instant. */
class Bench {
  readonly clock = new FalseClock();
  readonly runs: GpuRun[] = [];
  readonly said: string[] = [];
  readonly gate: FalseGate;
  #ops = 0;

  constructor() {
    const gpu = new FalseGpu(this.clock, this.runs);
    this.gate = new FalseGate({ gate: 1 as GateId, clock: this.clock, gpu, notify: () => 10, say: (event) => this.said.push(`${this.clock.now} ${words(event)}`) });
  }

  /** Pieces that take what is predicted, or `slower` times as long. */
  submit(predicted: readonly number[], slower = 1, isHung = false): void {
    const op = (this.#ops += 1) as OpId;
    const pieces = predicted.map((cost) => ({ predicted: cost, cost: cost * slower }));
    this.gate.submit({ op, priority: 'background', pieces, isHung, landed: () => this.said.push(`${this.clock.now} landed ${op}`) });
  }

  /** What was said until then. */
  until(at: number): readonly string[] {
    this.clock.at(at, () => undefined);
    while (this.clock.nextAt <= at && this.clock.step());
    return this.said.splice(0);
  }
}

function words(event: SchedulerEvent): string {
  if (event.kind === 'slices-ready') return `ready ${event.costs.join('+')} <${event.released}`;
  return 'upTo' in event ? `${event.kind.replace('slices-', '')} <${event.upTo}` : event.kind;
}

test('with credit a submission goes at once, whole, and is told as one slice', () => {
  const bench = new Bench();
  bench.gate.credit(1000, 0, 100);
  bench.submit([100, 100, 100]);
  expect(bench.until(400)).toEqual(['0 ready 300 <1', '310 done <1', '310 landed 1']);
});

test('without credit it waits in slices of about a quantum, and goes as far as it is released', () => {
  const bench = new Bench();
  bench.gate.credit(0, Infinity, 100);
  bench.submit([60, 60, 60, 60]);
  expect(bench.until(5)).toEqual(['0 ready 120+120 <0']);
  bench.gate.release(1, 1);
  expect(bench.until(200)).toEqual(['135 done <1']);
  bench.gate.release(9, 1);
  expect(bench.until(400), 'only what there is').toEqual(['330 done <2', '330 landed 1']);
});

test('of what was released it submits at its pace, and tells what is done once it has submitted all', () => {
  const bench = new Bench();
  bench.gate.credit(0, 3000, 2000);
  bench.submit([2000, 2000, 2000, 2000]);
  bench.gate.release(4, 1);
  expect(bench.runs, 'one that runs, and one that takes it beyond the pace').toHaveLength(2);
  bench.until(1999);
  expect(bench.runs).toHaveLength(2);
  bench.until(2000);
  expect(bench.runs, 'less than the pace is left, by the clock').toHaveLength(3);
  expect(bench.until(20_000)).toEqual(['4010 done <2', '6010 done <3', '8010 done <4', '8010 landed 1']);
  expect(bench.runs.map(({ startAt }) => startAt), 'the GPU never waits').toEqual([0, 2000, 4000, 6000]);
});

test('a crowd makes each slice take longer, so fewer are submitted ahead', () => {
  const bench = new Bench();
  bench.gate.credit(0, 3000, 2000);
  bench.submit([2000, 2000, 2000]);
  bench.gate.release(3, 2);
  expect(bench.runs).toHaveLength(1);
});

test('a recall keeps what was not submitted, and says how far it is', () => {
  const bench = new Bench();
  bench.gate.credit(0, 1000, 2000);
  bench.submit([2000, 2000, 2000]);
  bench.gate.release(3, 1);
  bench.gate.recall();
  expect(bench.until(10_000)).toEqual(['0 ready 2000+2000+2000 <0', '0 recalled <1', '2010 done <1']);
  bench.gate.release(2, 1);
  expect(bench.until(20_000)).toEqual(['12010 done <2']);
});

test('a recall of nothing, and a release told again, change nothing', () => {
  const bench = new Bench();
  bench.gate.credit(0, Infinity, 2000);
  bench.submit([2000]);
  bench.gate.release(1, 1);
  bench.gate.release(1, 1);
  bench.gate.recall();
  expect(bench.until(5000)).toEqual(['0 ready 2000 <0', '0 recalled <1', '2010 done <1', '2010 landed 1']);
});

test('when its credit grows it releases by itself, and says so', () => {
  const bench = new Bench();
  bench.gate.credit(0, 0, 100);
  bench.submit([100, 100]);
  bench.gate.credit(Infinity, Infinity, 100);
  expect(bench.until(500)).toEqual(['0 ready 100+100 <0', '0 released <2', '210 done <2', '210 landed 1']);
});

test('what is slower than predicted holds the next back', () => {
  const bench = new Bench();
  bench.gate.credit(0, 1000, 2000);
  bench.submit([2000, 2000, 2000], 3);
  bench.gate.release(3, 1);
  bench.until(3000);
  expect(bench.runs.map(({ startAt, endAt }) => [startAt, endAt])).toEqual([[0, 6000], [6000, 12_000]]);
  bench.until(6500);
  expect(bench.runs).toHaveLength(2);
  bench.until(30_000);
  expect(bench.runs).toHaveLength(3);
});

test('a hung completion hangs all after it; what was before lands', () => {
  const bench = new Bench();
  bench.gate.credit(Infinity, Infinity, 100);
  bench.submit([100]);
  bench.submit([100], 1, true);
  bench.submit([100]);
  expect(bench.until(1000)).toEqual(['0 ready 100 <1', '0 ready 100 <2', '0 ready 100 <3', '110 done <1', '110 landed 1']);
});

test('a closed gate says nothing; what it had submitted still takes the GPU', () => {
  const bench = new Bench();
  bench.gate.credit(0, Infinity, 100);
  bench.submit([100, 100]);
  bench.gate.release(1, 1);
  bench.gate.close();
  bench.gate.release(2, 1);
  expect(bench.until(1000)).toEqual(['0 ready 100+100 <0']);
  expect(bench.runs).toHaveLength(1);
});

test('slices come as near to the quantum as pieces allow', () => {
  const cutInto = (pieces: readonly number[], quantum: number): readonly number[] =>
    cut(pieces.map((predicted) => ({ predicted, cost: predicted })), quantum).map(({ predicted }) => predicted);
  expect(cutInto([10, 10, 10, 10], 20)).toEqual([20, 20]);
  expect(cutInto([10, 10, 10], 24)).toEqual([20, 10]);
  expect(cutInto([10, 10, 10], 26)).toEqual([30]);
  expect(cutInto([100, 1], 20)).toEqual([100, 1]);
  expect(cutInto([5, 5], Infinity)).toEqual([10]);
  expect(cutInto([], 20)).toEqual([0]);
});
