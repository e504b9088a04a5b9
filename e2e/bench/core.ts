import { refuseWords, type Order, type Report, type Scenario } from './contract.ts';
import { withoutBrowser } from './environment.ts';
import { percentile, rounded } from './statistics.ts';
import { timedRounds } from './timing-process.ts';

const median = (values: readonly number[]): number => percentile(values, 50);

/** What the scheduler itself costs, per op, beside two queues that only queue. */
export const core: Scenario = {
  usage: '',
  options: {},
  async run(order: Order): Promise<Report> {
    refuseWords(order);
    const { quick, say } = order;
    const count = quick ? 3 : 9;
    // µs per op or call, of each arm.
    const rounds = await timedRounds('core.rounds.ts', [count], (done) => say(`round ${done} of ${count}`));
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
