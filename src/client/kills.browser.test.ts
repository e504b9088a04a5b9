import { expect, onTestFinished, test } from 'vitest';
import { bitsOf, codeOf, Ground, locks, long, runBits, short, type Sample } from '../../e2e/hostile/ground.ts';
import { createScheduler, SwitchyardError, type FailureCode, type Model, type Priority, type RunOptions } from './index.ts';

const killCount = 100;
const seed = 20_240_607;
/** Between two kills, in milliseconds: from at once to about what a lane needs to come back. */
const longestPause = 200;

/** What may be told to a caller while workers and devices go; anything else is a defect. */
const known: ReadonlySet<FailureCode> = new Set(['aborted', 'deadline-passed', 'device-lost', 'worker-crashed']);

/** mulberry32. */
function randomOf(state: number): () => number {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The schedule of kills and requests, not a wait for anything. */
const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Tenant {
  readonly name: string;
  readonly sample: Sample;
  readonly model: Model;
  /** What it gives when nothing happens. */
  readonly bits: string;
}

/** Requests of several tenants that never stop, and what became of them. */
class Workload {
  readonly tally = new Map<string, number>();
  /** Against the promise: another output, another code, or no failure of ours at all. */
  readonly defects: string[] = [];
  readonly #ground: Ground;
  readonly #random: () => number;
  #waiting: (() => void)[] = [];
  #open = 0;
  #isOver = false;

  constructor(ground: Ground, tenants: readonly Tenant[], random: () => number) {
    this.#ground = ground;
    this.#random = random;
    for (const tenant of tenants) for (let at = 0; at < 3; at += 1) void this.#repeat(() => this.#run(tenant, tenant.model, this.#options()));
    void this.#repeat(() => this.#visit(this.#pick(tenants)));
  }

  /** Resolves with the next request that ends well. */
  nextOk(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Promises that have not settled. */
  get open(): number {
    return this.#open;
  }

  stop(): void {
    this.#isOver = true;
  }

  async #repeat(once: () => Promise<void>): Promise<void> {
    while (!this.#isOver) {
      await once();
      await later(this.#random() * 40);
    }
  }

  /** Plain, to be aborted, or with a deadline that may be too short. */
  #options(): RunOptions {
    const draw = this.#random();
    if (draw < 0.15) return { deadline: 1 + this.#random() * 200 };
    if (draw > 0.3) return {};
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('no longer wanted')), this.#random() * 200);
    return { signal: controller.signal };
  }

  #run({ name, sample, bits }: Tenant, model: Model, options: RunOptions = {}): Promise<void> {
    return this.#settle(`${name} run`, async () => {
      if (bitsOf(sample, await model.run(sample.feeds, options)) !== bits) this.defects.push(`${name} gave another output`);
    });
  }

  /** One more model for a tenant that runs already: loaded, used once, closed. */
  async #visit(tenant: Tenant): Promise<void> {
    let model: Model | undefined;
    await this.#settle(`${tenant.name} load`, async () => { model = await this.#ground.scheduler.loadModel(tenant.sample.bytes, { tenant: tenant.name }); });
    if (model === undefined) return;
    await this.#run(tenant, model);
    await this.#settle(`${tenant.name} close`, () => model!.close());
  }

  async #settle(what: string, work: () => Promise<void>): Promise<void> {
    this.#open += 1;
    let end = 'ok';
    try {
      await work();
    } catch (error) {
      end = error instanceof SwitchyardError ? error.code : String(error);
      if (!known.has(end as FailureCode)) this.defects.push(`${what} rejected: ${end} (${String(error)})`);
    }
    this.#open -= 1;
    this.tally.set(end, (this.tally.get(end) ?? 0) + 1);
    if (end === 'ok') for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random() * from.length)]!;
  }
}

/** Kills something that lives; `undefined` when all of it is still on its way up. */
function killOne(ground: Ground, tenants: readonly Tenant[], random: () => number): string | undefined {
  const lanes = tenants.filter(({ name }) => ground.up.has(ground.lane(name)));
  const scheduler = ground.schedulers.at(-1)!;
  const drawn = Math.floor(random() * (lanes.length + (ground.up.has(scheduler) ? 1 : 0)));
  const isDevice = random() < 0.5;
  const name = lanes[drawn]?.name;
  if (name === undefined) {
    if (!ground.up.has(scheduler)) return undefined;
    ground.kill(scheduler);
    return 'scheduler';
  }
  if (!isDevice) {
    ground.kill(ground.lane(name));
    return 'lane';
  }
  ground.up.delete(ground.lane(name)); // It is as good as dead.
  ground.order(name, 'lose device');
  return 'device';
}

test(`every promise settles while ${killCount} workers and devices are killed, and afterwards everything works`, { timeout: 600_000 }, async () => {
  const unhandled: string[] = [];
  const note = (event: PromiseRejectionEvent | ErrorEvent): void => void unhandled.push(String('reason' in event ? event.reason : event.message));
  addEventListener('unhandledrejection', note);
  addEventListener('error', note);
  onTestFinished(() => {
    removeEventListener('unhandledrejection', note);
    removeEventListener('error', note);
  });
  const locksBefore = await locks();
  const random = randomOf(seed);
  const ground = await Ground.open();
  const open = async (name: string, priority: Priority, sample: Sample): Promise<Tenant> => {
    const model = await ground.scheduler.loadModel(sample.bytes, { tenant: name, priority });
    return { name, sample, model, bits: await runBits(model, sample) };
  };
  const tenants = await Promise.all([
    open('typing', 'user-blocking', short(32)), open('reading', 'user-visible', long(32, 8)), open('training', 'background', long(64, 12)),
  ]);

  const startedAt = performance.now();
  const workload = new Workload(ground, tenants, random);
  const kills = new Map<string, number>();
  for (let killed = 0; killed < killCount;) {
    // Most of them fall on what is on its way back from the ones before.
    if (random() < 0.1) await workload.nextOk();
    await later(random() * longestPause);
    const kind = killOne(ground, tenants, random);
    if (kind === undefined) continue;
    kills.set(kind, (kills.get(kind) ?? 0) + 1);
    killed += 1;
  }
  workload.stop();

  const killedAt = performance.now();
  await expect.poll(() => workload.open, { timeout: 60_000, message: 'promises that are still open' }).toBe(0);
  expect(workload.defects).toEqual([]);
  expect(workload.tally.get('ok')).toBeGreaterThan(killCount / 4);
  expect([...kills.keys()].toSorted()).toEqual(['device', 'lane', 'scheduler']);
  // A lane that died too often in a row rests a while before it starts again.
  for (const { name, model, sample, bits } of tenants) {
    await expect.poll(() => runBits(model, sample).catch(String), { timeout: 30_000, message: name }).toBe(bits);
  }
  expect(unhandled).toEqual([]);
  console.info(`seed ${seed}, ${Math.round(killedAt - startedAt)} ms: kills ${JSON.stringify(Object.fromEntries(kills))}, requests ${JSON.stringify(Object.fromEntries(workload.tally))}`);
  await ground.scheduler.close();
  await expect.poll(locks).toEqual(locksBefore);
});

test('a worker that is killed before it says a word is replaced, if only after a while', { timeout: 120_000 }, async () => {
  const still = async (): Promise<string> => {
    const workers: Worker[] = [];
    const scheduler = await createScheduler({ workers: { scheduler: () => {
      workers.push(new Worker(new URL('../../workers/scheduler.worker.ts', import.meta.url), { type: 'module' }));
      if (workers.length === 1) workers[0]!.terminate();
      return workers.at(-1)!;
    } } });
    await scheduler.close();
    return `scheduler ${workers.length}`;
  };
  const lane = async (): Promise<string> => {
    const ground = await Ground.open();
    const loading = codeOf(ground.scheduler.loadModel(short().bytes, { tenant: 'early' }));
    await expect.poll(() => ground.lanes.has('early')).toBe(true);
    ground.lane('early').terminate();
    const code = await loading;
    await ground.scheduler.close();
    return `lane ${ground.lanes.get('early')!.length}, ${code}`;
  };
  expect(await Promise.all([still(), lane()])).toEqual(['scheduler 2', 'lane 2, ok']);
});
