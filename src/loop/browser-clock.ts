import type { Clock } from './clock.ts';

/** The clock of the thread this is called in, counting from `timeOrigin` (epoch milliseconds), so that a scheduler that takes over goes on where the last one was. */
export const browserClock = (timeOrigin: number): Clock => ({
  now: () => Math.round((performance.timeOrigin - timeOrigin + performance.now()) * 1000),
  after(delay, call) {
    const timer = setTimeout(call, Math.ceil(delay / 1000));
    return () => clearTimeout(timer);
  },
});
