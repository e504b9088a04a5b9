import { createScheduler, scheduleGpu, type Scheduler } from '../client/index.ts';
import '../dashboard/define.ts';
import { Comparison, type Mode } from './comparison.ts';
import { showComparison } from './comparison-table.ts';
import { keepDrawing } from './drawing.ts';
import { acceptModels } from './drop.ts';
import { GuestList } from './guest-list.ts';
import { Notes } from './notes.ts';
import { backgroundTenants, runBackground, runInteractive } from './tenants.ts';

const DRAWING = 'drawing';

function element<T extends HTMLElement>(id: string, kind: abstract new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${kind.name} #${id}`);
  return found;
}

const canvas = (id: string): HTMLCanvasElement => element(id, HTMLCanvasElement);
const now = (): number => performance.now() * 1000;

/** Runs the page's tenants, and shows what they measure. */
function start(scheduler: Scheduler, gpu: GPU, notes: Notes): void {
  const { signal } = new AbortController();
  const comparison = new Comparison(scheduler.enabled ? 'on' : 'off', now());
  const failing = (tenant: string) => (error: unknown): void => notes.add(tenant, error);

  void runInteractive({
    scheduler, signal, input: canvas('edges-input'), output: canvas('edges-output'), onFailure: failing('edges'),
    onRun: () => {
      const { stretch } = comparison;
      return (latency) => stretch.interactiveDone(now(), latency);
    },
  });
  void runBackground({
    scheduler, signal, input: canvas('diffusion-input'), outputs: backgroundTenants.map((_, index) => canvas(`diffusion-output-${index}`)), onFailure: failing('diffusion'),
    onRun: () => {
      const { stretch } = comparison;
      return () => stretch.backgroundDone(now());
    },
  });
  void keepDrawing(gpu, canvas('drawing'), signal, () => comparison.stretch.frameDone(now()), failing(DRAWING));

  const guests = new GuestList(element('guests', HTMLUListElement), scheduler, notes, ['edges', ...backgroundTenants, DRAWING]);
  acceptModels({
    target: document.documentElement, chooser: element('chooser', HTMLInputElement), dialog: element('sizes', HTMLDialogElement),
    onModel: (brought) => guests.add(brought), onFailure: (file, error) => notes.add(file, error),
  });

  const table = element('comparison', HTMLTableElement);
  const sentence = element('verdict', HTMLParagraphElement);
  setInterval(() => {
    showComparison(table, sentence, comparison);
    guests.update();
  }, 500);
  bindSwitch(element('switch', HTMLButtonElement), scheduler, (mode) => {
    comparison.switchTo(mode, now());
    showComparison(table, sentence, comparison);
  }, failing('scheduler'));
}

function bindSwitch(button: HTMLButtonElement, scheduler: Scheduler, onMode: (mode: Mode) => void, onFailure: (error: unknown) => void): void {
  button.setAttribute('aria-checked', String(scheduler.enabled));
  button.disabled = false;
  button.addEventListener('click', () => {
    const on = button.getAttribute('aria-checked') !== 'true';
    scheduler.setEnabled(on).then(() => {
      button.setAttribute('aria-checked', String(on));
      onMode(on ? 'on' : 'off');
    }, onFailure);
  });
}

async function open(): Promise<void> {
  const notes = new Notes(element('notes', HTMLUListElement));
  const gpu = 'gpu' in navigator ? navigator.gpu : undefined;
  if (gpu === undefined || (await gpu.requestAdapter()) === null) {
    element('unsupported', HTMLParagraphElement).hidden = false;
    return;
  }
  try {
    const scheduler = await createScheduler();
    scheduler.onNotice(({ tenant, message }) => notes.add(tenant ?? 'scheduler', message));
    document.querySelector('switchyard-dashboard')!.source = scheduler;
    // From here on `navigator.gpu` gives scheduled devices to anything on this page; the drawing does not know.
    scheduleGpu({ tenant: DRAWING, priority: 'user-visible' });
    start(scheduler, navigator.gpu, notes);
  } catch (error) {
    notes.add('scheduler', error);
  }
}

void open();
