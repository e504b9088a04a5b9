import { MemoryLedger } from '../../src/memory/ledger.ts';
import type { AccountId, RequestId } from '../../src/memory/ledger-event.ts';
import { seededRandom } from '../../src/base/random.ts';
import { plan, type Plan } from '../../src/memory/plan.ts';
import type { PlanOp } from '../../src/memory/plan-graph.ts';
import type { TenantId } from '../../src/memory/quota.ts';
import { type Order, type Report, refuseWords, type Scenario } from './contract.ts';
import { measureInBrowser } from './memory-in-browser.ts';
import { rangeFigures } from './memory.ranges.ts';
import { modelsFolder, type Network, readNetworks } from './networks.ts';
import { rounded } from './statistics.ts';

/** What WebGPU promises of every adapter. */
const limits = { maxBufferBytes: 2 ** 28, maxBindingBytes: 2 ** 27 };

/** Of one network. */
interface PlanRatios {
  readonly three: number;
  readonly one: number;
}

/** Ops whose output may take the place of an input: they read an element once, and write it there. */
const elementwise = new Set([
  'Abs', 'Add', 'BatchNormalization', 'Ceil', 'Clip', 'Div', 'Dropout', 'Elu', 'Erf', 'Exp', 'Flatten', 'Floor', 'Gelu', 'HardSigmoid', 'HardSwish', 'Identity', 'LeakyRelu',
  'Log', 'Max', 'Min', 'Mul', 'Neg', 'PRelu', 'Pow', 'Reciprocal', 'Relu', 'Reshape', 'Selu', 'Sigmoid', 'Softplus', 'Sqrt', 'Squeeze', 'Sub', 'Sum', 'Tanh', 'Unsqueeze',
]);

function planned(network: Network, mode: 'one' | 'three', isInPlace: boolean): Plan {
  const externals = new Set(network.externals);
  const tensors = network.tensors.map(({ bytes }, index) => ({ bytes, isExternal: externals.has(index) }));
  const ops = network.ops.map(({ type, inputs, outputs }): PlanOp => {
    const [output] = outputs;
    if (!isInPlace || output === undefined || !elementwise.has(type)) return { inputs, outputs };
    return { inputs, outputs, inPlace: inputs.filter((input) => tensors[input]!.bytes === tensors[output]!.bytes).map((input) => [output, input]) };
  });
  // Outputs are read once all is over.
  ops.push({ inputs: network.outputs.filter((tensor) => !externals.has(tensor)), outputs: [] });
  const made = plan({ ops, tensors }, { limits, mode });
  if (made.kind === 'refused') throw new Error(`${network.name}: ${made.code}`);
  return made;
}

/** The peak, over what is live at once when every op writes its output beside its inputs. */
function planRatio(network: Network, mode: 'one' | 'three'): number {
  return rounded(planned(network, mode, true).peakBytes / planned(network, mode, false).lowerBoundBytes);
}

async function planRatios(say: Order['say']): Promise<Readonly<Record<string, PlanRatios>>> {
  const folder = modelsFolder();
  if (folder === undefined) {
    say('there are no real models (SWITCHYARD_MODELS names their folder): no plans of them');
    return {};
  }
  const ratios: Record<string, PlanRatios> = {};
  for await (const network of readNetworks(folder)) {
    ratios[network.name] = { three: planRatio(network, 'three'), one: planRatio(network, 'one') };
  }
  return ratios;
}

/** Part of random requests under a hard quota that are decided as arithmetic says. */
function quotaAccuracy(requestCount: number): number {
  const hard = 2 ** 30;
  const ledger = new MemoryLedger(2 * hard);
  const account = 1 as AccountId;
  const random = seededRandom(1);
  let lease = 0;
  let granted = 0;
  const hear = (commands: ReturnType<MemoryLedger['step']>, request: number): boolean => {
    let isGranted = false;
    for (const command of commands) {
      if (command.kind !== 'lease') continue;
      ({ bytes: lease, granted } = command);
      isGranted ||= command.request === request;
    }
    return isGranted;
  };
  const tenant = 'bench' as TenantId;
  hear(ledger.step({ kind: 'quota-set', tenant, hard }, 0), 0);
  hear(ledger.step({ kind: 'account-opened', account, tenant }, 0), 0);
  let right = 0;
  for (let request = 1; request <= requestCount; request += 1) {
    let now = request * 60_000_000;
    // All of the lease is in use, so nothing but the quota decides; now and then all of it is given back.
    if (random() < 0.05) {
      ledger.step({ kind: 'account-closed', account }, now);
      lease = granted = 0;
      hear(ledger.step({ kind: 'account-opened', account, tenant }, now), 0);
    }
    hear(ledger.step({ kind: 'account-reported', account, figures: { live: lease, idle: 0, returning: 0, granted, returned: 0, trim: 0 } }, now), 0);
    const need = 1 + Math.floor(random() * hard * 0.3);
    const before = lease;
    let isGranted = hear(ledger.step({ kind: 'account-asked', account, request: request as RequestId, need, wish: 0 }, now), request);
    // What does not fit waits for a while before it is refused.
    for (let second = 0; second < 40 && !isGranted; second += 1) isGranted = hear(ledger.step({ kind: 'woke' }, (now += 1_000_000)), request);
    right += isGranted === (before + need <= hard) && lease <= hard ? 1 : 0;
  }
  return rounded(right / requestCount);
}

const worst = (ratios: Readonly<Record<string, PlanRatios>>, mode: keyof PlanRatios): number => Math.max(...Object.values(ratios).map((ratio) => ratio[mode]));

/** Where bytes go: what placing them costs and wastes, and what models take of the GPU beside onnxruntime-web as it comes. */
export const memory: Scenario = {
  usage: '',
  options: {},
  async run(order: Order): Promise<Report> {
    refuseWords(order);
    const ranges = await rangeFigures(order);
    const plans = await planRatios(order.say);
    const { environment, arms, ratios } = await measureInBrowser(order);
    return {
      scenario: 'memory',
      environment,
      arms: { ...arms, fits: ranges.fits, blocks: { never: ranges.blocks, compacts: ranges.blocksCompacted }, plans },
      ratios: {
        rangeMicros: ranges.ratios.rangeMicros,
        bestFitVsGoodFit: ranges.ratios.bestFitVsGoodFit,
        firstFitVsGoodFit: ranges.ratios.firstFitVsGoodFit,
        garbageBytes: ranges.ratios.rangeGarbageBytes,
        utilisation: ranges.fits['good-fit'].utilisation,
        utilisationCompacted: ranges.ratios.utilisationCompacted,
        fragmentation: ranges.ratios.fragmentationCompacted,
        success: ranges.ratios.successAt85Compacted,
        quotaAccuracy: quotaAccuracy(order.quick ? 2_000 : 20_000),
        plan1000Ms: ranges.ratios.plan1000Ms,
        ...(Object.keys(plans).length > 0 && { planThreeColours: worst(plans, 'three'), planOneArena: worst(plans, 'one') }),
        ...ratios,
      },
    };
  },
};
