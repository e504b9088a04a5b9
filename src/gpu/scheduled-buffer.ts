import type { DeviceContext } from './device-context.ts';
import type { ResourceState } from './resources.ts';

/** A `mapAsync` that waits in the gate. */
interface WaitingMap {
  readonly reject: (reason: DOMException) => void;
  isCancelled: boolean;
}

/** What the program did to a buffer, also where the device does not know it yet. */
class BufferState implements ResourceState {
  readonly buffer: GPUBuffer;
  readonly #nativeMapState: () => GPUBufferMapState;
  readonly waitingMaps: WaitingMap[] = [];
  /** `unmap` or `destroy` waits in the gate; for the program the mapping is over. */
  isUnmapWaiting = false;
  isDestroyed = false;

  constructor(buffer: GPUBuffer, nativeMapState: () => GPUBufferMapState) {
    this.buffer = buffer;
    this.#nativeMapState = nativeMapState;
  }

  get mapState(): GPUBufferMapState {
    if (this.waitingMaps.length > 0) return 'pending';
    return this.isUnmapWaiting ? 'unmapped' : this.#nativeMapState();
  }

  get isAvailable(): boolean {
    return !this.isDestroyed && this.mapState === 'unmapped';
  }

  cancelWaitingMaps(why: string): void {
    for (const waiting of this.waitingMaps.splice(0)) {
      waiting.isCancelled = true;
      waiting.reject(new DOMException(why, 'AbortError'));
    }
  }
}

/**
 * The prototype that buffers of one scheduled device get: a real `GPUBuffer` whose mapping and destruction take their turn
 * in the gate while anything waits there.
 */
export function bufferPrototype(context: DeviceContext, native: GPUBuffer): object {
  const { gate, resources } = context;
  const base = Object.getPrototypeOf(native) as GPUBuffer;
  const nativeMapState = Object.getOwnPropertyDescriptor(base, 'mapState')!.get!;
  const { mapAsync, getMappedRange, unmap, destroy } = base;
  const states = new WeakMap<GPUBuffer, BufferState>();
  const bytesFreed = new WeakSet<GPUBuffer>();

  const stateOf = (buffer: GPUBuffer): BufferState => {
    let state = states.get(buffer);
    if (state === undefined) {
      state = new BufferState(buffer, () => nativeMapState.call(buffer) as GPUBufferMapState);
      states.set(buffer, state);
      resources.register(buffer, state);
    }
    return state;
  };

  return Object.create(base, {
    mapState: { configurable: true, enumerable: true, get(this: GPUBuffer) { return stateOf(this).mapState; } },
    mapAsync: method(function (this: GPUBuffer, ...args: Parameters<GPUBuffer['mapAsync']>): Promise<undefined> {
      if (gate.isIdle) return mapAsync.apply(this, args);
      const state = stateOf(this);
      return new Promise((resolve, reject) => {
        const waiting: WaitingMap = { reject, isCancelled: false };
        state.waitingMaps.push(waiting);
        gate.enqueue(() => {
          if (waiting.isCancelled) return;
          state.waitingMaps.splice(state.waitingMaps.indexOf(waiting), 1);
          resolve(mapAsync.apply(this, args));
        }, false);
      });
    }),
    getMappedRange: method(function (this: GPUBuffer, ...args: [number?, number?]): ArrayBuffer {
      if (stateOf(this).isUnmapWaiting) throw new DOMException('the buffer is not mapped', 'OperationError');
      return getMappedRange.apply(this, args);
    }),
    unmap: method(function (this: GPUBuffer): undefined {
      const state = stateOf(this);
      state.cancelWaitingMaps('the buffer was unmapped before its mapping was ready');
      if (!gate.hasHazard) return unmap.call(this);
      state.isUnmapWaiting = true;
      gate.enqueue(() => {
        state.isUnmapWaiting = false;
        unmap.call(this);
      }, false);
    }),
    destroy: method(function (this: GPUBuffer): undefined {
      const state = stateOf(this);
      state.cancelWaitingMaps('the buffer was destroyed before its mapping was ready');
      if (!bytesFreed.has(this)) {
        bytesFreed.add(this);
        context.account(-this.size);
      }
      state.isDestroyed = true;
      if (gate.isIdle) return destroy.call(this);
      // Content that is mapped goes now; what waits in the gate still needs the buffer itself.
      if (!gate.hasHazard) unmap.call(this);
      else state.isUnmapWaiting = true;
      gate.enqueue(() => destroy.call(this), false);
    }),
  }) as object;
}

const method = (value: (...args: never[]) => unknown): PropertyDescriptor => ({ configurable: true, enumerable: true, writable: true, value });
