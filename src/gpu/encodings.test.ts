import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Encoding, Encodings } from './encodings.ts';

/** Keeps what is submitted: all that encodings do to a queue. */
function queueOf(submitted: unknown[]): GPUQueue {
  return { submit: (commands: Iterable<unknown>) => void submitted.push(...commands) } as unknown as GPUQueue;
}

const step = fc.oneof(fc.constant('open' as const), fc.constant('wait' as const), fc.nat({ max: 5 }));

test('what waits is called in order, as soon as every encoding that was open then is closed, and no earlier', () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const encodings = new Encodings(queueOf([]));
    const open: Encoding[] = [];
    const called: number[] = [];
    /** The slow twin: of each call the encodings that it waits for. */
    const waits: { readonly for: Set<Encoding> }[] = [];
    for (const one of steps) {
      if (one === 'open') open.push(encodings.open());
      else if (one === 'wait') {
        const index = waits.push({ for: new Set(open) }) - 1;
        encodings.whenClosed(() => called.push(index));
      } else if (open.length > 0) {
        const [closed] = open.splice(one % open.length, 1);
        for (const wait of waits) wait.for.delete(closed!);
        encodings.close(closed!);
      }
      expect(called.toSorted((a, b) => a - b)).toEqual([...waits.keys()].filter((index) => waits[index]!.for.size === 0));
      expect([encodings.openCount, encodings.waitingCount]).toEqual([open.length, waits.length - called.length]);
    }
  }));
});

test('uploads come before what is submitted, and the encoding is closed after it, also when the queue throws', () => {
  const queue: unknown[] = [];
  const encodings = new Encodings(queueOf(queue));
  encodings.beforeSubmit(() => queue.push('upload'));
  const first = encodings.open();
  encodings.whenClosed(() => queue.push('closed'));
  encodings.submit(first, ['commands' as unknown as GPUCommandBuffer]);
  expect(queue).toEqual(['upload', 'commands', 'closed']);
  const second = encodings.open();
  expect(() => encodings.submit(second, undefined as unknown as [])).toThrow(TypeError);
  expect(encodings.isOpen(second)).toBe(false);
});

test('closing twice is a bug', () => {
  const encodings = new Encodings(queueOf([]));
  const encoding = encodings.open();
  encodings.close(encoding);
  expect(() => encodings.close(encoding)).toThrow('closed once');
});
