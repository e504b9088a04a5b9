import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { bundled } from './bundled.ts';
import { refuseWords, type Order, type Report, type Scenario } from './contract.ts';
import { withoutBrowser } from './environment.ts';
import { percentile, rounded } from './statistics.ts';

/** µs per op or call, of each arm in one round. */
type Round = Readonly<Record<string, number>>;

async function measure(rounds: number, say: Order['say']): Promise<readonly Round[]> {
  const child = spawn(process.execPath, ['--expose-gc', await bundled('core.rounds.ts'), String(rounds)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const measured: Round[] = [];
  const ended = new Promise<void>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`The timing process ended with exit code ${code}.`))));
  });
  const heard = (async () => {
    for await (const line of createInterface({ input: child.stdout })) {
      measured.push(JSON.parse(line) as Round);
      say(`round ${measured.length} of ${rounds}`);
    }
  })();
  await Promise.all([ended, heard]);
  return measured;
}

const median = (values: readonly number[]): number => percentile(values, 50);

/** What the scheduler itself costs, per op, beside two queues that only queue. */
export const core: Scenario = {
  usage: '',
  options: {},
  async run(order: Order): Promise<Report> {
    refuseWords(order);
    const { quick, say } = order;
    const rounds = await measure(quick ? 3 : 9, say);
    const times = (name: string): readonly number[] => rounds.map((round) => round[name]!);
    const micros = (name: string): number => rounded(median(times(name)));
    // Of two arms in the same round, then the middle of the rounds.
    const ratio = (above: string, below: string): number => rounded(median(rounds.map((round) => round[above]! / round[below]!)));
    return {
      scenario: 'core',
      environment: withoutBrowser(),
      arms: Object.fromEntries(Object.keys(rounds[0]!).map((name) =>
        [name, { micros: micros(name), least: rounded(Math.min(...times(name))), most: rounded(Math.max(...times(name))), rounds: times(name).map(rounded) }])),
      ratios: {
        opMicros: micros('ours'),
        pQueueVsOurs: ratio('pQueue', 'ours'),
        oursVsFastq: ratio('ours', 'fastq'),
        depthScaling: ratio('ours', 'oursShallow'),
        reprioritiseMicros: micros('oursReprioritise'),
        graphOpMicros: micros('oursGraph'),
      },
    };
  },
};
