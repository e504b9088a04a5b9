import type { Bytes, Micros } from '../base/units.ts';
import { type AllocationKind, AllocationTrace } from '../memory/allocation-trace.ts';
import { type Block, Pool } from '../memory/pool.ts';
import type { DeviceMemoryReport } from '../wire/memory.ts';
import type { ErrorScopes } from './error-scopes.ts';
import type { Gate } from './gate.ts';
import { OomWatch, type WatchedDevice } from './oom-watch.ts';

/** What holds bytes on the GPU: a buffer, or who knows a texture. */
export interface Native {
  readonly label: string;
  destroy(): undefined;
}

export type NativeBlock = Block<Native>;

/** Where the device's bytes are accounted for. */
export interface Account {
  /** So many bytes may be held without asking. */
  readonly lease: Bytes;
  /** So many bytes were created: they are not set aside any more. */
  took(bytes: Bytes): void;
  /** The figures changed. */
  changed(report: AccountReport): void;
  /** `need` bytes beyond the lease were wanted and not given. */
  missed(need: Bytes): void;
  /** WebGPU itself had no memory when `held` bytes were held. */
  failed(held: Bytes): void;
  /** The tenant may free something at once, before it is refused `need` bytes. */
  press(need: Bytes): void;
}

export interface AccountReport {
  readonly live: Bytes;
  readonly idle: Bytes;
  readonly returning: Bytes;
}

/** What the memory does to the device. */
export interface MemoryDevice extends WatchedDevice {
  readonly device: GPUDevice;
  onSubmittedWorkDone(): Promise<undefined>;
}

export interface DeviceMemoryOptions {
  readonly device: MemoryDevice;
  readonly gate: Gate;
  readonly scopes: ErrorScopes;
  readonly account: Account;
  /** Whether WebGPU holds it to be invalid. */
  readonly isInvalid: (native: Native) => Promise<boolean>;
  readonly retention: Micros;
  readonly now: () => Micros;
  readonly after: (delay: Micros, call: () => void) => void;
}

/** Labels of so many leaks are kept. */
const leaksKept = 32;

/** So many of the last allocations are kept for whoever wants to know. */
const traceLength = 4_096;

/** Idle blocks that so many acquisitions passed by are let go when a new block has to be made. */
const staleAfter = 4_096;

/**
 * The bytes of one device: what is live, what is idle and may serve again, what is on its way back. Nothing is created beyond the lease. Everything happens in the
 * order of the device's queue, so what is released may serve again at once: whoever used it before was submitted before, or will be refused.
 */
export class DeviceMemory {
  readonly #device: MemoryDevice;
  readonly #gate: Gate;
  readonly #account: Account;
  readonly #pool = new Pool<Native>();
  readonly #watch: OomWatch<NativeBlock>;
  /** Of what was created together: which of it got no memory. */
  readonly #isInvalid: (native: Native) => Promise<boolean>;
  /** What the program dropped without destroying it: nothing that could be submitted refers to it any more. */
  readonly #dropped = new FinalizationRegistry<NativeBlock>((block) => this.#drop(block));
  readonly trace = new AllocationTrace(traceLength);
  readonly #now: () => Micros;
  readonly #leaks: string[] = [];
  #leakCount = 0;
  #refusedCount = 0;
  #peak: Bytes = 0;
  #highWater: Bytes = 0;
  #retention: Micros;
  #isSweeping = false;
  #sweeps = 0;
  readonly #after: (delay: Micros, call: () => void) => void;
  isLost = false;

  constructor({ device, gate, scopes, account, isInvalid, retention, now, after }: DeviceMemoryOptions) {
    this.#now = now;
    this.#retention = retention;
    this.#after = after;
    this.#device = device;
    this.#gate = gate;
    this.#account = account;
    this.#isInvalid = isInvalid;
    this.#watch = new OomWatch(device, scopes, (blocks) => void this.#failed(blocks));
    void device.device.lost.then(() => (this.isLost = true));
  }

  get live(): Bytes {
    return this.#pool.live;
  }

  /** How often something did not fit. */
  get refusedCount(): number {
    return this.#refusedCount;
  }

  get report(): DeviceMemoryReport {
    return { ...this.#pool.report, peak: this.#peak, leakCount: this.#leakCount, leaks: [...this.#leaks], refusedCount: this.#refusedCount, usages: this.#pool.usages };
  }

  /** The application is about to open or close an error scope. */
  closeScope(): void {
    this.#watch.close();
  }

  /** An idle block; `undefined` when one has to be made. */
  reuse(usage: number, bytes: Bytes, slack: number, label: string): NativeBlock | undefined {
    const block = this.#pool.acquire(usage, bytes, slack);
    if (block === undefined) return undefined;
    this.#note('reuse', block.number, usage, bytes, label);
    this.#tell();
    return block;
  }

  /** Makes room for `bytes` and creates; `undefined`, before anything is created, when they do not fit. Throws what `create` throws. */
  make(usage: number, bytes: Bytes, label: string, create: () => Native): NativeBlock | undefined {
    this.#forgetStale();
    if (!this.#hasRoom(bytes)) {
      this.#refusedCount += 1;
      this.#note('refuse', 0, usage, bytes, label);
      this.#account.missed(this.#held + bytes - this.#account.lease);
      return undefined;
    }
    const block = this.#watch.watch(() => this.#pool.add(create(), usage, bytes));
    this.#note('create', block.number, usage, bytes, label);
    this.#account.took(bytes);
    this.#tell();
    return block;
  }

  /** The most that was live since the last call. */
  takeHighWater(): Bytes {
    const highWater = this.#highWater;
    this.#highWater = this.#pool.live;
    return highWater;
  }

  /** So many bytes would have fitted. */
  get fits(): Bytes {
    return Math.max(0, this.#account.lease - this.#held);
  }

  /** `owner` is what the program holds: when it is dropped, so is the block. */
  own(owner: object, block: NativeBlock): void {
    this.#dropped.register(owner, block, owner);
  }

  /** The owner gives the block up. `idle`: it may serve again at once; `parked`: once it is `ready`; `over`, or a size that nobody asks for again: never. */
  giveUp(owner: object, block: NativeBlock, then: 'idle' | 'parked' | 'over'): void {
    this.#dropped.unregister(owner);
    if (block.state !== 'live') return; // WebGPU had no memory for it.
    block.lastUse = this.#gate.submitted;
    if (then === 'over' || this.#retention === 0 || !this.#pool.isWanted(block)) this.#end(block);
    else {
      this.#note('release', block.number, block.usage, block.bytes, '');
      if (then === 'idle') this.#pool.release(block);
      else this.#pool.park(block);
    }
    this.#sweepLater();
    this.#tell();
  }

  ready(block: NativeBlock): void {
    if (block.state !== 'parked') return; // WebGPU had no memory for it.
    if (this.#retention === 0) this.#end(block);
    else this.#pool.ready(block);
    this.#sweepLater();
  }

  /** A parked block will never be ready. */
  discard(block: NativeBlock): void {
    if (block.state !== 'parked') return; // WebGPU had no memory for it.
    this.#end(block);
    this.#tell();
  }

  /** For how long idle blocks are kept that nobody asks for; 0: none are. What is idle now stays for another while. */
  retain(retention: Micros): void {
    if (retention === this.#retention) return;
    this.#retention = retention;
    this.#sweeps += 1; // The sweep that was planned may be too late.
    this.#isSweeping = false;
    if (retention === 0) this.trim(0);
    else this.#sweepLater();
  }

  /** Gives up idle blocks, the one used longest ago first, until the device holds `most` bytes or nothing more is idle. */
  trim(most: Bytes): void {
    while (this.#held > most && this.#evict());
    this.#tell();
  }

  get #held(): Bytes {
    return this.#pool.live + this.#pool.idle + this.#pool.returning;
  }

  /** Sizes that are not asked for any more must not pile up. */
  #forgetStale(): void {
    for (let oldest = this.#pool.oldest; oldest !== undefined && this.#pool.acquisitions - oldest.usedAt > staleAfter; oldest = this.#pool.oldest) this.#evict();
  }

  /** What was idle for a whole period is given back, whether anybody needs it or not. */
  #sweepLater(): void {
    if (this.#isSweeping || this.#pool.idle === 0) return;
    this.#isSweeping = true;
    const sweep = this.#sweeps;
    this.#after(this.#retention, () => {
      if (sweep !== this.#sweeps) return;
      this.#isSweeping = false;
      const last = this.#pool.sweep();
      while (last?.state === 'idle' && this.#evict());
      this.#sweepLater();
      this.#tell();
    });
  }

  #hasRoom(bytes: Bytes): boolean {
    const { lease } = this.#account;
    this.trim(Math.max(0, lease - bytes));
    if (this.#held + bytes <= lease) return true;
    this.#account.press(this.#held + bytes - lease);
    this.trim(Math.max(0, this.#account.lease - bytes));
    return this.#held + bytes <= this.#account.lease;
  }

  #evict(): boolean {
    const block = this.#pool.evict();
    if (block === undefined) return false;
    this.#note('end', block.number, block.usage, block.bytes, '');
    this.#destroy(block);
    return true;
  }

  #end(block: NativeBlock): void {
    this.#note('end', block.number, block.usage, block.bytes, '');
    this.#pool.discard(block);
    this.#destroy(block);
  }

  /** In its turn, and counted until the GPU is through with it. */
  #destroy(block: NativeBlock): void {
    if (this.#gate.isIdle && this.#gate.completed >= block.lastUse) {
      block.holds.destroy();
      this.#pool.completed(block);
      return;
    }
    this.#gate.inTurn(() => {
      block.holds.destroy();
      const completed = (): void => {
        this.#pool.completed(block);
        this.#tell();
      };
      this.#device.onSubmittedWorkDone().then(completed, completed);
    });
  }

  #drop(block: NativeBlock): void {
    if (block.state !== 'live') return;
    this.#leakCount += 1;
    this.#leaks.push(block.holds.label);
    if (this.#leaks.length > leaksKept) this.#leaks.shift();
    block.lastUse = this.#gate.submitted;
    this.#end(block);
    this.#tell();
  }

  /** Of these creations one at least got no memory. The others keep theirs; nothing is kept idle now. */
  async #failed(blocks: readonly NativeBlock[]): Promise<void> {
    this.#account.failed(this.#held);
    const found = await Promise.all(blocks.map((block) => this.#isInvalid(block.holds)));
    blocks.forEach((block, index) => {
      if (!found[index] || block.state === 'returning' || block.state === 'gone') return;
      this.#note('fail', block.number, block.usage, block.bytes, '');
      this.#pool.discard(block);
      this.#pool.completed(block);
    });
    this.trim(0);
  }

  #note(kind: AllocationKind, block: number, usage: number, bytes: Bytes, label: string): void {
    this.trace.record({ at: this.#now(), kind, block, usage, bytes, label });
  }

  #tell(): void {
    this.#peak = Math.max(this.#peak, this.#held);
    this.#highWater = Math.max(this.#highWater, this.#pool.live);
    this.#account.changed(this.#pool);
  }
}
