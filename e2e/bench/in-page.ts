import type { Page } from 'playwright';

/** Nothing happened for this long: something hangs, and a benchmark that hangs tells nothing. */
const PATIENCE = 300_000;

/** Lines of the page's console that begin so say how far it is. */
const PREFIX = 'bench: ';

/** Waits for what a page measures, passes on what it says, and gives up when it says nothing for too long. */
export async function inPage<T>(page: Page, say: (line: string) => void, measured: () => Promise<T>): Promise<T> {
  let last = 'starting';
  let giveUp: (error: Error) => void;
  const silence = new Promise<never>((_, reject) => { giveUp = reject; });
  const hang = () => giveUp(new Error(`nothing happened for ${PATIENCE / 1000} s after: ${last}`));
  let timer = setTimeout(hang, PATIENCE);
  page.on('console', (message) => {
    const text = message.text();
    if (!text.startsWith(PREFIX)) {
      if (message.type() === 'error') say(text);
      return;
    }
    last = text.slice(PREFIX.length);
    say(last);
    clearTimeout(timer);
    timer = setTimeout(hang, PATIENCE);
  });
  page.on('pageerror', (error) => giveUp(error));
  page.on('crash', () => giveUp(new Error(`the page crashed after: ${last}`)));
  try {
    return await Promise.race([silence, measured()]);
  } finally {
    clearTimeout(timer);
  }
}
