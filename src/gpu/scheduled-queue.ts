import { bytesOf } from './compute-pass.ts';
import type { DeviceContext } from './device-context.ts';
import type { FinishedCommands, Piece } from './piece.ts';
import { ScheduledBuffer } from './scheduled-buffer.ts';

/** Wraps the queue's own methods; everything takes its turn while anything waits in the gate. */
export function scheduleQueue(queue: GPUQueue, context: DeviceContext): void {
  const { gate, resources, native, buffers } = context;
  const isUnavailable = (resource: object): boolean => resources.inspect([resource]) === 'unavailable';
  const submit = (commandBuffers: Iterable<GPUCommandBuffer>): undefined => {
    const commands = [...commandBuffers];
    const finished = commands.map((buffer) => context.commands(buffer));
    if (!finished.every((known) => known !== undefined)) return native.submit(commands); // Not command buffers of this device: WebGPU says so.
    const dirty: ScheduledBuffer[] = [];
    let isDestroyed = false;
    const availability = resources.inspect(usesOf(finished), (buffer) => {
      isDestroyed ||= buffer.isDestroyed;
      if (!buffer.isDirty || buffer.isDestroyed) return;
      buffer.isDirty = false;
      if (buffer.block?.state === 'live') dirty.push(buffer); // Else WebGPU had no memory for it.
    });
    // Also what the submit itself overwrites: WebGPU may yet refuse it, and then an earlier owner's words would be seen.
    if (dirty.length > 0) buffers.clear(dirty);
    const isRepeated = finished.some((one) => one.isSpent) || new Set(commands).size < commands.length;
    const pieces = finished.flatMap((one) => one.pieces);
    gate.submit({
      // A destroyed buffer may serve another life by now: only for WebGPU, not for the program.
      commands: [...pieces.map((piece) => piece.commands), ...(isDestroyed ? [buffers.refusing()] : [])],
      pieces,
      proof: availability === 'available' && !isRepeated ? proofOf(finished) : undefined,
      cannotWait: availability === 'fleeting',
      isHazard: availability === 'unavailable',
    });
    for (const one of finished) one.isSpent = true;
  };

  const nativeWriteBuffer = queue.writeBuffer.bind(queue);
  const writeBuffer = (buffer: GPUBuffer, offset: number, data: GPUAllowSharedBufferSource, dataOffset?: number, size?: number): void => {
    const part = partOf(data, dataOffset, size);
    const at = ScheduledBuffer.is(buffer) && part !== undefined ? buffer.written(offset, part.length * part.unit) : offset;
    const target = ScheduledBuffer.native(buffer);
    if (gate.isIdle) return nativeWriteBuffer(target, at, data, dataOffset, size);
    const contents = contentsOf(data, dataOffset, size);
    // What WebGPU refuses at once, it refuses at once here too.
    if (contents === undefined || contents.length % 4 !== 0) return nativeWriteBuffer(target, at, data, dataOffset, size);
    gate.enqueue(() => nativeWriteBuffer(target, at, contents), isUnavailable(buffer));
  };

  const nativeWriteTexture = queue.writeTexture.bind(queue);
  const writeTexture = (destination: GPUTexelCopyTextureInfo, data: GPUAllowSharedBufferSource, layout: GPUTexelCopyBufferLayout, size: GPUExtent3DStrict): void => {
    const contents = gate.isIdle || resources.state(destination.texture) === undefined ? undefined : contentsOf(data, 0, undefined);
    if (contents === undefined) return nativeWriteTexture(destination, data, layout, size);
    const kept = keep(destination);
    const keptSize = extentOf(size);
    const keptLayout = { ...layout };
    gate.enqueue(() => nativeWriteTexture(kept, contents, keptLayout, keptSize), isUnavailable(destination.texture));
  };

  const nativeCopyImage = queue.copyExternalImageToTexture.bind(queue);
  /** The picture is taken now, into a texture of our own; its turn copies it on. */
  const copyExternalImageToTexture = (source: GPUCopyExternalImageSourceInfo, destination: GPUCopyExternalImageDestInfo, size: GPUExtent3DStrict): void => {
    const { texture } = destination;
    if (gate.isIdle || resources.state(texture) === undefined) return nativeCopyImage(source, destination, size);
    const [width, height, layers] = extentOf(size);
    const between = native.device.createTexture({
      size: [Math.max(1, width), Math.max(1, height), Math.max(1, layers)],
      format: texture.format,
      usage: GPUTextureUsage.COPY_DST | GPUTextureUsage.COPY_SRC | GPUTextureUsage.RENDER_ATTACHMENT,
    });
    const { colorSpace, premultipliedAlpha, ...target } = destination;
    nativeCopyImage(source, {
      texture: between,
      ...(colorSpace !== undefined && { colorSpace }),
      ...(premultipliedAlpha !== undefined && { premultipliedAlpha }),
    }, [width, height, layers]);
    const kept = keep(target);
    gate.enqueue(() => {
      const encoder = native.createCommandEncoder();
      encoder.copyTextureToTexture({ texture: between }, kept, [width, height, layers]);
      native.submit([encoder.finish()]);
      between.destroy();
    }, isUnavailable(texture));
  };

  const onSubmittedWorkDone = (): Promise<undefined> => {
    if (gate.isIdle) return native.onSubmittedWorkDone();
    return new Promise((resolve) => gate.enqueue(() => resolve(native.onSubmittedWorkDone()), false));
  };

  Object.assign(queue, { submit, writeBuffer, writeTexture, copyExternalImageToTexture, onSubmittedWorkDone });
}

function* usesOf(finished: readonly FinishedCommands[]): Iterable<object> {
  for (const { uses } of finished) yield* uses;
}

/** Several pieces may go one by one when each of their command buffers was accepted; a single one goes whole anyway. */
function proofOf(finished: readonly FinishedCommands[]): Promise<boolean> | true | undefined {
  const pieces: readonly Piece[] = finished.flatMap((one) => one.pieces);
  if (pieces.length < 2) return undefined;
  const proofs = finished.map((one) => one.proof);
  // An uncut command buffer was finished without asking, so a submit of several is only divided when all of them were cut.
  if (proofs.some((proof) => proof === undefined)) return undefined;
  return Promise.all(proofs).then((all) => all.every(Boolean));
}

/** A copy, as the data may change before its turn; `undefined` for what WebGPU will not take. */
function contentsOf(data: unknown, dataOffset: number | undefined, size: number | undefined): Uint8Array<ArrayBuffer> | undefined {
  const part = partOf(data, dataOffset, size);
  return part && bytesOf(data as GPUAllowSharedBufferSource, part.start, part.length);
}

/** Which elements of the data are meant; `undefined` for what WebGPU will not take. */
function partOf(data: unknown, dataOffset: number | undefined, size: number | undefined): { start: number; length: number; unit: number } | undefined {
  const isBytes = ArrayBuffer.isView(data) || data instanceof ArrayBuffer || (typeof SharedArrayBuffer !== 'undefined' && data instanceof SharedArrayBuffer);
  if (!isBytes) return undefined;
  const bytes = data as GPUAllowSharedBufferSource;
  const unit = ArrayBuffer.isView(bytes) && !(bytes instanceof DataView) ? (bytes as Uint8Array).BYTES_PER_ELEMENT : 1;
  const start = dataOffset ?? 0;
  const length = size ?? bytes.byteLength / unit - start;
  const fits = Number.isInteger(start) && Number.isInteger(length) && start >= 0 && length >= 0 && (start + length) * unit <= bytes.byteLength;
  return fits ? { start, length, unit } : undefined;
}

/** A copy of where to write, as the application may use its object again. */
function keep({ texture, mipLevel, aspect, origin }: GPUTexelCopyTextureInfo): GPUTexelCopyTextureInfo {
  return {
    texture,
    ...(mipLevel !== undefined && { mipLevel }),
    ...(aspect !== undefined && { aspect }),
    ...(origin !== undefined && { origin: Symbol.iterator in origin ? [...origin] : { ...origin } }),
  };
}

function extentOf(size: GPUExtent3DStrict): [number, number, number] {
  if (Symbol.iterator in size) {
    const [width = 1, height = 1, layers = 1] = size;
    return [width, height, layers];
  }
  return [size.width, size.height ?? 1, size.depthOrArrayLayers ?? 1];
}
