import { describe, expect, test } from 'vitest';
import { policyNames } from '../core/policies.ts';
import type { TenantId } from '../core/op.ts';
import { golden, parse, type Program, workloadOf } from './golden.ts';
import type { PlayedOp } from './workload.ts';

/** The picture is the expectation: a row per lane, a column per unit. */
function check(policy: string, lanes: number, program: Program, picture: string): void {
  const rows = picture.trim().split('\n').map((row) => row.trim());
  expect(golden(policy, lanes, program)).toBe(rows.join('\n'));
}

describe('the language', () => {
  test('a word says everything that an op is, in any order', () => {
    expect(parse('a:3')).toEqual([{ name: 'a', cost: 3, takes: 3, after: [], at: 0, priority: 'user-visible', tenant: 'x', weight: undefined, deadline: Infinity, items: 1 }]);
    expect(parse(' b:4/6~9^t*2!low@1<c,d#2   c:1 \n d:1 ')[0]).toEqual(
      { name: 'b', cost: 4, takes: 6, after: ['c', 'd'], at: 1, priority: 'low', tenant: 't', weight: 2, deadline: 9, items: 2 });
  });

  test('a program is a workload: what arrives at one instant is told at once', () => {
    const { lanes, tenants, tuning, source: { arrivals } } = workloadOf('a:3@2 b:4/6<c^t*2#2 c:1!high^t~9', 'fair', 2);
    expect({ lanes, tenants, tuning }).toEqual(
      { lanes: [{ laneKind: 'cpu' }, { laneKind: 'cpu' }], tenants: [{ tenant: 't' as TenantId, weight: 2 }], tuning: { policy: 'fair' } });
    const [first, second] = arrivals.map((arrival) => ('ops' in arrival ? [arrival.at, arrival.ops.map(({ op, factor }: PlayedOp) => [op, factor])] : []));
    const usual = { priority: 'user-visible', tenant: 't', deadlineAt: Infinity };
    expect(first).toEqual([0, [
      [{ ...usual, op: 2, name: 'b', costs: { cpu: { base: 0, perItem: 2000 } }, items: 2, dependencies: [{ op: 3, bytes: 0 }] }, 1.5],
      [{ ...usual, op: 3, name: 'c', costs: { cpu: { base: 1000, perItem: 0 } }, priority: 'high', deadlineAt: 9000 }, undefined],
    ]]);
    expect(second).toEqual([2000, [[{ ...usual, tenant: 'x', op: 1, name: 'a', costs: { cpu: { base: 3000, perItem: 0 } } }, undefined]]]);
  });

  test.each([
    ['a', 'a is not a word'], ['ab:1', 'ab:1 is not a word'], ['a:x', 'a:x is not a word'], ['a:1<', 'a:1< is not a word'],
    ['a:1<b', 'a comes after b, which is not there'], ['a:1 a:2', 'a name of its own'], ['a:1@soon', 'a:1@soon: soon is no whole number'],
    ['a:1!now', 'a:1!now: now is no priority'], ['a:1^t*x', 'a:1^t*x: x is no whole number'],
  ])('%s is refused, with the word', (program, complaint) => {
    expect(() => parse(program)).toThrow(complaint);
  });
});

describe('fifo', () => {
  test('a diamond runs its two arms side by side', () => {
    check('fifo', 2, 'a:2 b:3<a c:1<a d:2<b,c', `
      lane1 aabbbdd
      lane2 ··c····`);
  });

  test('priorities count for nothing', () => check('fifo', 1, 'a:2!background b:2!critical', 'lane1 aabb'));

  test('what was ready first goes first, not what was told first', () => check('fifo', 1, 'a:2 b:1<a c:2 d:1@1', 'lane1 aaccdb'));

  test('an op takes what it takes, whatever was estimated', () => check('fifo', 1, 'a:1/4 b:2/1@1', 'lane1 aaaab'));

  test('three lanes take three ops, and the fourth the first that is free', () => {
    check('fifo', 3, 'a:3 b:1 c:2 d:4', `
      lane1 aaa··
      lane2 bdddd
      lane3 cc···`);
  });
});

describe('priority', () => {
  test('the most urgent class goes first, and what runs is not taken back', () => {
    check('priority', 1, 'x:2 y:2 z:2!critical', 'lane1 zzxxyy');
    check('priority', 1, 'a:4!background b:2!background c:2!critical@1', 'lane1 aaaaccbb');
  });

  test('the five levels order what is told at once', () => {
    check('priority', 1, 'a:1!high b:1!critical c:1!background d:1!low e:1!normal', 'lane1 baedc');
  });

  test('inside a class a level is a head start: high is overtaken by critical for 10 ms', () => {
    check('priority', 1, 'x:12!critical a:1!high b:1!critical@9', 'lane1 xxxxxxxxxxxxba');
    check('priority', 1, 'x:12!critical a:1!high b:1!critical@11', 'lane1 xxxxxxxxxxxxab');
  });

  test('work that waited longer than 50 ms goes before more urgent work that came after that', () => {
    check('priority', 1, 'a:52!critical v:2 c:2!critical@49', `lane1 ${'a'.repeat(52)}ccvv`);
    check('priority', 1, 'a:52!critical v:2 c:2!critical@51', `lane1 ${'a'.repeat(52)}vvcc`);
  });

  test('what an urgent op waits for is as urgent as that', () => {
    check('priority', 1, 'a:2!background b:2 c:1!critical<a', 'lane1 aacbb');
  });
});

describe('policies that share', () => {
  test('round-robin gives turns, however long they are', () => {
    check('round-robin', 1, 'a:1^x b:1^x c:1^x d:1^y e:1^y', 'lane1 adbec');
    check('round-robin', 1, 'a:3^x b:3^x c:1^y d:1^y', 'lane1 aaacbbbd');
  });

  test('fair gives time: three short ones for a long one', () => {
    check('fair', 1, 'a:3^x b:3^x c:1^y d:1^y e:1^y f:1^y', 'lane1 aaacdebbbf');
  });

  test('who comes late to a fair share starts where the others are, without what it missed', () => {
    check('fair', 1, 'a:2^x b:2^x c:2^x d:2^x e:1^y@5 f:1^y@5 g:1^y@5 h:1^y@5', 'lane1 aabbccefddgh');
  });

  test('weighted-fair gives a tenant of weight 2 twice the time', () => {
    check('weighted-fair', 1, 'a:2^x*2 b:2^x c:2^x d:2^x e:2^y f:2^y', 'lane1 aaeebbccffdd');
  });

  test('weights count for nothing under fair', () => {
    check('fair', 1, 'a:2^x*2 b:2^x c:2^x d:2^y e:2^y', 'lane1 aaddbbeecc');
  });

  test('who has nearly all tickets of the lottery wins it', () => {
    check('lottery', 1, 'a:1^x b:1^y*1000000 c:1^y d:1^x', 'lane1 bcad');
  });

  test('multilevel-feedback lets who used little before who used much', () => {
    check('multilevel-feedback', 1, 'a:12^x b:2^x c:2^y@1', `lane1 ${'a'.repeat(12)}ccbb`);
    check('multilevel-feedback', 1, 'a:8^x b:2^x c:2^y@1', `lane1 ${'a'.repeat(8)}bbcc`);
  });
});

describe('policies that look at costs', () => {
  test('shortest-first runs short ones first', () => check('shortest-first', 1, 'a:5 b:1 c:3', 'lane1 bcccaaaaa'));

  test('and lets shorter ones overtake for 32 times the difference', () => {
    check('shortest-first', 1, 'x:40 a:2@1 b:1@32', `lane1 ${'x'.repeat(40)}baa`);
    check('shortest-first', 1, 'x:40 a:2@1 b:1@34', `lane1 ${'x'.repeat(40)}aab`);
  });

  test('cheapest counts the cost of an item, shortest-first that of all', () => {
    check('cheapest', 1, 'a:4#4 b:2', 'lane1 aaaabb');
    check('shortest-first', 1, 'a:4#4 b:2', 'lane1 bbaaaa');
  });

  test('critical-path runs the longest way first', () => {
    check('critical-path', 1, 'a:1 b:1 c:4<b d:1<a', 'lane1 bccccad');
  });

  test('and so fills lanes that fifo leaves idle', () => {
    check('critical-path', 2, 'a:2 b:2 c:2 d:6', `
      lane1 dddddd
      lane2 aabbcc`);
    check('fifo', 2, 'a:2 b:2 c:2 d:6', `
      lane1 aacc····
      lane2 bbdddddd`);
  });
});

describe('policies that look at deadlines', () => {
  test('earliest-deadline runs what is due first', () => check('earliest-deadline', 1, 'a:2~9 b:2~5 c:2~7', 'lane1 bbccaa'));

  test('and lets what has none wait as long as its level can', () => {
    check('earliest-deadline', 1, 'a:1 b:1~400 c:1~600', 'lane1 bac');
    check('earliest-deadline', 1, 'a:1~60 b:1!critical', 'lane1 ba');
  });

  test('a deadline flows back to what its op waits for', () => check('earliest-deadline', 1, 'a:2~8 b:1 c:2~6<b', 'lane1 bccaa'));

  test('least-laxity runs what can wait least, earliest-deadline what is due first', () => {
    check('least-laxity', 1, 'a:5~9 b:1~7', 'lane1 aaaaab');
    check('earliest-deadline', 1, 'a:5~9 b:1~7', 'lane1 baaaaa');
  });

  test('what waits at its deadline is not wanted any more', () => {
    check('fifo', 1, 'a:3 b:2~2 c:1', `
      lane1 aaac
      b deadline-passed`);
  });
});

test('ops that wait for each other are refused, and so is what was told with them', () => {
  check('fifo', 1, 'a:1<b b:1<a c:1 d:1@2', `
    lane1 ··d
    a cycle
    b cycle
    c cycle`);
});

test.each(policyNames)('%s ends a graph in which everything happens', (policy) => {
  const picture = golden(policy, 2, 'a:2^x*3 b:3<a~60 c:1<a!low d:2<b,c e:4^y#2 f:1!critical@3^y g:2/5@3 h:1@4<g');
  for (const [name, takes] of Object.entries({ a: 2, b: 3, c: 1, d: 2, e: 4, f: 1, g: 5, h: 1 })) {
    expect(picture.split('\n').flatMap((row) => [...row.slice('lane1 '.length)]).filter((mark) => mark === name)).toHaveLength(takes);
  }
  expect(picture.split('\n')).toHaveLength(2);
});
