import { afterEach, expect, test, vi } from 'vitest';
import type { TraceBatch } from '../trace/batch.ts';
import { TraceRecorder } from '../trace/recorder.ts';
import type { Span } from '../trace/span.ts';
import type { SwitchyardDashboard } from './dashboard.ts';
import './define.ts';

afterEach(() => document.body.replaceChildren());

function batchOf(...spans: readonly Partial<Span>[]): TraceBatch {
  const recorder = new TraceRecorder(Math.max(1, spans.length));
  for (const span of spans) recorder.span({ kind: 'slice', tenant: 'edges', name: 'edges', startAt: 0, endAt: 1000, op: 1, predicted: 0, ...span });
  recorder.counter({ name: 'in-flight', tenant: '', at: 0, value: 2000 });
  return recorder.drain()!;
}

async function open(width = 800): Promise<SwitchyardDashboard> {
  const dashboard = document.createElement('switchyard-dashboard');
  dashboard.style.width = `${width}px`;
  dashboard.style.colorScheme = 'light';
  document.body.append(dashboard);
  await dashboard.updateComplete;
  return dashboard;
}

const inside = <E extends Element>(dashboard: SwitchyardDashboard, selector: string): E => dashboard.renderRoot.querySelector<E>(selector)!;
const press = (dashboard: SwitchyardDashboard, ...keys: string[]): void => {
  for (const key of keys) inside(dashboard, 'canvas').dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
};
const button = (dashboard: SwitchyardDashboard, name: string): HTMLButtonElement =>
  [...dashboard.renderRoot.querySelectorAll('button')].find(({ textContent }) => textContent.trim() === name)!;

/** Pixels of a colour near `rgb` in the canvas. */
function count(dashboard: SwitchyardDashboard, [red, green, blue]: readonly [number, number, number]): number {
  const canvas = inside<HTMLCanvasElement>(dashboard, 'canvas');
  const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
  let found = 0;
  for (let i = 0; i < data.length; i += 4) if (Math.abs(data[i]! - red) + Math.abs(data[i + 1]! - green) + Math.abs(data[i + 2]! - blue) < 12) found++;
  return found;
}

const blue = [0x00, 0x72, 0xb2] as const;

test('a slice that is recorded appears in its tenant\'s colour', async () => {
  const dashboard = await open();
  dashboard.record(batchOf({ startAt: 0, endAt: 500_000 }));
  press(dashboard, 'f');
  await vi.waitFor(() => expect(count(dashboard, blue)).toBeGreaterThan(3000));
});

test('thousands of spans thinner than a pixel show as one dense row', async () => {
  const dashboard = await open();
  dashboard.record(batchOf(...Array.from({ length: 50_000 }, (_, i) => ({ startAt: i * 20, endAt: i * 20 + 20 }))));
  press(dashboard, 'f');
  await vi.waitFor(() => expect(count(dashboard, blue)).toBeGreaterThan(5000));
});

test('keys choose a span, its details are told, and Escape lets it go', async () => {
  const dashboard = await open();
  const chosen: (Span | null)[] = [];
  dashboard.addEventListener('span-selected', (event) => chosen.push((event as CustomEvent<Span | null>).detail));
  dashboard.record(batchOf({ startAt: 0, endAt: 2000, predicted: 1000 }, { startAt: 3000, endAt: 4000, name: 'second' }));
  press(dashboard, 'f', 'ArrowDown');
  await dashboard.updateComplete;
  const details = inside<HTMLElement>(dashboard, '[aria-live]');
  expect(details.textContent).toContain('2.00 ms');
  expect(details.textContent).toContain('1.00 ms (measured +100 %)');
  press(dashboard, 'ArrowRight', 'Escape');
  await dashboard.updateComplete;
  expect(details.textContent.trim()).toBe('');
  expect(chosen.map((span) => span?.name)).toEqual(['edges', 'second', undefined]);
});

test('pointing at a span shows what it is beside the pointer', async () => {
  const dashboard = await open();
  dashboard.record(batchOf({ startAt: 0, endAt: 500_000 }));
  press(dashboard, 'f');
  await vi.waitFor(() => expect(count(dashboard, blue)).toBeGreaterThan(3000));
  const canvas = inside<HTMLCanvasElement>(dashboard, 'canvas');
  const { left, top, width } = canvas.getBoundingClientRect();
  for (let y = 0; y < canvas.clientHeight && inside(dashboard, '.tooltip') === null; y += 6) {
    canvas.dispatchEvent(new PointerEvent('pointermove', { clientX: left + width / 2, clientY: top + y, bubbles: true }));
    await dashboard.updateComplete;
  }
  expect(inside(dashboard, '.tooltip').textContent).toContain('500 ms');
  canvas.dispatchEvent(new PointerEvent('pointerleave'));
  await dashboard.updateComplete;
  expect(inside(dashboard, '.tooltip')).toBeNull();
});

test('the table holds the spans in view, and no others', async () => {
  const dashboard = await open();
  dashboard.record(batchOf({ name: 'near', startAt: 0, endAt: 1000 }, { name: 'far', startAt: 10_000_000, endAt: 10_001_000 }));
  press(dashboard, 'f', 'ArrowDown', 'f');
  inside<HTMLDetailsElement>(dashboard, 'details').open = true;
  await vi.waitFor(() => {
    const names = [...dashboard.renderRoot.querySelectorAll('tbody tr')].map((row) => row.children[2]!.textContent);
    expect(names).toEqual(['near']);
  });
  expect(inside(dashboard, 'tbody tr').getAttribute('aria-selected')).toBe('true');
});

test('a live view follows what arrives until it is paused, and again after', async () => {
  const dashboard = await open();
  dashboard.record(batchOf({ startAt: 0, endAt: 500_000 }));
  await vi.waitFor(() => expect(count(dashboard, blue)).toBeGreaterThan(500));
  button(dashboard, 'Pause').click();
  await dashboard.updateComplete;
  dashboard.record(batchOf({ startAt: 60_000_000, endAt: 60_500_000, tenant: 'late' }));
  button(dashboard, 'Follow live').click();
  // Two minutes on, the first span is long out of view.
  dashboard.record(batchOf({ startAt: 120_000_000, endAt: 120_500_000, tenant: 'late' }));
  await vi.waitFor(() => expect(count(dashboard, blue)).toBeLessThan(200));
});

test('a paused view on which nothing happens asks for no frames', async () => {
  const dashboard = await open();
  dashboard.record(batchOf({ startAt: 0, endAt: 500_000 }));
  press(dashboard, 'f');
  await vi.waitFor(() => expect(count(dashboard, blue)).toBeGreaterThan(3000));
  const original = requestAnimationFrame;
  const nextFrame = (): Promise<number> => new Promise((resolve) => { original(resolve); });
  await nextFrame();
  await nextFrame();
  const asked = vi.spyOn(globalThis, 'requestAnimationFrame');
  for (let frame = 0; frame < 5; frame++) await nextFrame();
  expect(asked).not.toHaveBeenCalled();
  press(dashboard, 'd');
  expect(asked).toHaveBeenCalledTimes(1);
  asked.mockRestore();
});

test('a saved trace is JSON with the spans and the wall clock of their beginning', async () => {
  const dashboard = await open();
  dashboard.timeOrigin = 1_700_000_000_000;
  dashboard.record(batchOf({ startAt: 5000, endAt: 7000 }));
  const file = JSON.parse(await dashboard.traceFile().text()) as { traceEvents: { ph: string; dur?: number }[]; metadata: { timeOrigin: number } };
  expect(file.traceEvents.filter(({ ph }) => ph === 'X').map(({ dur }) => dur)).toEqual([2000]);
  expect(file.metadata.timeOrigin).toBe(1_700_000_000_000);
});

test('a source is listened to while the element is in a document', async () => {
  const dashboard = await open();
  const listeners = new Set<(batch: TraceBatch) => void>();
  dashboard.source = { onTrace(listener) { listeners.add(listener); return () => listeners.delete(listener); } };
  await dashboard.updateComplete;
  for (const listener of listeners) listener(batchOf({ tenant: 'from source' }));
  expect(dashboard.store.tenants).toEqual(['from source']);
  dashboard.remove();
  expect(listeners.size).toBe(0);
  document.body.append(dashboard);
  await dashboard.updateComplete;
  expect(listeners.size).toBe(1);
});

test('a phone has the names above the rows and nothing wider than itself', async () => {
  const dashboard = await open(328);
  dashboard.record(batchOf({ startAt: 0, endAt: 500_000 }));
  await vi.waitFor(() => expect(inside<HTMLCanvasElement>(dashboard, 'canvas').clientWidth).toBe(328));
  await dashboard.updateComplete;
  for (const element of dashboard.renderRoot.querySelectorAll('.bar, .bar *, .legend, .stage')) {
    expect(element.getBoundingClientRect().right).toBeLessThanOrEqual(dashboard.getBoundingClientRect().right + 0.5);
  }
});
