import { expect, test } from 'vitest';
import { CostBook } from './cost-book.ts';
import { opOf } from './driver.ts';

test('nothing is known of what was never measured', () => expect(new CostBook().of(opOf(1))).toBe(0));

test('ops of one tenant and name cost alike, others do not', () => {
  const book = new CostBook();
  book.observe(opOf(1, { more: { name: 'm' } }), 800);
  expect(book.of(opOf(2, { more: { name: 'm' } }))).toBe(800);
  expect([book.of(opOf(3, { more: { name: 'n' } })), book.of(opOf(4, { tenant: 'y', more: { name: 'm' } }))]).toEqual([0, 0]);
});

test('a new measurement counts an eighth, so one that is far off does little', () => {
  const book = new CostBook();
  book.observe(opOf(1), 800);
  book.observe(opOf(1), 1600);
  expect(book.of(opOf(1))).toBe(900);
  for (let i = 0; i < 100; i += 1) book.observe(opOf(1), 300);
  expect(book.of(opOf(1))).toBeCloseTo(300, 0);
});

test.each([NaN, Infinity, -1, 1e300])('%d is no measurement', (cost) => {
  const book = new CostBook();
  book.observe(opOf(1), 800);
  book.observe(opOf(1), cost);
  expect(book.of(opOf(1))).toBe(800);
});

test('a hundred thousand names are not all remembered; the last ones are', () => {
  const book = new CostBook();
  for (let id = 0; id < 100_000; id += 1) book.observe(opOf(id), id);
  expect([book.of(opOf(0)), book.of(opOf(89_999)), book.of(opOf(90_000)), book.of(opOf(99_999))]).toEqual([0, 0, 90_000, 99_999]);
});
