import { expect, test } from 'vitest';
import { formatDeviation, formatDuration, formatInstant } from './format.ts';

test.each([[0, '0 µs'], [850, '850 µs'], [999.6, '1.00 ms'], [2349, '2.35 ms'], [23_450, '23.4 ms'], [99_960, '100 ms'], [999_600, '1.00 s'], [-1200, '-1.20 ms']])(
  'a duration of %s µs reads %s', (duration, text) => expect(formatDuration(duration)).toBe(text));

test.each([[12_345_678, 1, '12.345678 s'], [12_345_678, 1000, '12.346 s'], [12_345_678, 1e6, '12 s'], [12_345_678, 5e6, '12 s']])(
  'the instant %s at a resolution of %s µs reads %s', (at, resolution, text) => expect(formatInstant(at, resolution)).toBe(text));

test.each([[100, 114, '+14 %'], [100, 97, '−3 %'], [100, 100, '+0 %']])(
  'predicted %s and measured %s deviate by %s', (predicted, measured, text) => expect(formatDeviation(predicted, measured)).toBe(text));
