import { assert } from '../base/assert.ts';
import type { Micros } from '../base/units.ts';
import { levels, type Level, type Op, type OpId, priorities, type Priority, type TenantId } from '../core/op.ts';
import { picture, rowsOf } from './gantt.ts';
import type { Arrival, PlayedOp, Workload } from './workload.ts';
import { play } from './world.ts';

/** One unit of the little language. The picture has a column for each. */
export const unit: Micros = 1000;

/**
 * A workload in one line: ops as words, `name:cost` and then, in any order, what is not as usual. All numbers are whole units.
 *
 * | written | means | default |
 * |---|---|---|
 * | `a:3` | op `a` (one character) is estimated to take 3 | |
 * | `a:3/5` | and really takes 5 | the estimate |
 * | `<b,c` | starts after `b` and `c`, which may stand anywhere and have not ended when it arrives | |
 * | `@4` | arrives at 4; what arrives at one instant is told at once, in the order of the words | 0 |
 * | `!background` | its priority, of either set of words | `user-visible` |
 * | `^t` `^t*2` | its tenant, and that tenant's weight | `^x*1` |
 * | `~9` | its deadline | none |
 * | `#4` | its items: each takes an equal part of the cost | 1 |
 *
 * So `a:2 b:3<a c:1<a d:2<b,c` is a diamond.
 */
export type Program = string;

/** One word of a program. */
export interface Word {
  readonly name: string;
  readonly cost: number;
  readonly takes: number;
  readonly after: readonly string[];
  readonly at: number;
  readonly priority: Priority | Level;
  readonly tenant: string;
  readonly weight: number | undefined;
  readonly deadline: number;
  readonly items: number;
}

const grammar = /^(?<name>\w):(?<cost>\d+)(?:\/(?<takes>\d+))?(?<rest>(?:[<@!^~#][^<@!^~#]+)*)$/u;

function whole(text: string | undefined, word: string): number | undefined {
  if (text === undefined) return undefined;
  assert(/^\d+$/u.test(text), `${word}: ${text} is no whole number`);
  return Number(text);
}

function priorityNamed(text: string, word: string): Priority | Level {
  const known = [...priorities, ...levels].find((name) => name === text);
  assert(known !== undefined, `${word}: ${text} is no priority`);
  return known;
}

function wordOf(text: string): Word {
  const { name, cost, takes, rest } = grammar.exec(text)?.groups ?? {};
  assert(name !== undefined && rest !== undefined, `${text} is not a word like name:cost<dependencies@arrival!priority^tenant`);
  const parts = new Map([...rest.matchAll(/([<@!^~#])([^<@!^~#]+)/gu)].map(([, sign, value]) => [sign!, value!]));
  const number = (sign: string): number | undefined => whole(parts.get(sign), text);
  const [tenant = 'x', weight] = parts.get('^')?.split('*') ?? [];
  const estimate = Number(cost);
  return {
    name, tenant, cost: estimate,
    takes: whole(takes, text) ?? estimate,
    after: parts.get('<')?.split(',') ?? [],
    at: number('@') ?? 0,
    priority: priorityNamed(parts.get('!') ?? 'user-visible', text),
    weight: whole(weight, text),
    deadline: number('~') ?? Infinity,
    items: number('#') ?? 1,
  };
}

/** Throws, naming the word, when a program makes no sense. */
export function parse(program: Program): readonly Word[] {
  const words = program.split(/\s+/u).filter((text) => text !== '').map(wordOf);
  const names = words.map(({ name }) => name);
  assert(new Set(names).size === names.length, 'an op has a name of its own');
  for (const { name, after } of words) for (const other of after) assert(names.includes(other), `${name} comes after ${other}, which is not there`);
  return words;
}

/** Number of an op: its place among the words. */
const idOf = (words: readonly Word[], name: string): OpId => (words.findIndex((word) => word.name === name) + 1) as OpId;

function playedOf(word: Word, words: readonly Word[]): PlayedOp {
  const { name, cost, takes, after, priority, tenant, deadline, items } = word;
  const dependencies = after.map((other) => ({ op: idOf(words, other), bytes: 0 }));
  const estimate = items === 1 ? { base: cost * unit, perItem: 0 } : { base: 0, perItem: (cost * unit) / items };
  const op: Op = {
    op: idOf(words, name), tenant: tenant as TenantId, name, priority, deadlineAt: deadline * unit, costs: { cpu: estimate },
    ...(items === 1 ? {} : { items }),
    ...(dependencies.length > 0 ? { dependencies } : {}),
  };
  return { op, ...(takes === cost ? {} : { factor: takes / cost }) };
}

/** A program on so many equal lanes without gates, as the false world plays it. */
export function workloadOf(program: Program, policy: string, laneCount: number): Workload {
  const words = parse(program);
  const instants = [...new Set(words.map(({ at }) => at))].sort((a, b) => a - b);
  const arrivals = instants.map((at): Arrival =>
    ({ at: at * unit, ops: words.filter((word) => word.at === at).map((word) => playedOf(word, words)) }));
  const weights = new Map(words.map(({ tenant, weight }) => [tenant, weight] as const).filter(([, weight]) => weight !== undefined));
  return {
    name: program,
    lanes: Array.from({ length: laneCount }, () => ({ laneKind: 'cpu' as const })),
    tenants: [...weights].map(([tenant, weight]) => ({ tenant: tenant as TenantId, weight: weight! })),
    tuning: { policy },
    source: { arrivals },
  };
}

/**
 * The schedule as a picture: a row per lane, a column per unit, `·` where the lane is idle; below it, a line for each op that was not done, with the
 * reason. Nothing takes time but the ops, and every rule of the false world is checked after every step.
 */
export function golden(policy: string, laneCount: number, program: Program): string {
  const words = parse(program);
  const log = play(workloadOf(program, policy, laneCount), { seed: 1, noise: 0, delays: { message: 0, notify: 0 }, watch: 'each-step' });
  const mark = (op: OpId): string => words[op - 1]!.name;
  const missing = [...log.lives.values()].filter(({ end }) => end !== 'done');
  return [
    picture(rowsOf(log, mark), { until: log.endAt, column: unit }),
    ...missing.map(({ op, end, failure }) => `${op.name} ${failure?.code ?? end ?? 'never ended'}`),
  ].join('\n');
}
