import type { OpId } from '../core/op.ts';

/** What no scheduler may do, whatever happens to it. Each has a saboteur in `sabotage.test.ts` that does it and is caught. */
export const rules = {
  'starts-unknown': 'only an op that was submitted starts',
  'starts-ended': 'nothing starts that ended, was cancelled or was given up',
  'starts-twice': 'nothing starts again while it is under way, and attempts are counted from 1',
  'starts-too-often': 'nothing starts more often than its retries allow',
  'starts-early': 'nothing starts before all it depends on is done',
  'starts-paused': 'nothing of a paused graph starts',
  'starts-late': 'nothing starts after its deadline',
  'wrong-lane': 'an op runs where its lane, its tenant and its costs say',
  'occupied-lane': 'a lane takes the next op when the last one left it',
  'split-gang': 'a gang starts together',
  'over-capacity': 'no more of a resource is taken than there is',
  'over-slots': 'no more ops of a tenant are under way than it has slots',
  'aborts-nothing': 'only what is under way is aborted',
  'settles-unknown': 'only an op that was submitted is settled',
  'settles-twice': 'whoever asked is told once, and only if it did not end otherwise',
  'strands': 'what depends on something that will never be done is settled with it',
  'overdue': 'whoever asked is told at the deadline',
  'overruns': 'whoever asked is told at the timeout',
  'releases-unannounced': 'a gate is told to release what it announced, and never less than before',
  'releases-held': 'while something more urgent is awaited, nothing less urgent is released',
  'overtakes': 'nothing overtakes what has begun and may not be interrupted',
  'window': 'while something more urgent is awaited, little is in flight',
  'idle-lane': 'no lane is idle while something waits that could run there',
  'unfinished': 'everything ends',
  'slices-lost': 'what a gate announced is released and done in the end',
  'leaks': 'nothing is kept of what ended',
  'lane-time': 'lanes are busy for as long as what they run takes, all together',
  'gpu-time': 'the GPU is busy for as long as what it runs takes, all together',
  'little': 'the average number of ops there is their rate times their stay',
} as const;
export type Rule = keyof typeof rules;

/** A rule was broken: a bug of the scheduler, or of the rule. */
export class Breach extends Error {
  readonly rule: Rule;
  readonly op: OpId | undefined;

  constructor(rule: Rule, detail: string, op?: OpId) {
    super(`${rule}: ${rules[rule]}${op === undefined ? '' : `, but op ${op}`}: ${detail}`);
    this.name = 'Breach';
    this.rule = rule;
    this.op = op;
  }
}

export function hold(condition: boolean, rule: Rule, detail: () => string, op?: OpId): asserts condition {
  if (!condition) throw new Breach(rule, detail(), op);
}
