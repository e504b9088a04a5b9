import { verdict, type Comparison, type Mode, type Reading } from './comparison.ts';

const millis = (micros: number | undefined): string => (micros === undefined ? '–' : (micros / 1000).toFixed(micros < 99_500 ? 1 : 0));

/** What each row of the table shows of a reading. */
const rows: Record<string, (reading: Reading) => string> = {
  p50: ({ latency }) => millis(latency?.p50),
  p95: ({ latency }) => millis(latency?.p95),
  p99: ({ latency }) => millis(latency?.p99),
  background: ({ backgroundPerSecond }) => backgroundPerSecond.toFixed(1),
  frames: ({ framesPerSecond }) => framesPerSecond.toFixed(0),
};

/** Fills the cells `[data-row][data-mode]` of the table, and the sentence under it. */
export function showComparison(table: HTMLTableElement, sentence: HTMLElement, comparison: Comparison): void {
  const now = performance.now() * 1000;
  for (const mode of ['on', 'off'] as const satisfies readonly Mode[]) {
    const isLive = comparison.stretch.mode === mode;
    const reading = comparison.read(mode, now);
    for (const cell of table.querySelectorAll<HTMLElement>(`[data-mode="${mode}"]`)) {
      cell.classList.toggle('is-live', isLive);
      const row = cell.dataset['row'];
      if (row !== undefined) cell.textContent = reading === undefined ? '–' : rows[row]!(reading);
    }
    table.querySelector(`th[data-mode="${mode}"] small`)!.textContent = isLive ? 'live' : reading === undefined ? 'not yet' : 'last measured';
  }
  sentence.textContent = verdict(comparison.read('on', now), comparison.read('off', now));
}
