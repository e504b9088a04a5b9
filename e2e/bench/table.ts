import type { Report } from './contract.ts';

const text = (value: unknown): string =>
  typeof value === 'number' ? String(Number(value.toPrecision(4))) : value === undefined ? '' : String(value);

/** Rows under a header, columns aligned; numbers to the right. */
export function grid(rows: readonly (readonly unknown[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => text(row[column]).length)));
  return rows.map((row) => row.map((cell, column) =>
    column === 0 ? text(cell).padEnd(widths[column]!) : text(cell).padStart(widths[column]!)).join('  ').trimEnd()).join('\n');
}

/** A report as people read it: where, arms with what they share as columns, ratios. Nested figures stay in the file. */
export function tableOf({ scenario, environment, arms, ratios }: Report): string {
  const isPlain = (value: unknown): boolean => typeof value !== 'object';
  const columns = [...new Set(Object.values(arms).flatMap((arm) => Object.keys(arm).filter((key) => isPlain(arm[key]))))];
  return [
    `${scenario}: ${Object.entries(environment).map(([name, value]) => `${name} ${value}`).join(' · ')}`,
    grid([['arm', ...columns], ...Object.entries(arms).map(([name, arm]) => [name, ...columns.map((column) => arm[column])])]),
    ...(Object.keys(ratios).length > 0 ? [grid([['ratio', ''], ...Object.entries(ratios)])] : []),
  ].join('\n\n');
}
