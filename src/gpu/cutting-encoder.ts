import type { Micros } from '../base/units.ts';
import { CuttableComputePass } from './compute-pass.ts';
import { type CostEstimate, estimateOf } from './cost-table.ts';
import type { DeviceContext } from './device-context.ts';
import { inherit } from './inherit.ts';
import type { Piece } from './piece.ts';
import { copyOf } from './native-copy.ts';
import { TrackedRenderPass } from './render-pass.ts';
import { nativeCopy, ScheduledBuffer } from './scheduled-buffer.ts';
import type { TimedPair } from './slice-timer.ts';

/** What is not known counts as a whole slice, so that a program's first run does not flood the GPU. */
const unknownCost: Micros = 2_000;

interface Part {
  readonly encoder: GPUCommandEncoder;
  cost: Micros;
  readonly estimates: CostEstimate[];
  readonly pairs: TimedPair[];
  /** A pass of it carries the application's own timestamps, so ours are not complete. */
  isUntimed: boolean;
}

/**
 * Writes to real encoders and cuts: when the predicted GPU time of the dispatches so far reaches the slice length, it ends
 * the pass, goes on in a new command buffer, and restores what was set. Validation therefore happens where the application
 * expects it. Only compute passes are cut; a render pass is one slice.
 */
export class CuttingEncoder {
  readonly #context: DeviceContext;
  readonly #descriptor: GPUCommandEncoderDescriptor | undefined;
  readonly #uses = new Set<object>();
  readonly #groups: string[] = [];
  readonly #parts: Part[] = [];
  #part: Part;
  #openPasses = 0;
  #isFinished = false;

  constructor(context: DeviceContext, descriptor: GPUCommandEncoderDescriptor | undefined) {
    this.#context = context;
    this.#descriptor = descriptor;
    this.#part = this.#begin();
  }

  /** The native encoder that takes commands now. */
  get native(): GPUCommandEncoder {
    return this.#part.encoder;
  }

  get label(): string {
    return this.#part.encoder.label;
  }

  set label(label: string) {
    this.#part.encoder.label = label;
  }

  beginComputePass(descriptor?: GPUComputePassDescriptor): GPUComputePassEncoder {
    const theirs = descriptor?.timestampWrites;
    if (theirs) this.use(theirs.querySet);
    const pass = new CuttableComputePass(this, (isContinued) =>
      this.#part.encoder.beginComputePass(theirs ? continued(descriptor, theirs, isContinued) : this.#timed(descriptor)),
    );
    if (theirs) this.#part.isUntimed = true;
    this.#openPasses += 1;
    return pass as unknown as GPUComputePassEncoder;
  }

  beginRenderPass(descriptor: GPURenderPassDescriptor): GPURenderPassEncoder {
    if (this.#part.estimates.length > 0 && this.#openPasses === 0 && this.#mayCut()) this.cut();
    this.count(estimateOf(this.#context.costs.of(`render ${descriptor.label ?? ''}`), 0));
    const pass = this.#part.encoder.beginRenderPass(descriptor.timestampWrites ? descriptor : this.#timed(descriptor));
    if (descriptor.timestampWrites) {
      this.use(descriptor.timestampWrites.querySet);
      this.#part.isUntimed = true;
    }
    for (const attachment of descriptor.colorAttachments) {
      if (attachment) this.use(attachment.view);
      if (attachment?.resolveTarget) this.use(attachment.resolveTarget);
    }
    if (descriptor.depthStencilAttachment) this.use(descriptor.depthStencilAttachment.view);
    if (descriptor.occlusionQuerySet) this.use(descriptor.occlusionQuerySet);
    this.#openPasses += 1;
    return new TrackedRenderPass(this, pass) as unknown as GPURenderPassEncoder;
  }

  copyBufferToBuffer(...args: Parameters<GPUCommandEncoder['copyBufferToBuffer']>): undefined {
    const copy = copyOf(args);
    this.#part.encoder.copyBufferToBuffer(...(copy?.native ?? args));
    if (copy === undefined) return;
    this.use(copy.source, copy.target);
  }

  copyBufferToTexture(source: GPUTexelCopyBufferInfo, destination: GPUTexelCopyTextureInfo, size: GPUExtent3DStrict): undefined {
    this.#part.encoder.copyBufferToTexture(nativeCopy(source), destination, size);
    this.use(source.buffer, destination.texture);
  }

  copyTextureToBuffer(source: GPUTexelCopyTextureInfo, destination: GPUTexelCopyBufferInfo, size: GPUExtent3DStrict): undefined {
    this.#part.encoder.copyTextureToBuffer(source, nativeCopy(destination), size);
    this.use(source.texture, destination.buffer);
  }

  copyTextureToTexture(source: GPUTexelCopyTextureInfo, destination: GPUTexelCopyTextureInfo, size: GPUExtent3DStrict): undefined {
    this.#part.encoder.copyTextureToTexture(source, destination, size);
    this.use(source.texture, destination.texture);
  }

  clearBuffer(buffer: GPUBuffer, offset?: number, size?: number): undefined {
    if (!ScheduledBuffer.is(buffer)) return this.#part.encoder.clearBuffer(buffer, offset, size);
    this.#part.encoder.clearBuffer(buffer.native, offset, buffer.span(offset, size));
    this.use(buffer);
  }

  resolveQuerySet(set: GPUQuerySet, first: number, count: number, destination: GPUBuffer, offset: number): undefined {
    this.#part.encoder.resolveQuerySet(set, first, count, ScheduledBuffer.native(destination), offset);
    this.use(set, destination);
  }

  pushDebugGroup(label: string): undefined {
    this.#part.encoder.pushDebugGroup(label);
    this.#groups.push(label);
  }

  popDebugGroup(): undefined {
    this.#part.encoder.popDebugGroup();
    this.#groups.pop();
  }

  finish(descriptor?: GPUCommandBufferDescriptor): GPUCommandBuffer {
    this.#isFinished = true;
    const parts = [...this.#parts, this.#part];
    if (parts.length === 1) {
      const commands = this.#part.encoder.finish(descriptor);
      this.#context.finished(commands, { pieces: [pieceOf(this.#part, commands)], uses: this.#uses, proof: undefined, isSpent: false });
      return commands;
    }
    this.#parts.length = 0; // A second `finish` is an error of the last encoder alone.
    const finished: GPUCommandBuffer[] = [];
    const proof = this.#context.prove(() => {
      for (const part of parts) finished.push(part.encoder.finish(descriptor));
    });
    const commands = finished.at(-1)!;
    const pieces = parts.map((part, index) => pieceOf(part, finished[index]!));
    this.#context.finished(commands, { pieces, uses: this.#uses, proof, isSpent: false });
    return commands;
  }

  /** A pass of this encoder was ended, rightly or not. */
  ended(): void {
    this.#openPasses -= 1;
  }

  /** Remembers what a submit of this will touch. */
  use(...resources: readonly object[]): void {
    for (const resource of resources) this.#uses.add(resource);
  }

  estimatesOf(pipeline: object): Map<number, CostEstimate> {
    return this.#context.estimatesOf(pipeline);
  }

  /** Whether one more dispatch belongs into the next slice: nearer to the quantum without it, or one of them is unknown. */
  isFullFor(estimate: CostEstimate): boolean {
    const { cost, estimates } = this.#part;
    if (estimates.length === 0 || !this.#mayCut()) return false;
    if (estimate.isUnknown || estimates.at(-1)!.isUnknown) return true;
    return cost + estimate.micros / 2 > this.#context.quantum;
  }

  count(estimate: CostEstimate): void {
    if (!estimate.isSettled) this.#context.timer?.learn();
    this.#part.cost += estimate.isUnknown ? unknownCost : estimate.micros;
    this.#part.estimates.push(estimate);
  }

  /** Goes on in a new command buffer. The pass, if one was open, has been ended by its wrapper. */
  cut(): void {
    for (const _ of this.#groups) this.#part.encoder.popDebugGroup();
    this.#parts.push(this.#part);
    this.#part = this.#begin();
    for (const label of this.#groups) this.#part.encoder.pushDebugGroup(label);
  }

  /** After `finish` every command is an error, and must stay one. */
  #mayCut(): boolean {
    return this.#context.isMeasuring && !this.#isFinished;
  }

  #begin(): Part {
    return { encoder: this.#context.beginEncoder(this.#descriptor), cost: 0, estimates: [], pairs: [], isUntimed: false };
  }

  #timed<T extends GPUComputePassDescriptor | GPURenderPassDescriptor>(descriptor: T): T;
  #timed(descriptor: GPUComputePassDescriptor | undefined): GPUComputePassDescriptor | undefined;
  #timed(descriptor: GPUComputePassDescriptor | undefined): GPUComputePassDescriptor | undefined {
    const { timer } = this.#context;
    if (timer === undefined || !this.#context.isMeasuring || !timer.isDue()) {
      this.#part.isUntimed = true;
      return descriptor;
    }
    const pair = timer.take();
    this.#part.pairs.push(pair);
    return { ...descriptor, timestampWrites: timer.writes(pair) };
  }
}

/** The first piece of a cut pass writes its begin, the last one its end: each writes the end, and the last write stands. */
function continued(
  descriptor: GPUComputePassDescriptor | undefined,
  { querySet, endOfPassWriteIndex }: GPUComputePassTimestampWrites,
  isContinued: boolean,
): GPUComputePassDescriptor {
  if (!isContinued) return descriptor ?? {};
  const { timestampWrites: _, ...rest } = descriptor ?? {};
  return endOfPassWriteIndex === undefined ? rest : { ...rest, timestampWrites: { querySet, endOfPassWriteIndex } };
}

function pieceOf({ cost, estimates, pairs, isUntimed }: Part, commands: GPUCommandBuffer): Piece {
  return { commands, cost, estimates, pairs: isUntimed ? [] : pairs };
}

export const joinCommandEncoder = (native: object): void => inherit(CuttingEncoder, native);
