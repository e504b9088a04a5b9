import { describe, expect, test } from 'vitest';
import { filled, second, Story } from './ledger-story.ts';

describe('the ladder', () => {
  test('headroom that nobody uses comes first, whoever has it', () => {
    const story = new Story(1000);
    story.open(1, 'a');
    story.report(1, {});
    story.open(2, 'b');
    expect(story.ask(2, 400)).toBe('1 down to 600');
    expect(story.give(1, 400, 1)).toBe('2 has 400');
  });

  test('what was given out and not yet heard of is waited for', () => {
    const story = new Story(1000);
    story.open(1, 'a');
    story.open(2, 'b');
    expect(story.ask(2, 400)).toBe('');
    expect(story.report(1, {})).toBe('1 down to 600');
    expect(story.give(1, 400, 1)).toBe('2 has 400');
  });

  test('one that never says what it does with its lease is not waited for for long', () => {
    const story = new Story(1000);
    story.open(1, 'a');
    story.open(2, 'b');
    story.ask(2, 400);
    expect(story.woke(3 * second)).toBe('2 no over-budget fits 0');
  });

  test('then the idle memory of the tenant itself, before anybody else is asked', () => {
    const story = filled(1000, ['a', 800], ['b', 200]);
    story.report(1, { live: 100, idle: 700 });
    story.report(2, { live: 0, idle: 200 });
    expect(story.ask(2, 150)).toBe('2 down to 50');
    expect(story.give(2, 150, 1, { idle: 50 })).toContain('2 has 200');
  });

  test('then idle memory of who is above its share, never below it', () => {
    const story = filled(1000, ['a', 800], ['b', 200]);
    story.report(1, { live: 100, idle: 700 });
    expect(story.ask(2, 500)).toBe('1 down to 500');
    // What idle memory a has left is its share. So b could only make room itself.
    expect(story.give(1, 300, 1, { idle: 400 })).toContain('2 down to 0 unloading');
    expect(story.give(2, 0, 1)).toBe('2 no over-budget fits 300');
  });

  test('then models that nobody runs, once all else has come, and the refusal says what would have fitted', () => {
    const story = filled(1000, ['a', 1000], ['b', 0]);
    story.report(1, { live: 980, idle: 20 });
    expect(story.ask(2, 100)).toBe('1 down to 980');
    expect(story.give(1, 20, 1, { idle: 0 })).toBe('1 down to 900 unloading');
    expect(story.give(1, 30, 2, { live: 950 })).toBe('2 no over-budget fits 50');
  });

  test('then what the GPU is not through with, for two seconds', () => {
    const story = filled(1000, ['a', 1000], ['b', 0]);
    story.report(1, { live: 800, returning: 200 });
    expect(story.ask(2, 200)).toBe('1 down to 800 unloading');
    expect(story.give(1, 0, 1)).toBe('');
    expect(story.woke(1.9 * second)).toBe('');
    expect(story.woke(2 * second)).toBe('2 no over-budget fits 0');
    story.ask(2, 200);
    expect(story.give(1, 200, 2, { returning: 0 })).toContain('2 has 200');
  });

  test('a device that does not answer is waited for two seconds, once', () => {
    const story = filled(1000, ['a', 1000], ['b', 0]);
    story.report(1, { live: 700, idle: 300 });
    expect(story.ask(2, 100)).toBe('1 down to 900');
    expect(story.woke(2 * second)).toBe('2 no over-budget fits 0');
    expect(story.ask(2, 100)).toBe('2 no over-budget fits 0');
    expect(story.give(1, 100, 1, { idle: 200 }), 'late is not never').toBe('');
    expect(story.ask(2, 100)).toBe('2 has 100');
  });

  test('what a device says it cannot give is not asked for over and over', () => {
    const story = filled(1000, ['a', 1000], ['b', 0]);
    story.report(1, { live: 800, idle: 200 });
    expect(story.ask(2, 50)).toBe('1 down to 950');
    expect(story.give(1, 0, 1)).toBe('1 down to 950 unloading');
    expect(story.report(1, { idle: 199 })).toBe('');
    expect(story.give(1, 0, 2)).toBe('2 no over-budget fits 0');
  });
});

describe('places in line', () => {
  test('nobody takes what somebody further in front waits for, be it little, and nobody gets headroom of it', () => {
    const story = filled(1000, ['a', 700], ['b', 0], ['c', 0]);
    expect(story.ask(2, 350)).toBe('1 down to 650 unloading');
    expect([story.ask(3, 100), story.ask(3, 0, 50, 4)]).toEqual(['', '3 has 0']);
    expect(story.open(4, 'd')).toBe('');
    expect(story.give(1, 150, 1, { live: 550 })).toContain('2 has 350, 3 has 100');
  });

  test('a trim that grows is due no later', () => {
    const story = filled(1000, ['a', 1000], ['b', 0]);
    story.report(1, { live: 600, idle: 400 });
    expect(story.ask(2, 100)).toBe('1 down to 900');
    story.woke(1 * second);
    expect(story.budget(950)).toContain('1 down to 850');
    expect(story.woke(2 * second)).toBe('2 no over-budget fits 0');
  });

  test('a trim after one that was answered has its own two seconds', () => {
    const story = filled(1000, ['a', 1000], ['b', 0]);
    story.report(1, { live: 600, idle: 400 });
    story.ask(2, 100);
    story.woke(1.5 * second);
    expect(story.give(1, 100, 1, { idle: 300 })).toContain('2 has 100');
    expect(story.ask(2, 100)).toBe('1 down to 800');
    expect(story.woke(3.4 * second)).toBe('');
    expect(story.woke(3.5 * second)).toBe('2 no over-budget fits 0');
  });

  test('a trim that unloads still does when it grows by what is idle', () => {
    const story = filled(1000, ['a', 1000], ['b', 0]);
    expect(story.ask(2, 100)).toBe('1 down to 900 unloading');
    story.report(1, { live: 800, idle: 200 });
    expect(story.budget(850)).toContain('1 down to 800 unloading');
  });

  test('whoever is promised memory over and over by devices that never give it waits half a minute and no longer', () => {
    const story = filled(1000, ['a', 500], ['b', 500], ['c', 0]);
    expect(story.ask(3, 500)).toBe('1 down to 333 unloading, 2 down to 333 unloading');
    for (let at = 1; at < 30; at += 1) {
      story.woke(at * second);
      for (const account of [1, 2]) {
        expect(story.give(account, 0, at)).toBe('');
        expect(story.report(account, { live: 500 - 5 * at, idle: 5 * at })).toBe(`${account} down to 495`);
      }
    }
    expect(story.woke(30 * second)).toBe('3 no over-budget fits 0');
  });
});
