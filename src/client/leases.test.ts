import { expect, test } from 'vitest';
import { seededRandom } from '../base/random.ts';
import type { Micros } from '../base/units.ts';
import type { AccountReport } from '../gpu/device-memory.ts';
import { LeasedAccount } from '../gpu/leased-account.ts';
import { PortSwitch } from '../gpu/port-switch.ts';
import { SchedulerLoop } from '../loop/scheduler-loop.ts';
import { TraceRecorder } from '../trace/recorder.ts';
import type { MemoryReport } from '../wire/memory.ts';
import type { FromScheduler, SchedulerToPage, ToScheduler } from '../wire/messages.ts';
import type { Port } from '../wire/port.ts';

const kib = 1024;

/** Everything that happens happens in an order drawn from a seed: messages of each port in turn, timers, and what devices do. */
class World {
  readonly random: () => number;
  now: Micros = 0;
  readonly loop: SchedulerLoop;
  report: MemoryReport | undefined;
  #timers: { at: Micros; call: () => void }[] = [];
  readonly #mail: (() => void)[][] = [];

  constructor(seed: number) {
    this.random = seededRandom(seed);
    this.loop = new SchedulerLoop({
      clock: { now: () => this.now, after: (delay, call) => this.after(delay, call) },
      timeOrigin: 0, lock: '', recorder: new TraceRecorder(1), tellPage: (message: SchedulerToPage) => {
        if (message.kind === 'memory') this.report = message.report;
      },
    });
  }

  below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  after(delay: Micros, call: () => void): () => void {
    const timer = { at: this.now + delay, call };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((other) => other !== timer));
  }

  /** A port to the loop whose messages arrive some time later, in order. */
  port(): Port<ToScheduler, FromScheduler> {
    const there: (() => void)[] = [];
    const back: (() => void)[] = [];
    this.#mail.push(there, back);
    const near: Port<ToScheduler, FromScheduler> = {
      onmessage: null, close: () => undefined, postMessage: (data) => void there.push(() => far.onmessage?.({ data: structuredClone(data) })),
    };
    const far: Port<FromScheduler, ToScheduler> = {
      onmessage: null, close: () => undefined, postMessage: (data) => void back.push(() => near.onmessage?.({ data: structuredClone(data) })),
    };
    this.loop.attach(far);
    return near;
  }

  /** One message, or one timer. `false` when there is nothing left. */
  step(): boolean {
    const waiting = this.#mail.filter((letters) => letters.length > 0);
    if (waiting.length > 0 && (this.random() < 0.8 || this.#timers.length === 0)) {
      waiting[this.below(waiting.length)]!.shift()!();
      return true;
    }
    const [next] = this.#timers.sort((one, other) => one.at - other.at);
    if (next === undefined) return false;
    this.#timers.shift();
    this.now = Math.max(this.now, next.at);
    next.call();
    return true;
  }
}

/** A device that creates what its lease allows, as `DeviceMemory` does. */
class Device {
  readonly account: LeasedAccount;
  readonly #world: World;
  readonly #blocks: number[] = [];
  readonly #report: { live: number; idle: number; returning: number } = { live: 0, idle: 0, returning: 0 };

  constructor(world: World, tenant: string) {
    this.#world = world;
    this.account = new LeasedAccount({ after: (delay, call) => void world.after(delay, call) });
    this.account.govern({ trim: (most) => this.trim(most), retain: (retention) => void (retention === 0 && this.trim(0)) });
    const opened = new PortSwitch(world.port());
    const link = opened.open(tenant, 'background', { release: () => undefined, recall: () => undefined, credit: () => undefined, abandon: () => undefined, attach: () => undefined }, this.account);
    this.account.joined(link.account!);
  }

  get held(): number {
    const { live, idle, returning } = this.#report;
    return live + idle + returning;
  }

  /** Creates, takes out of the pool, releases or sets aside, at random. */
  act(): void {
    const bytes = (1 + this.#world.below(64)) * 4 * kib;
    switch (this.#world.below(5)) {
      case 0: case 1: return this.#create(bytes);
      case 2: {
        const freed = this.#blocks.shift();
        if (freed === undefined) return;
        this.#report.live -= freed;
        this.#report.idle += freed;
        return this.account.changed(this.#report);
      }
      case 3: {
        const freed = this.#blocks.pop();
        if (freed === undefined) return;
        this.#report.live -= freed;
        this.#report.returning += freed;
        this.account.changed(this.#report);
        this.#world.after(this.#world.below(50_000), () => {
          this.#report.returning -= freed;
          this.account.changed(this.#report);
        });
        return;
      }
      default:
        void this.account.reserve(bytes).then((room) => {
          if (!room.ok) return;
          this.#create(bytes);
          room.release();
        });
    }
  }

  trim(most: number): void {
    this.#report.idle = Math.max(0, Math.min(this.#report.idle, most - this.#report.live - this.#report.returning));
    this.account.changed(this.#report);
  }

  destroyAll(): void {
    this.#blocks.length = 0;
    Object.assign(this.#report, { live: 0, idle: 0 } satisfies Partial<AccountReport>);
    this.account.changed(this.#report);
  }

  #create(bytes: number): void {
    if (this.held + bytes > this.account.lease) this.trim(this.account.lease - bytes);
    if (this.held + bytes > this.account.lease) return this.account.missed(this.held + bytes - this.account.lease);
    this.#blocks.push(bytes);
    this.#report.live += bytes;
    this.account.took(bytes);
    this.account.changed(this.#report);
  }
}

test('in 10 000 random schedules tenants never hold more than a hard quota or the budget, and no byte is lost', async () => {
  let grown = 0;
  for (let seed = 0; seed < 10_000; seed += 1) {
    const world = new World(seed);
    const [budget, hard] = [2048 * kib, 512 * kib];
    world.loop.fromPage({ kind: 'budget-set', bytes: budget });
    world.loop.fromPage({ kind: 'tenant-set', tenant: 'app', hard });
    const app = [new Device(world, 'app/one'), new Device(world, 'app/two')];
    const devices = [...app, new Device(world, 'other')];
    for (let turn = 0; turn < 40; turn += 1) {
      if (world.random() < 0.4) devices[world.below(devices.length)]!.act();
      else world.step();
      if (turn % 8 === 0) await undefined; // Reservations go on between.
      const held = app.reduce((sum, device) => sum + device.held, 0);
      if (held > hard || devices.reduce((sum, device) => sum + device.held, 0) > budget) throw new Error(`seed ${seed}: ${held} bytes are held`);
      grown = Math.max(grown, held);
    }
    if (seed % 20 !== 0) continue;
    for (let i = 0; i < 200; i += 1) {
      world.step();
      await undefined;
    }
    for (const device of devices) device.destroyAll();
    for (let i = 0; i < 400 && world.step(); i += 1) await undefined;
    world.loop.fromPage({ kind: 'memory-wanted', request: 1 });
    expect({ seed, ...pick(world.report!) }).toEqual({ seed, live: 0, idle: 0, returning: 0 });
  }
  expect(grown).toBeGreaterThan(256 * kib); // The quota was tried.
}, 60_000);

const pick = ({ live, idle, returning }: MemoryReport): AccountReport => ({ live, idle, returning });
