import type { Micros } from '../base/units.ts';
import type { OpId } from '../core/op.ts';
import type { Log } from './log.ts';

/** Something that had a row to itself for a while. */
export interface Bar {
  /** One character. */
  readonly mark: string;
  readonly startAt: Micros;
  readonly endAt: Micros;
}

export interface Row {
  readonly name: string;
  readonly bars: readonly Bar[];
}

/** Which time the columns show. */
export interface Scale {
  /** Default: 0. */
  readonly from?: Micros;
  readonly until: Micros;
  /** Time of one column. */
  readonly column: Micros;
}

const idle = '·';

/** How much of each column is taken by whom: the one with the most of it, the earlier of equals, idleness included. */
function line(bars: readonly Bar[], { from = 0, until, column }: Scale): string {
  const marks = Array.from({ length: Math.ceil((until - from) / column) }, () => idle);
  const free = marks.map(() => column);
  const most = marks.map(() => 0);
  for (const { mark, startAt, endAt } of bars) {
    const first = Math.max(0, Math.floor((startAt - from) / column));
    for (let i = first; i < marks.length && from + i * column < endAt; i += 1) {
      const part = Math.min(endAt, from + (i + 1) * column) - Math.max(startAt, from + i * column);
      free[i]! -= part;
      if (part <= most[i]!) continue;
      most[i] = part;
      marks[i] = mark;
    }
  }
  return marks.map((mark, i) => (most[i]! < free[i]! ? idle : mark)).join('');
}

/** One line per row, names aligned; `·` is idle. Bars of one row do not overlap. */
export function picture(rows: readonly Row[], scale: Scale): string {
  const width = Math.max(...rows.map(({ name }) => name.length));
  return rows.map(({ name, bars }) => `${name.padEnd(width)} ${line(bars, scale)}`).join('\n');
}

const alphabet = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';

/** A character for an op: by its number, round and round. */
export const markOf = (op: OpId): string => alphabet[(op - 1) % alphabet.length] ?? '?';

/** One row per lane, and one for the GPU that lanes with a gate share: on their own rows these only encode. */
export function rowsOf({ lanes, gpu, endAt }: Pick<Log, 'lanes' | 'gpu' | 'endAt'>, mark: (op: OpId) => string = markOf): readonly Row[] {
  const rows = lanes.map(({ lane, runs, gate }) => ({
    name: `lane${lane}`,
    bars: runs.map((run) => ({ mark: mark(run.op), startAt: run.startAt, endAt: (gate === undefined ? run.endAt : run.encodedAt ?? run.endAt) ?? endAt })),
  }));
  const ran = gpu.map((run) => ({ mark: mark(run.op), startAt: run.startAt, endAt: run.endAt }));
  return ran.length > 0 ? [...rows, { name: 'gpu', bars: ran }] : rows;
}

/** A whole run in `width` columns, under a ruler that says how long they are. */
export function gantt(log: Pick<Log, 'lanes' | 'gpu' | 'endAt'>, width = 100, mark: (op: OpId) => string = markOf): string {
  const column = Math.max(1, Math.ceil(log.endAt / width));
  const rows = picture(rowsOf(log, mark), { until: column * width, column });
  return `${rows}\n${width} columns of ${column / 1000} ms`;
}
