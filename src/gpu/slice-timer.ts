import type { Micros } from '../base/units.ts';

/** Begin and end of this many passes can be under way at once; 4096 queries is the most a set may hold. */
const pairCount = 512;
const bytes = pairCount * 2 * 8;
/** Read back when this many wait: each reading costs a submit and a mapping. */
const readAfter = 24;
const readbackCount = 3;

/** Two queries of one pass. `turn` says how often the ring had gone round, so a pair that was overtaken is not believed. */
export interface TimedPair {
  readonly index: number;
  readonly turn: number;
}

/** Begin and end on the GPU's own clock. */
export interface GpuInterval {
  readonly beginAt: Micros;
  readonly endAt: Micros;
}

type Reading = { readonly pairs: readonly TimedPair[]; settle(intervals: readonly GpuInterval[]): void };

/** While costs are being learned every slice is timed; afterwards one of so many. */
const sampleEvery = 4;
/** How long one dispatch whose cost is not settled keeps every slice timed, in slices. */
const learningSpan = 64;

/** Times passes with `timestamp-query`, in one shared query set, read back in batches and never awaited on the way. */
export class SliceTimer {
  readonly #submit: (commands: GPUCommandBuffer[]) => void;
  readonly #encoder: () => GPUCommandEncoder;
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  readonly #readbacks: GPUBuffer[] = [];
  #taken = 0;
  #asked = 0;
  #learning = learningSpan;
  #waiting: Reading[] = [];
  #waitingPairs = 0;
  #wasRead: () => void = () => undefined;

  /** `encoder` and `submit` are the device's own, unwrapped: what the timer does must not take its turn in the gate. */
  constructor(device: GPUDevice, encoder: () => GPUCommandEncoder, submit: (commands: GPUCommandBuffer[]) => void) {
    this.#encoder = encoder;
    this.#submit = submit;
    this.#queries = device.createQuerySet({ type: 'timestamp', count: pairCount * 2 });
    this.#resolved = device.createBuffer({ size: bytes, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC });
    for (let i = 0; i < readbackCount; i += 1) {
      this.#readbacks.push(device.createBuffer({ size: bytes, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ }));
    }
  }

  /** Something whose cost is not settled is about. */
  learn(): void {
    this.#learning = learningSpan;
  }

  /** Whether the next pass should be timed. */
  isDue(): boolean {
    this.#asked += 1;
    if (this.#learning > 0) this.#learning -= 1;
    return this.#learning > 0 || this.#asked % sampleEvery === 0;
  }

  take(): TimedPair {
    const pair = { index: this.#taken % pairCount, turn: Math.floor(this.#taken / pairCount) };
    this.#taken += 1;
    return pair;
  }

  writes(pair: TimedPair): GPUComputePassTimestampWrites {
    return { querySet: this.#queries, beginningOfPassWriteIndex: pair.index * 2, endOfPassWriteIndex: pair.index * 2 + 1 };
  }

  /** Calls back after each reading, when all it knows has been told. */
  whenRead(call: () => void): void {
    this.#wasRead = call;
  }

  /** These passes were submitted; `settle` is called once with what is known of them, unless the device goes first. */
  submitted(pairs: readonly TimedPair[], settle: (intervals: readonly GpuInterval[]) => void): void {
    this.#waiting.push({ pairs, settle });
    this.#waitingPairs += pairs.length;
  }

  /** Reads what is due. `idle` says that nothing else will be submitted soon. */
  collect(idle: boolean): void {
    if (this.#waiting.length === 0 || (!idle && this.#waitingPairs < readAfter)) return;
    const readback = this.#readbacks.pop();
    if (readback === undefined) return;
    const readings = this.#waiting;
    this.#waiting = [];
    this.#waitingPairs = 0;
    const encoder = this.#encoder();
    encoder.resolveQuerySet(this.#queries, 0, pairCount * 2, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, readback, 0, bytes);
    this.#submit([encoder.finish()]);
    readback.mapAsync(GPUMapMode.READ).then(
      () => {
        const stamps = new BigUint64Array(readback.getMappedRange());
        for (const reading of readings) reading.settle(this.#read(stamps, reading.pairs));
        readback.unmap();
        this.#readbacks.push(readback);
        this.#wasRead();
        this.collect(idle && this.#waitingPairs >= readAfter);
      },
      () => undefined, // The device is gone and its times with it.
    );
  }

  destroy(): void {
    this.#queries.destroy();
    this.#resolved.destroy();
    for (const readback of this.#readbacks) readback.destroy();
  }

  /** Drops what cannot be true: a clock that stood still or ran back (Metal does), a pair that the ring has overtaken. */
  #read(stamps: BigUint64Array, pairs: readonly TimedPair[]): GpuInterval[] {
    const intervals: GpuInterval[] = [];
    for (const { index, turn } of pairs) {
      if (this.#taken > (turn + 1) * pairCount + index) continue;
      const begin = stamps[index * 2]!;
      const end = stamps[index * 2 + 1]!;
      if (begin === 0n || end < begin || end - begin > 10_000_000_000n) continue;
      intervals.push({ beginAt: Number(begin / 1000n), endAt: Number(end / 1000n) });
    }
    return intervals;
  }
}
