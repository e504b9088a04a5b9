import { expose } from 'comlink';
import { browserClock } from '../src/loop/browser-clock.ts';
import { SchedulerLoop } from '../src/loop/scheduler-loop.ts';
import { transferablesOf } from '../src/trace/batch.ts';
import { TraceRecorder } from '../src/trace/recorder.ts';
import { holdForLife } from '../src/wire/life-lock.ts';
import type { PageToScheduler, SchedulerControl, SchedulerToPage } from '../src/wire/messages.ts';

/** Room between two flushes: far more than 100 ms can hold. */
const traceCapacity = 16_384;
const flushEvery = 100;

const control: SchedulerControl = {
  async open(page, lock, timeOrigin) {
    await holdForLife(lock);
    const tellPage = (message: SchedulerToPage): void => {
      page.postMessage(message, message.kind === 'trace' ? transferablesOf(message.batch) : []);
    };
    const opened = new SchedulerLoop({
      clock: browserClock(timeOrigin), timeOrigin, lock, recorder: new TraceRecorder(traceCapacity), tellPage,
    });
    page.onmessage = ({ data }: MessageEvent<PageToScheduler>) => opened.fromPage(data);
    setInterval(() => opened.flushTrace(), flushEvery);
  },
};

expose(control);
