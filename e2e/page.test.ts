import { expect, onTestFinished, test } from 'vitest';
import { launch, serve } from './browser.ts';

/** Rows of the comparison, as a person reads them: a name and the live figure. */
const hasFigures = (): boolean => {
  const rows = [...document.querySelectorAll('#comparison tbody tr')];
  return rows.length > 0 && rows.every((row) => [...row.querySelectorAll('td')].some((cell) => /\d/.test(cell.textContent ?? '')));
};

test('the page runs four models and a drawing by itself, without a failure, with the scheduler on and off', async () => {
  const served = await serve();
  onTestFinished(() => served.close());
  const browser = await launch();
  onTestFinished(() => browser.close());
  const page = await browser.newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  await page.goto(served.url);
  await page.waitForFunction(hasFigures, undefined, { timeout: 50_000 });
  const toggle = page.getByRole('switch');
  await toggle.click();
  await page.waitForFunction(() => document.querySelector('#switch')?.getAttribute('aria-checked') === 'false');
  expect(await page.locator('#notes li').allTextContents()).toEqual([]);
  expect(errors).toEqual([]);
});
