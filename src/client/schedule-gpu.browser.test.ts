import { afterEach, expect, onTestFinished, test } from 'vitest';
import { Adder, sumOf } from '../../e2e/hostile/adder.ts';
import { codeOf, Ground, locks, runBits, short, slicedOnce } from '../../e2e/hostile/ground.ts';
import type { GuestSays } from '../../e2e/hostile/guest.worker.ts';
import { scheduleGpu, SwitchyardError, type ScheduleGpuOptions } from './index.ts';

const restores: (() => void)[] = [];
afterEach(() => {
  for (const restore of restores.splice(0)) restore();
});

function patch(options?: ScheduleGpuOptions): () => void {
  const { restore } = scheduleGpu(options);
  restores.push(restore);
  return restore;
}

/** As a library does it, which knows nothing of us. */
async function requestDevice(): Promise<GPUDevice> {
  const device = await (await navigator.gpu.requestAdapter())!.requestDevice();
  onTestFinished(() => device.destroy());
  return device;
}

const isScheduled = (device: GPUDevice): boolean => Object.hasOwn(device, 'createCommandEncoder');

test('a device that a library requests is a real device and a scheduled one, until restored', async () => {
  const restore = patch();
  const device = await requestDevice();
  expect(device).toBeInstanceOf(GPUDevice);
  expect(isScheduled(device)).toBe(true);
  const adder = new Adder(device);
  adder.add(3);
  expect(await adder.read()).toBe(sumOf(3));
  restore();
  expect(isScheduled(await requestDevice())).toBe(false);
  expect(Object.hasOwn(navigator.gpu, 'requestAdapter')).toBe(false);
});

test('patches may be restored in any order, and the last one decides', async () => {
  await using ground = await Ground.open();
  const first = patch({ tenant: 'first' });
  const second = patch({ tenant: 'second' });
  const seen = slicedOnce(ground.scheduler, 'second');
  const adder = new Adder(await requestDevice());
  adder.add(2);
  await seen;
  first();
  expect(isScheduled(await requestDevice())).toBe(true);
  second();
  expect(isScheduled(await requestDevice())).toBe(false);
  expect(await adder.read()).toBe(sumOf(2));
});

test('a priority nobody knows is an invalid argument, and changes nothing', () => {
  expect(() => scheduleGpu({ priority: 'urgent' as never })).toThrow(SwitchyardError);
  expect(Object.hasOwn(navigator.gpu, 'requestAdapter')).toBe(false);
});

test('devices of the page join its scheduler, beside the models', async () => {
  await using ground = await Ground.open();
  patch({ tenant: 'painter' });
  const adder = new Adder(await requestDevice());
  const seen = slicedOnce(ground.scheduler, 'painter');
  const model = await ground.scheduler.loadModel(short().bytes, { tenant: 'model' });
  const bits = await runBits(model, short());
  adder.add(4);
  expect(await runBits(model, short())).toBe(bits);
  await seen;
  expect(await adder.read()).toBe(sumOf(4));
});

/** The order in which submits reach the real queues, each as the label of its queue's device. */
function submitsReaching(): string[] {
  const reached: string[] = [];
  const { submit } = GPUQueue.prototype;
  GPUQueue.prototype.submit = function (this: GPUQueue, commands) {
    reached.push(this.label);
    return submit.call(this, commands);
  };
  onTestFinished(() => void (GPUQueue.prototype.submit = submit));
  return reached;
}

test('without a scheduler the thread has one of its own: urgent work overtakes what waits', async () => {
  const reached = submitsReaching();
  const adders: Record<string, Adder> = {};
  for (const priority of ['background', 'user-blocking'] as const) {
    const restore = patch({ tenant: priority, priority });
    const device = await requestDevice();
    device.queue.label = priority;
    adders[priority] = new Adder(device);
    await device.queue.onSubmittedWorkDone(); // The scheduler has answered by then.
    restore();
  }
  for (let i = 0; i < 20; i += 1) adders['background']!.add(1);
  adders['user-blocking']!.add(1);
  expect(await adders['user-blocking']!.read()).toBe(sumOf(1));
  const overtaken = 20 - reached.filter((label) => label === 'background').length;
  expect(overtaken).toBeGreaterThan(10);
  expect(await adders['background']!.read()).toBe(sumOf(20));
});

test('when the page\'s scheduler is closed its devices go on, and new ones get a scheduler of the thread', async () => {
  const ground = await Ground.open();
  patch({ tenant: 'painter' });
  const adder = new Adder(await requestDevice());
  adder.add(10);
  await ground.scheduler.close();
  adder.add(1);
  expect(await adder.read()).toBe(sumOf(11));
  const late = new Adder(await requestDevice());
  late.add(2);
  expect(await late.read()).toBe(sumOf(2));
});

test('when the page\'s scheduler is killed, submits in flight come out right and another scheduler takes over', async () => {
  await using ground = await Ground.open();
  patch({ tenant: 'painter' });
  const adder = new Adder(await requestDevice());
  const model = await ground.scheduler.loadModel(short().bytes, { tenant: 'model' });
  const bits = await runBits(model, short());
  for (let i = 0; i < 10; i += 1) adder.add(2);
  ground.killScheduler();
  for (let i = 0; i < 10; i += 1) adder.add(2);
  expect(await adder.read()).toBe(sumOf(40));
  await expect.poll(() => ground.schedulers.length).toBe(2);
  const seen = slicedOnce(ground.scheduler, 'painter');
  adder.add(1);
  await seen;
  expect(await runBits(model, short())).toBe(bits);
});

/** A worker of the application, and what it said so far. */
async function openGuest(port: MessagePort): Promise<{ worker: Worker; said: GuestSays[]; sum(dispatches: number): Promise<number> }> {
  const worker = new Worker(new URL('../../e2e/hostile/guest.worker.ts', import.meta.url), { type: 'module' });
  onTestFinished(() => worker.terminate());
  const said: GuestSays[] = [];
  worker.addEventListener('message', ({ data }: MessageEvent<GuestSays>) => said.push(data));
  const next = <K extends string>(key: K): Promise<Extract<GuestSays, Record<K, unknown>>> => new Promise((resolve) => {
    const hear = ({ data }: MessageEvent<GuestSays>): void => {
      if (!(key in data)) return;
      worker.removeEventListener('message', hear);
      resolve(data as Extract<GuestSays, Record<K, unknown>>);
    };
    worker.addEventListener('message', hear);
  });
  worker.postMessage(port, [port]);
  await next('ready');
  return {
    worker, said,
    sum: async (dispatches) => {
      worker.postMessage(dispatches);
      return (await next('sum')).sum;
    },
  };
}

test('another worker joins through a port, and goes on by itself when the scheduler is closed, saying so once', async () => {
  const ground = await Ground.open();
  const seen = slicedOnce(ground.scheduler, 'guest');
  const guest = await openGuest(ground.scheduler.connect());
  expect(await guest.sum(4)).toBe(sumOf(4));
  await seen;
  await ground.scheduler.close();
  expect(await guest.sum(3)).toBe(sumOf(7));
  await expect.poll(() => guest.said.filter((said) => 'warning' in said)).toHaveLength(1);
  expect(await guest.sum(2)).toBe(sumOf(9));
  expect(guest.said.filter((said) => 'warning' in said)).toHaveLength(1);
  expect(await codeOf(Promise.resolve().then(() => ground.scheduler.connect()))).toBe('closed');
});

test('another worker that joined and is killed takes nothing with it', async () => {
  const before = await locks();
  const ground = await Ground.open();
  const model = await ground.scheduler.loadModel(short().bytes, { tenant: 'model' });
  const bits = await runBits(model, short());
  const held = (await locks()).length;
  const guests = await Promise.all([1, 2, 3].map(() => openGuest(ground.scheduler.connect())));
  for (const guest of guests) {
    const seen = slicedOnce(ground.scheduler, 'guest');
    void guest.sum(400);
    await seen;
    guest.worker.terminate();
    expect(await Promise.all([runBits(model, short()), runBits(model, short())])).toEqual([bits, bits]);
  }
  await expect.poll(async () => (await locks()).length).toBe(held);
  await ground.scheduler.close();
  await expect.poll(locks).toEqual(before);
});
