import { assert } from '../base/assert.ts';
import type { Micros } from '../base/units.ts';
import { counterNames, spanKinds, type TraceBatch } from './batch.ts';
import { CounterSeries } from './counter-series.ts';
import { NameTable } from './names.ts';
import { SpanRow } from './span-row.ts';
import type { Span, SpanKind } from './span.ts';

/** All spans of one kind of one tenant, in as few rows as their overlaps ask for. */
export interface Track {
  readonly tenant: string;
  readonly kind: SpanKind;
  /** Each without overlaps; a span lies in the first row that had room when it arrived. */
  readonly rows: readonly SpanRow[];
}

interface OwnTrack extends Track {
  readonly rows: SpanRow[];
}

/** The page's memory of what happened: batches in, rows out that a timeline can search. Bounded; the oldest spans are forgotten first. */
export class TraceStore {
  readonly #spanCapacity: number;
  readonly #counterCapacity: number;
  readonly #tracks = new Map<string, OwnTrack>();
  readonly #counters = new Map<string, CounterSeries>();
  #names = new NameTable();
  #spanCount = 0;
  #forgottenCount = 0;
  #droppedCount = 0;
  #latestAt: Micros = 0;
  #version = 0;

  /** Remembers at most `spanCapacity` spans, and `counterCapacity` samples of each counter. */
  constructor(spanCapacity = 300_000, counterCapacity = 50_000) {
    assert(spanCapacity > 0 && counterCapacity > 1, 'a trace store has room for a span and two counter samples');
    this.#spanCapacity = spanCapacity;
    this.#counterCapacity = counterCapacity;
  }

  /** Rises with every change. */
  get version(): number { return this.#version; }
  get spanCount(): number { return this.#spanCount; }
  /** Spans that were here and made room for newer ones. */
  get forgottenCount(): number { return this.#forgottenCount; }
  /** Entries that never came, because the recorder's ring overran. */
  get droppedCount(): number { return this.#droppedCount; }
  /** The newest instant of any entry; 0 before the first. */
  get latestAt(): Micros { return this.#latestAt; }
  /** The start of the oldest span, or the oldest counter sample where there is no span; 0 when empty. */
  get earliestAt(): Micros {
    let earliest = Infinity;
    for (const { rows } of this.#tracks.values()) {
      for (const row of rows) if (row.count > 0) earliest = Math.min(earliest, row.startAt[row.first]!);
    }
    if (earliest === Infinity) for (const series of this.#counters.values()) earliest = Math.min(earliest, series.atOf(0));
    return earliest === Infinity ? 0 : earliest;
  }

  /** Tenants that have spans, in the order in which they were first seen. */
  get tenants(): readonly string[] {
    return [...new Set([...this.#tracks.values()].map((track) => track.tenant))];
  }

  get tracks(): Iterable<Track> { return this.#tracks.values(); }
  get counters(): Iterable<CounterSeries> { return this.#counters.values(); }

  track(tenant: string, kind: SpanKind): Track | undefined {
    return this.#tracks.get(keyOf(kind, tenant));
  }

  counter(name: CounterSeries['name'], tenant: string): CounterSeries | undefined {
    return this.#counters.get(keyOf(name, tenant));
  }

  /** Takes in a batch. Entries may come in any order and late; afterwards the store is within its capacity. */
  append(batch: TraceBatch): void {
    const { spans, counters, names } = batch;
    for (let i = 0; i < spans.kind.length; i++) {
      const track = this.#openTrack(names[spans.tenant[i]!]!, spanKinds[spans.kind[i]!]!);
      const payload = { name: this.#names.intern(names[spans.name[i]!]!), op: spans.op[i]!, predicted: spans.predicted[i]! };
      place(track.rows, spans.startAt[i]!, spans.endAt[i]!, payload);
      this.#latestAt = Math.max(this.#latestAt, spans.endAt[i]!);
    }
    this.#spanCount += spans.kind.length;
    for (let i = 0; i < counters.name.length; i++) {
      this.#openSeries(counterNames[counters.name[i]!]!, names[counters.tenant[i]!]!).add(counters.at[i]!, counters.value[i]!);
      this.#latestAt = Math.max(this.#latestAt, counters.at[i]!);
    }
    this.#droppedCount += batch.dropped.spans + batch.dropped.counters;
    if (this.#spanCount > this.#spanCapacity) this.#forgetOldest();
    this.#version++;
  }

  /** Span `index` of a row, whole. */
  spanAt(track: Track, row: SpanRow, index: number): Span {
    return {
      kind: track.kind,
      tenant: track.tenant,
      name: this.nameAt(row, index),
      startAt: row.startAt[index]!,
      endAt: row.endAt[index]!,
      op: row.op[index]!,
      predicted: row.predicted[index]!,
    };
  }

  nameAt(row: SpanRow, index: number): string {
    return this.#names.textOf(row.name[index]!);
  }

  /** Spans that touch `[from, to]`, by start, at most `limit`: the earliest of each row first. */
  spansBetween(from: Micros, to: Micros, limit: number): Span[] {
    const found: Span[] = [];
    for (const track of this.#tracks.values()) {
      for (const row of track.rows) {
        const begin = row.firstEndingAfter(from);
        for (let i = begin; i < row.last && i < begin + limit && row.startAt[i]! <= to; i++) found.push(this.spanAt(track, row, i));
      }
    }
    return found.toSorted((a, b) => a.startAt - b.startAt).slice(0, limit);
  }

  #openTrack(tenant: string, kind: SpanKind): OwnTrack {
    const key = keyOf(kind, tenant);
    let track = this.#tracks.get(key);
    if (track === undefined) this.#tracks.set(key, (track = { tenant, kind, rows: [] }));
    return track;
  }

  #openSeries(name: CounterSeries['name'], tenant: string): CounterSeries {
    const key = keyOf(name, tenant);
    let series = this.#counters.get(key);
    if (series === undefined) this.#counters.set(key, (series = new CounterSeries(name, tenant, this.#counterCapacity)));
    return series;
  }

  /** Forgets a quarter at once, so that the search for what to forget is paid rarely. */
  #forgetOldest(): void {
    const kept = Math.floor(this.#spanCapacity * 0.75);
    const cutAt = this.#instantBefore(kept);
    for (const [key, track] of this.#tracks) {
      for (const row of track.rows) row.forgetUntil(cutAt);
      while (track.rows.at(-1)?.count === 0) track.rows.pop();
      if (track.rows.length === 0) this.#tracks.delete(key);
    }
    for (const series of this.#counters.values()) series.forgetUntil(cutAt);
    const left = this.#count((row) => row.count);
    this.#forgottenCount += this.#spanCount - left;
    this.#spanCount = left;
    if (this.#names.size > 2 * this.#spanCapacity) this.#renameAll();
  }

  /** The earliest whole instant after which at most `kept` spans end. Instants are whole, so halving ends. */
  #instantBefore(kept: number): Micros {
    let low = Math.floor(this.earliestAt) - 1;
    let high = this.#latestAt;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.#count((row) => row.last - row.firstEndingAfter(middle)) <= kept) high = middle;
      else low = middle + 1;
    }
    return high;
  }

  #count(of: (row: SpanRow) => number): number {
    let sum = 0;
    for (const { rows } of this.#tracks.values()) for (const row of rows) sum += of(row);
    return sum;
  }

  /** Names of forgotten spans go too. */
  #renameAll(): void {
    const fresh = new NameTable();
    for (const { rows } of this.#tracks.values()) {
      for (const row of rows) {
        for (let i = row.first; i < row.last; i++) row.name[i] = fresh.intern(this.#names.textOf(row.name[i]!));
      }
    }
    this.#names = fresh;
  }
}

const keyOf = (name: string, tenant: string): string => `${name} ${tenant}`;

function place(rows: SpanRow[], startAt: Micros, endAt: Micros, payload: Parameters<SpanRow['insert']>[2]): void {
  for (const row of rows) if (row.insert(startAt, endAt, payload)) return;
  const row = new SpanRow();
  row.insert(startAt, endAt, payload);
  rows.push(row);
}
