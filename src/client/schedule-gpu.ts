import { PortSwitch, threadNow } from '../gpu/port-switch.ts';
import type { Switch } from '../gpu/link.ts';
import { safeBudget } from '../gpu/safe-budget.ts';
import { scheduleRequests } from '../gpu/schedule-adapter.ts';
import type { Zeroing } from '../gpu/scheduled-buffers.ts';
import { scheduleOwnThread } from '../loop/own-thread.ts';
import type { Pressure } from '../wire/memory.ts';
import { typedPort } from '../wire/port.ts';
import { SwitchyardError } from './error.ts';
import { classOf, type Level, type Priority, priorityWords } from './priority.ts';
import { Switchyard } from './switchyard.ts';

export interface ScheduleGpuOptions {
  /** Default: `page`. */
  readonly tenant?: string | undefined;
  /** Default: `user-visible`. */
  readonly priority?: Priority | Level | undefined;
  /**
   * The scheduler to join: what `createScheduler` gave in this thread, or a port of its `connect()` in another one. Default: the scheduler
   * that was created last in this thread; without one, a small scheduler in this thread, for the devices of this thread only.
   */
  readonly scheduler?: Switchyard | MessagePort | undefined;
  /**
   * What to do when GPU memory is short: destroy what can be spared before returning. Called at every change of level, and at once before something is refused.
   * What it throws is reported and harms nobody.
   */
  readonly onPressure?: ((pressure: Pressure) => void) | undefined;
  /** Default: `zeroed`, as WebGPU promises. `as-is` spares clearing buffers that serve again, for programs that read only what they wrote. */
  readonly recycled?: Zeroing | undefined;
}

/** Where the thread's own scheduler is found, by every copy of this library in the thread. */
const home = Symbol.for('webgpu-switchyard');
type Home = { [home]?: Switch | undefined };

/** Makes `switchyard` the one that `scheduleGpu` joins in this thread when it is not told another. */
export function settle(switchyard: Switchyard): void {
  Object.defineProperty(globalThis, home, {
    configurable: true,
    get: () => (switchyard.isClosed ? undefined : switchyard.switch),
    // The thread's own, once this one is closed.
    set(value: Switch) {
      Object.defineProperty(globalThis, home, { configurable: true, writable: true, value });
    },
  });
}

/**
 * Patches `navigator.gpu` in the calling thread: devices that any library requests here from now on are scheduled devices.
 * Adapters and devices of before stay as they are. Throws `SwitchyardError` `no-adapter` where there is no WebGPU at all.
 */
export function scheduleGpu(options: ScheduleGpuOptions = {}): { restore(): void } {
  const { tenant = 'page', priority = 'user-visible', scheduler, onPressure, recycled: zeroing } = options;
  if (!priorityWords.includes(priority)) {
    throw new SwitchyardError({ code: 'invalid-argument', detail: `a priority is one of ${priorityWords.join(', ')}, not ${String(priority)}` });
  }
  const gpu = (globalThis.navigator as Navigator | undefined)?.gpu;
  if (gpu === undefined) throw new SwitchyardError({ code: 'no-adapter', detail: 'this browser or this page has no WebGPU (navigator.gpu is missing)' });
  if (zeroing !== undefined && zeroing !== 'zeroed' && zeroing !== 'as-is') {
    throw new SwitchyardError({ code: 'invalid-argument', detail: `recycled is zeroed or as-is, not ${String(zeroing)}` });
  }
  const joined = joinScheduler(scheduler);
  return { restore: scheduleRequests(gpu, () => ({ tenant, priority: classOf(priority), switch: joined(), now: threadNow, memory: { onPressure, zeroing } })) };
}

function joinScheduler(scheduler: Switchyard | MessagePort | undefined): () => Switch {
  if (scheduler instanceof Switchyard) return () => scheduler.switch;
  if (scheduler !== undefined) {
    const gone = (): void => console.warn('switchyard: the scheduler is gone; everything passes through from now on');
    const opened = new PortSwitch(typedPort(scheduler), { gone });
    return () => opened;
  }
  return () => ((globalThis as Home)[home] ??= ownSwitch());
}

function ownSwitch(): Switch {
  const { port, loop } = scheduleOwnThread();
  void safeBudget(navigator).then((bytes) => loop.fromPage({ kind: 'budget-set', bytes }));
  return new PortSwitch(port);
}
