import { existsSync } from 'node:fs';
import { loadavg } from 'node:os';
import { basename, dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Page } from 'playwright';
import { type PolicyName, policyNames } from '../../src/core/policies.ts';
import { launch, serve } from '../browser.ts';
import { UsageError, type Order, type Report, type Scenario } from './contract.ts';
import { inPage } from './in-page.ts';
import type { ArmName, Demo, Measured, Plan, Session, Source } from './isolation.page.ts';
import { latencyOf, rounded } from './statistics.ts';

/** The project's own models, by name; anything else is a file. */
const DEMOS: readonly Demo[] = ['interactive', 'deep', 'big'];
const isDemo = (word: string): word is Demo => DEMOS.some((demo) => demo === word);

const strings = (value: Order['values'][string]): string[] => [value ?? []].flat().map(String);

function sourceOf(word: string): Source {
  if (isDemo(word)) return { name: word, demo: word };
  const path = resolve(word);
  if (!existsSync(path)) throw new UsageError(`There is no file ${word}.`);
  return { name: basename(path), url: `/@fs${pathToFileURL(path).pathname}` };
}

function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new UsageError(`${name} is a whole number above 0, not ${text || 'nothing'}.`);
  return value;
}

function dimsOf(text: string): Record<string, number> {
  return Object.fromEntries(text.split(',').filter(Boolean).map((pair) => {
    const [name = '', size = ''] = pair.split(/=(?=[^=]*$)/);
    return [name, numberOf(`--dims ${name}`, size)];
  }));
}

function policyNamed(name = 'priority'): PolicyName {
  const known = policyNames.find((policy) => policy === name);
  if (known === undefined) throw new UsageError(`No policy is called ${name}. Known: ${policyNames.join(', ')}.`);
  return known;
}

function planOf({ quick, values, words }: Order): { plan: Plan; files: string[] } {
  // `--background a.onnx b.onnx` reads as one option and a word.
  const files = [...strings(values['background']), ...words];
  if (files.length === 0) files.push('deep');
  const interactive = strings(values['interactive'])[0] ?? 'interactive';
  const [tenants] = strings(values['tenants']);
  const count = tenants === undefined ? Math.max(3, files.length) : numberOf('--tenants', tenants);
  const [period] = strings(values['period']);
  const plan: Plan = {
    interactive: sourceOf(interactive),
    backgrounds: Array.from({ length: count }, (_, index) => sourceOf(files[index % files.length]!)),
    policy: policyNamed(strings(values['policy'])[0]),
    dims: dimsOf(strings(values['dims']).join(',')),
    // The project's own interactive model fits by design, and a noisy start must not change what is measured.
    period: period !== undefined ? numberOf('--period', period) : isDemo(interactive) ? 100 : undefined,
    ...(quick ? { warmUp: 2000, rounds: 2, requests: 51, aloneRequests: 30 } : { warmUp: 6000, rounds: 6, requests: 120, aloneRequests: 120 }),
  };
  return { plan, files: [interactive, ...files] };
}

/** Runs the page's measurement. */
const measureIn = (page: Page, plan: Plan, say: Order['say']): Promise<Session> => inPage(page, say, async () => {
  await page.waitForFunction(() => globalThis.measureIsolation !== undefined);
  return page.evaluate((wanted) => globalThis.measureIsolation!(wanted), plan);
});

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const perSecond = (rounds: readonly Measured[]): number => rounded((1000 * sum(rounds.map(({ runs }) => runs))) / sum(rounds.map(({ window }) => window)));

function roundedLatency(latencies: readonly number[]) {
  const { p50, p95, p99, n } = latencyOf(latencies);
  return { p50: rounded(p50), p95: rounded(p95), p99: rounded(p99), n };
}

/** All rounds pooled; each round's own figures stand beside, so that a disturbed one shows. */
function armOf(name: ArmName, rounds: readonly Measured[]) {
  const figures = (of: readonly Measured[]) => {
    if (name === 'stockAlone' || name === 'scheduledAlone') return { perSecond: perSecond(of) };
    const latency = roundedLatency(of.flatMap(({ latencies }) => latencies));
    return name === 'solo' ? latency : { ...latency, backgroundPerSecond: perSecond(of) };
  };
  return { ...figures(rounds), identical: rounds.every(({ identical }) => identical), rounds: rounds.map((round) => figures([round])) };
}

function reportOf(session: Session, browser: string): Report {
  const names = [...new Set(session.rounds.map(({ arm }) => arm))];
  const arms = Object.fromEntries(names.map((name) => [name, armOf(name, session.rounds.filter(({ arm }) => arm === name))]));
  const { adapter, isolated, cores } = session;
  return { scenario: 'isolation', environment: { adapter, browser, isolated, cores, node: process.version }, arms, ratios: ratiosOf(arms) };
}

/** Only what both sides were measured for. */
function ratiosOf(arms: Report['arms']): Record<string, number> {
  const pairs = {
    p95VsSolo: ['scheduled', 'solo', 'p95'], p99VsSolo: ['scheduled', 'solo', 'p99'],
    p95VsStock: ['scheduled', 'stock', 'p95'], p99VsStock: ['scheduled', 'stock', 'p99'],
    p95VsStockShared: ['scheduled', 'stockShared', 'p95'],
    backgroundKept: ['scheduled', 'stock', 'backgroundPerSecond'],
    overhead: ['scheduledAlone', 'stockAlone', 'perSecond'],
  } as const;
  const ratios: Record<string, number> = {};
  for (const [name, [above, below, figure]] of Object.entries(pairs)) {
    if (arms[above] && arms[below]) ratios[name] = rounded(Number(arms[above][figure]) / Number(arms[below][figure]));
  }
  if (arms['scheduled']) ratios['outputsIdentical'] = arms['scheduled']['identical'] && arms['scheduledAlone']?.['identical'] ? 1 : 0;
  return ratios;
}

/** One model whose requests arrive on a schedule beside heavy ones that never pause: by stock means, and by Switchyard. */
export const isolation: Scenario = {
  usage: `[--interactive FILE] [--background FILE|${DEMOS.slice(1).join('|')} …] [--dims name=size,…] [--tenants N] [--period MS] [--policy NAME]`,
  options: {
    interactive: { type: 'string' },
    background: { type: 'string', multiple: true },
    dims: { type: 'string', multiple: true },
    tenants: { type: 'string' },
    period: { type: 'string' },
    policy: { type: 'string' },
  },
  async run(order) {
    const { plan, files } = planOf(order);
    const [load = 0] = loadavg();
    // The software adapter needs both cores for each dispatch: beside other work it is slower by far more than its share.
    if (load > 1) order.say(`the machine is busy (load ${load.toFixed(1)}): figures taken now mean little`);
    const folders = files.filter((word) => !isDemo(word)).map((word) => dirname(resolve(word)));
    const server = await serve({ server: { fs: { allow: folders } } });
    const browser = await launch();
    try {
      const page = await browser.newPage();
      await page.goto(`${server.url}/e2e/bench/isolation.html`);
      return reportOf(await measureIn(page, plan, order.say), browser.version());
    } finally {
      await browser.close();
      await server.close();
    }
  },
};
