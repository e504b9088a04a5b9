import { PbfWriter } from 'pbf';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { codeOf, Ground, locks, long, runBits, short, slicedOnce } from '../../e2e/hostile/ground.ts';
import { writeModel } from '../onnx/model-writer.ts';
import { createScheduler, type Feeds, type Model, type ModelSource, SwitchyardError, type Tensor } from './index.ts';

const small = short(16);
const heavy = long();
let ground: Ground;
let model: Model;
let slow: Model;
let neighbour: Model;
let expected: { readonly small: string; readonly heavy: string };

beforeAll(async () => {
  ground = await Ground.open();
  const { scheduler } = ground;
  [model, slow, neighbour] = await Promise.all([
    scheduler.loadModel(small.bytes, { tenant: 'unlucky' }),
    scheduler.loadModel(heavy.bytes, { tenant: 'unlucky' }),
    scheduler.loadModel(small.bytes, { tenant: 'neighbour' }),
  ]);
  expected = { small: await runBits(neighbour, small), heavy: await runBits(slow, heavy) };
}, 120_000);
afterAll(() => ground.scheduler.close());

/** What `mishap` gives, while a neighbour's runs are in flight and must not notice; afterwards the tenant itself goes on. */
async function beside<T>(mishap: () => Promise<T>): Promise<T> {
  const others = Array.from({ length: 3 }, () => runBits(neighbour, small));
  const result = await mishap();
  others.push(runBits(neighbour, small));
  expect(await Promise.all(others)).toEqual(others.map(() => expected.small));
  expect(await runBits(model, small)).toBe(expected.small);
  return result;
}

const failureOf = async (promise: Promise<unknown>): Promise<SwitchyardError> => {
  const error: unknown = await promise.then(() => undefined, (reason: unknown) => reason);
  expect(error).toBeInstanceOf(SwitchyardError);
  return error as SwitchyardError;
};

const image = small.feeds['image'] as Tensor;

test.each<readonly [string, string, () => ModelSource]>([
  ['a fetch that finds nothing', 'fetch-failed', () => 'http://localhost:1/model.onnx'],
  ['an address that is none', 'fetch-failed', () => 'http://[broken/model.onnx'],
  ['bytes of something else', 'not-onnx', () => new TextEncoder().encode('GIF89a, a picture')],
  ['no bytes', 'not-onnx', () => new ArrayBuffer(0)],
  ['an operator nobody has', 'unsupported-operator', () => withOperator('Frobnicate')],
])('loading %s fails with %s and nobody else notices', async (_, code, source) => {
  const loaded = beside(() => failureOf(ground.scheduler.loadModel(source(), { tenant: 'unlucky' })));
  expect((await loaded).code).toBe(code);
});

function withOperator(operator: string): Uint8Array<ArrayBuffer> {
  const value = { type: 'float32', dims: [1] } as const;
  return writeModel({ name: 'odd', inputs: [{ name: 'x', ...value }], outputs: [{ name: 'y', ...value }], nodes: [{ operator, inputs: ['x'], outputs: ['y'] }] });
}

test('a model with weights beyond what a buffer may hold is too large, and says by how much', async () => {
  const { failure } = await beside(() => failureOf(ground.scheduler.loadModel(withWeights(100_000, 100_000), { tenant: 'unlucky' })));
  expect(failure).toMatchObject({ code: 'model-too-large', bytes: 4e10 });
});

/** A model that declares weights of this shape without holding them: field numbers of onnx.proto. */
function withWeights(...dims: number[]): Uint8Array<ArrayBuffer> {
  const pbf = new PbfWriter();
  const named = (field: number) => (name: string, inner: PbfWriter): void => inner.writeStringField(field, name);
  pbf.writeMessage(7, (_, graph) => {
    graph.writeMessage(5, (_none, tensor) => {
      tensor.writePackedVarint(1, dims);
      tensor.writeVarintField(2, 1);
      tensor.writeStringField(8, 'weights');
    }, undefined);
    graph.writeMessage(12, named(1), 'y');
  }, undefined);
  return new Uint8Array(pbf.finish());
}

test.each<readonly [string, string, Feeds]>([
  ['an unknown input', 'wrong-input-name', { ...small.feeds, picture: image }],
  ['a missing input', 'wrong-input-name', {}],
  ['another type', 'wrong-input-type', { image: { ...image, type: 'int32', data: new Int32Array(image.data.length) } }],
  ['data in another container', 'wrong-input-type', { image: { ...image, data: new Float64Array(image.data.length) } }],
  ['no tensor', 'wrong-input-type', { image: null as never }],
  ['another shape', 'wrong-input-shape', { image: { ...image, dims: [1, 16, 16] } }],
  ['fewer elements than the shape', 'wrong-input-shape', { image: { ...image, data: new Float32Array(7) } }],
  ['no feeds', 'invalid-argument', null as never],
  ['what cannot be sent', 'invalid-argument', { image: (() => 0) as never }],
])('feeding %s fails with %s and the next run succeeds', async (_, code, feeds) => {
  expect(await beside(() => codeOf(model.run(feeds)))).toBe(code);
});

test.each([
  ['a priority nobody knows', () => model.run(small.feeds, { priority: 'urgent' as never })],
  ['a deadline of no time', () => model.run(small.feeds, { deadline: 0 })],
  ['a deadline that is no number', () => model.run(small.feeds, { deadline: Number.NaN })],
  ['a model without a tenant', () => ground.scheduler.loadModel(small.bytes, { tenant: '' })],
  ['a model of an unknown priority', () => ground.scheduler.loadModel(small.bytes, { tenant: 'unlucky', priority: 'whenever' as never })],
  ['a model that is a number', () => ground.scheduler.loadModel(7 as never, { tenant: 'unlucky' })],
  ['a quantum of no time', () => createScheduler({ quantum: 0 })],
  ['a quantum that is no number', () => createScheduler({ quantum: '2' as never })],
  ['a policy nobody knows', () => createScheduler({ policy: 'raffle' as never })],
  ['a change to a policy nobody knows', () => ground.scheduler.setPolicy('raffle' as never)],
])('%s is an invalid argument', async (_, call) => {
  expect(await beside(() => codeOf(call()))).toBe('invalid-argument');
});

test.each(['no webgpu', 'no adapter', 'no device'] as const)('a lane that finds %s fails with no-adapter, and works once there is one', async (found) => {
  const tenant = `poor, ${found}`;
  ground.found.set(tenant, found);
  expect(await beside(() => codeOf(ground.scheduler.loadModel(small.bytes, { tenant })))).toBe('no-adapter');
  ground.found.delete(tenant);
  const late = await ground.scheduler.loadModel(small.bytes, { tenant });
  expect(await runBits(late, small)).toBe(expected.small);
  await late.close();
});

test('out of memory fails the run it hits, and the same run succeeds afterwards', async () => {
  const before = ground.notices.length;
  const run = beside(async () => {
    const hit = codeOf(slow.run(heavy.feeds));
    await slicedOnce(ground.scheduler, 'unlucky');
    ground.order('unlucky', 'run out of memory');
    return hit;
  });
  expect(await run).toBe('out-of-memory');
  expect(await runBits(slow, heavy)).toBe(expected.heavy);
  // onnxruntime keeps what the GPU refused, so the lane was replaced.
  expect(ground.notices.slice(before).map(({ tenant, message }) => `${tenant}: ${message}`)).toEqual([expect.stringContaining('out-of-memory')]);
});

test('a run can be aborted before, while it waits and while it runs, each time with the reason as the cause', async () => {
  const reason = new Error('no longer wanted');
  expect(await beside(() => failureOf(model.run(small.feeds, { signal: AbortSignal.abort(reason) })))).toMatchObject({ code: 'aborted', cause: reason });
  const [waiting, running] = [new AbortController(), new AbortController()];
  await beside(async () => {
    const first = failureOf(slow.run(heavy.feeds, { signal: running.signal }));
    const second = failureOf(slow.run(heavy.feeds, { signal: waiting.signal }));
    waiting.abort(reason);
    expect(await second).toMatchObject({ code: 'aborted', cause: reason });
    await slicedOnce(ground.scheduler, 'unlucky');
    running.abort(reason);
    expect(await first).toMatchObject({ code: 'aborted', cause: reason });
  });
});

test('a deadline passes while a run waits and while it runs', async () => {
  const codes = beside(() => Promise.all([
    codeOf(slow.run(heavy.feeds, { deadline: 60 })),
    codeOf(slow.run(heavy.feeds)),
    codeOf(slow.run(heavy.feeds, { deadline: 80 })),
  ]));
  expect(await codes).toEqual(['deadline-passed', 'ok', 'deadline-passed']);
});

test.each([
  ['the device is lost', 'device-lost', () => ground.order('unlucky', 'lose device')],
  ['the lane worker throws', 'worker-crashed', () => ground.order('unlucky', 'throw')],
  ['the lane worker is killed', 'worker-crashed', () => ground.lane('unlucky').terminate()],
] as const)('when %s the runs in flight are tried again, and a second time fail with %s', async (_, code, hit) => {
  const strike = async (): Promise<void> => {
    await slicedOnce(ground.scheduler, 'unlucky');
    hit();
  };
  const before = ground.notices.length;
  const [once] = await beside(() => Promise.all([runBits(slow, heavy), strike()]));
  expect(once).toBe(expected.heavy);
  const twice = codeOf(slow.run(heavy.feeds));
  await strike();
  await strike();
  expect(await beside(() => twice)).toBe(code);
  expect(ground.notices.slice(before).map((notice) => `${notice.tenant} ${notice.code}`)).toEqual([1, 2, 3].map(() => `unlucky ${code}`));
});

test('a run whose tensors were moved fails with the lane, for it cannot be tried again', async () => {
  const moved = new Float32Array(heavy.feeds['image']!.data as Float32Array);
  const run = codeOf(slow.run({ image: { ...heavy.feeds['image'] as Tensor, data: moved } }, { transfer: [moved.buffer] }));
  expect(moved.length).toBeGreaterThan(0);
  await slicedOnce(ground.scheduler, 'unlucky');
  ground.lane('unlucky').terminate();
  expect(await beside(() => run)).toBe('worker-crashed');
});

test('when the scheduler is killed the runs in flight end well, and so do those of after', async () => {
  const before = ground.schedulers.length;
  const runs = [runBits(slow, heavy), runBits(slow, heavy)];
  await slicedOnce(ground.scheduler, 'unlucky');
  ground.killScheduler();
  expect(await beside(() => Promise.all(runs))).toEqual([expected.heavy, expected.heavy]);
  expect(ground.schedulers.length).toBe(before + 1);
});

test('a scheduler that cannot be started is worker-crashed', async () => {
  const scheduler = (): Worker => new Worker('/nothing/scheduler.js', { type: 'module' });
  expect(await beside(() => codeOf(createScheduler({ workers: { scheduler } })))).toBe('worker-crashed');
  const refused = (): Worker => { throw new DOMException('no workers here', 'SecurityError'); };
  expect(await codeOf(createScheduler({ workers: { scheduler: refused } }))).toBe('worker-crashed');
});

test('when a scheduler dies and no other can be started, all that waits for it ends', async () => {
  let isRefused = false;
  const workers: Worker[] = [];
  const scheduler = await createScheduler({ workers: { scheduler: () => {
    if (isRefused) throw new DOMException('no workers any more', 'SecurityError');
    workers.push(new Worker(new URL('../../workers/scheduler.worker.ts', import.meta.url), { type: 'module' }));
    return workers.at(-1)!;
  } } });
  onTestFinished(() => scheduler.close());
  const loaded = await scheduler.loadModel(heavy.bytes, { tenant: 'only' });
  const runs = [1, 2, 3].map(() => codeOf(loaded.run(heavy.feeds)));
  await slicedOnce(scheduler, 'only');
  isRefused = true;
  workers.at(-1)!.terminate();
  expect(await Promise.all(runs)).toEqual(runs.map(() => 'worker-crashed'));
  expect(await codeOf(loaded.run(heavy.feeds))).toBe('worker-crashed');
  expect(await codeOf(scheduler.loadModel(small.bytes, { tenant: 'other' }))).toBe('worker-crashed');
});

test('a load can be aborted before, during the fetch and during the load, and leaves nothing behind', async () => {
  const reason = new Error('no longer wanted');
  const tenant = 'fickle';
  expect(await failureOf(ground.scheduler.loadModel(small.bytes, { tenant, signal: AbortSignal.abort(reason) }))).toMatchObject({ code: 'aborted', cause: reason });
  expect(ground.lanes.has(tenant)).toBe(false);
  const fetching = new AbortController();
  const fetched = failureOf(ground.scheduler.loadModel(`${import.meta.url}?slow`, { tenant, signal: fetching.signal }));
  fetching.abort(reason);
  expect(await fetched).toMatchObject({ code: 'aborted', cause: reason });
  const loading = new AbortController();
  const loaded = beside(() => failureOf(ground.scheduler.loadModel(small.bytes, { tenant, signal: loading.signal })));
  await expect.poll(() => ground.lanes.has(tenant)).toBe(true);
  loading.abort(reason);
  expect(await loaded).toMatchObject({ code: 'aborted', cause: reason });
  const again = await ground.scheduler.loadModel(small.bytes, { tenant });
  expect(await runBits(again, small)).toBe(expected.small);
  await again.close();
});

test('a load that fails, and a model that closes, leave another load of the same tenant in peace', async () => {
  const tenant = 'busy';
  const first = await ground.scheduler.loadModel(small.bytes, { tenant });
  const loading = ground.scheduler.loadModel(heavy.bytes, { tenant });
  await Promise.all([first.close(), codeOf(ground.scheduler.loadModel(new ArrayBuffer(3), { tenant }))]);
  const second = await loading;
  expect(await runBits(second, heavy)).toBe(expected.heavy);
  expect(ground.lanes.get(tenant)).toHaveLength(1);
  await second.close();
});

test('closing a model ends its runs in flight, and every later one, with closed', async () => {
  const other = await ground.scheduler.loadModel(heavy.bytes, { tenant: 'unlucky' });
  const alone = await ground.scheduler.loadModel(small.bytes, { tenant: 'brief' });
  const codes = beside(async () => {
    const runs = [1, 2, 3].map(() => codeOf(other.run(heavy.feeds)));
    const mine = runBits(slow, heavy);
    await Promise.all([other.close(), other.close(), alone.close()]);
    expect(await mine).toBe(expected.heavy);
    return Promise.all([...runs, codeOf(other.run(heavy.feeds)), codeOf(alone.run(small.feeds))]);
  });
  expect(await codes).toEqual(['closed', 'closed', 'closed', 'closed', 'closed']);
});

test('closing the scheduler ends runs, loads and fetches with closed, and all its workers and locks', async () => {
  const before = await locks();
  const doomed = await Ground.open();
  const loaded = await doomed.scheduler.loadModel(heavy.bytes, { tenant: 'first' });
  const promises = beside(async () => {
    const codes = [
      loaded.run(heavy.feeds), loaded.run(heavy.feeds),
      doomed.scheduler.loadModel(heavy.bytes, { tenant: 'first' }),
      doomed.scheduler.loadModel(heavy.bytes, { tenant: 'second' }),
    ].map(codeOf);
    await slicedOnce(doomed.scheduler, 'first');
    codes.push(codeOf(doomed.scheduler.loadModel(`${import.meta.url}?late`, { tenant: 'third' })));
    await doomed.scheduler.close();
    return Promise.all([...codes, codeOf(loaded.run(heavy.feeds)), codeOf(doomed.scheduler.loadModel(small.bytes, { tenant: 'late' }))]);
  });
  expect(await promises).toEqual(['closed', 'closed', expect.stringMatching(/ok|closed/), expect.stringMatching(/ok|closed/), 'closed', 'closed', 'closed']);
  await expect.poll(locks).toEqual(before);
});
