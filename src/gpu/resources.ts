import { ScheduledBuffer } from './scheduled-buffer.ts';

/**
 * What WebGPU objects of one device refer to, and whether they could be used by a submit right now.
 *
 * The gate needs this for two things. A submit that WebGPU would refuse (a buffer of it is mapped or destroyed) must be
 * refused as a whole, so it is never released piece by piece. And what expires at the end of the task (a canvas texture, an
 * imported video frame) cannot wait at all. Objects that nobody registered come from outside the device: those are exactly
 * the ones that expire.
 */
export class Resources {
  readonly #states = new WeakMap<object, ResourceState>();
  readonly #parts = new WeakMap<object, readonly object[]>();

  /** A texture or query set of this device; buffers stand for themselves. */
  register(resource: object, state: ResourceState): void {
    this.#states.set(resource, state);
  }

  state(resource: object): ResourceState | undefined {
    return this.#states.get(resource);
  }

  /** A view, bind group or bundle, which stands for other resources. */
  compose(whole: object, parts: readonly object[]): void {
    this.#parts.set(whole, parts);
  }

  /** What a submit of `uses` would find; `meet` is shown every buffer among them. */
  inspect(uses: Iterable<object>, meet?: (buffer: ScheduledBuffer) => void): Availability {
    let worst: Availability = 'available';
    for (const use of uses) {
      const found = this.#inspectOne(use, meet);
      if (found === 'fleeting') worst = found;
      else if (found === 'unavailable' && worst === 'available') worst = found;
    }
    return worst;
  }

  #inspectOne(use: object, meet: ((buffer: ScheduledBuffer) => void) | undefined): Availability {
    if (ScheduledBuffer.is(use)) {
      meet?.(use);
      return use.isAvailable ? 'available' : 'unavailable';
    }
    const state = this.#states.get(use);
    if (state !== undefined) return state.isAvailable ? 'available' : 'unavailable';
    const parts = this.#parts.get(use);
    return parts === undefined ? 'fleeting' : this.inspect(parts, meet);
  }
}

/** `unavailable`: mapped, about to be, or destroyed. `fleeting`: expires at the end of this task. */
export type Availability = 'available' | 'unavailable' | 'fleeting';

export interface ResourceState {
  /** As the program sees it: what it called counts, also when the call still waits in the gate. */
  readonly isAvailable: boolean;
}

/** Textures and query sets: usable until destroyed. */
export class Destroyable implements ResourceState {
  isAvailable = true;
}
