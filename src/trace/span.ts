import type { Micros } from '../base/units.ts';

/**
 * What a span shows.
 * `op` from submitted to done · `queued` submitted to started · `encode` started to encoded (CPU) ·
 * `slice` released to done (wall clock) · `gpu` what the GPU's own timestamps say of one slice.
 */
export type SpanKind = 'op' | 'queued' | 'encode' | 'slice' | 'gpu';

/** An interval on one tenant's row. Instants count from the scheduler's start. */
export interface Span {
  readonly kind: SpanKind;
  readonly tenant: string;
  readonly name: string;
  readonly startAt: Micros;
  readonly endAt: Micros;
  /** The op it belongs to; 0 for none. */
  readonly op: number;
  /** What was predicted for it; 0 where nothing was. */
  readonly predicted: Micros;
}

/** `in-flight` predicted µs released and not done · `ready` slices waiting in gates · `buffer-bytes` of one tenant. */
export type CounterName = 'in-flight' | 'ready' | 'buffer-bytes';

export interface CounterSample {
  readonly name: CounterName;
  /** '' for the whole GPU. */
  readonly tenant: string;
  readonly at: Micros;
  readonly value: number;
}
