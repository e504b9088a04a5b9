import type { Clock } from './scheduler-loop.ts';

/** The clock of the thread this is called in. */
export const browserClock: Clock = {
  now: () => Math.round(performance.now() * 1000),
  after(delay, call) {
    const timer = setTimeout(call, Math.ceil(delay / 1000));
    return () => clearTimeout(timer);
  },
};
