import type { FromScheduler, ToScheduler } from '../wire/messages.ts';
import { localPorts, type Port } from '../wire/port.ts';
import { TraceRecorder } from '../trace/recorder.ts';
import { browserClock } from './browser-clock.ts';
import { SchedulerLoop } from './scheduler-loop.ts';

/** A scheduler in this thread: the same core and the same messages, without a worker between. Its trace goes nowhere. */
export function scheduleOwnThread(): { readonly port: Port<ToScheduler, FromScheduler>; readonly loop: SchedulerLoop } {
  const loop = new SchedulerLoop({
    clock: browserClock(performance.timeOrigin), timeOrigin: performance.timeOrigin, lock: '', recorder: new TraceRecorder(1), tellPage: () => undefined,
  });
  const [near, far] = localPorts<ToScheduler, FromScheduler>();
  loop.attach(far);
  return { port: near, loop };
}
