import { launch, serve } from '../browser.ts';
import type { Order, Report } from './contract.ts';
import { inPage } from './in-page.ts';
import type { HeldMemory, MemoryPlan } from './memory.page.ts';
import { modelsFolder } from './networks.ts';
import { rounded } from './statistics.ts';

/** Real models that run in a tenth of a second on the software adapter. onnxruntime-web 1.30 computes two of them wrongly in its default layout. */
const models: MemoryPlan['models'] = {
  mnist8: 'default', cnn_mnist_pytorch: 'default', bert_toy_optimized: 'default', attention_past_state: 'default', dtln_1: 'default', dtln_2: 'default',
  silero_vad_16k_flat: 'NCHW', gtcrn_simple: 'NCHW',
};

const armOf = ({ peak, live, createdPerRun, runsPerSecond, reported }: HeldMemory) => ({
  peakBytes: peak, liveBytes: live, createdPerRun: rounded(createdPerRun), perSecond: rounded(runsPerSecond),
  ...(reported && { reportedPeakBytes: reported.peak, reportedLiveBytes: reported.live }),
});

/** What models take of the GPU in a browser: as onnxruntime-web holds them, and as Switchyard does. One session of each, then eight of one. */
export async function measureInBrowser({ quick, say }: Pick<Order, 'quick' | 'say'>): Promise<Omit<Report, 'scenario'>> {
  const folder = modelsFolder();
  if (folder === undefined) say('there are no real models (SWITCHYARD_MODELS names their folder): the project\'s own are measured');
  const plan: MemoryPlan = {
    folder: folder === undefined ? '' : `/@fs${folder}`, models, repeated: 'dtln_1', copies: 8, warmUp: 3, ...(quick ? { runs: 3, rounds: 2 } : { runs: 10, rounds: 4 }),
  };
  const server = await serve({ server: { fs: { allow: folder === undefined ? [] : [folder] } } });
  const browser = await launch();
  try {
    const page = await browser.newPage();
    await page.goto(`${server.url}/e2e/bench/memory.html`);
    const { set, repeated, identical, adapter, isolated, cores } = await inPage(page, say, async () => {
      await page.waitForFunction(() => globalThis.measureMemory !== undefined);
      return page.evaluate((wanted) => globalThis.measureMemory!(wanted), plan);
    });
    return {
      environment: { adapter, browser: browser.version(), isolated, cores, node: process.version },
      arms: { stock: armOf(set.stock), ours: armOf(set.ours), stockEight: armOf(repeated.stock), oursEight: armOf(repeated.ours) },
      ratios: {
        buffersPerRun: rounded(set.ours.createdPerRun),
        peakVsStock: rounded(set.ours.peak / set.stock.peak),
        throughputVsStock: rounded(set.ours.runsPerSecond / set.stock.runsPerSecond),
        eightSessionsVsStock: rounded(repeated.ours.peak / repeated.stock.peak),
        outputsIdentical: identical ? 1 : 0,
      },
    };
  } finally {
    await browser.close();
    await server.close();
  }
}
