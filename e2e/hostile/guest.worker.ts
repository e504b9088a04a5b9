import { scheduleGpu } from '../../src/client/index.ts';
import { Adder } from './adder.ts';

/** An application's own worker, whose library requests a device. Each number it is sent is a submit of so many dispatches. */
export type GuestSays = { readonly sum: number } | { readonly warning: string } | { readonly ready: true };

const say = (said: GuestSays): void => postMessage(said);
const { warn } = console;
console.warn = (...words: unknown[]) => {
  warn(...words);
  say({ warning: words.join(' ') });
};

addEventListener('message', async ({ data: scheduler }: MessageEvent<MessagePort>) => {
  scheduleGpu({ tenant: 'guest', priority: 'background', scheduler });
  const adapter = await navigator.gpu.requestAdapter();
  const adder = new Adder(await adapter!.requestDevice());
  addEventListener('message', async ({ data }: MessageEvent<number>) => {
    adder.add(data);
    say({ sum: await adder.read() });
  });
  say({ ready: true });
}, { once: true });
