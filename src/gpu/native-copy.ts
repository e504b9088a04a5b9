import { ScheduledBuffer } from './scheduled-buffer.ts';

type CopyArguments = Parameters<GPUCommandEncoder['copyBufferToBuffer']>;

export interface BufferCopy {
  /** What WebGPU is handed. */
  readonly native: CopyArguments;
  readonly source: ScheduledBuffer;
  readonly target: ScheduledBuffer;
}

/** Understands both forms of `copyBufferToBuffer`; `undefined` for what is not a copy between buffers of ours. */
export function copyOf(args: CopyArguments): BufferCopy | undefined {
  const [first, second, third, fourth, fifth] = args as readonly unknown[];
  const isShort = ScheduledBuffer.is(second);
  const source = first;
  const target = isShort ? second : third;
  if (!ScheduledBuffer.is(source) || !ScheduledBuffer.is(target)) return undefined;
  const from = isShort ? 0 : Number(second);
  const to = isShort ? 0 : Number(fourth);
  const size = (isShort ? third : fifth) as number | undefined;
  const wanted = size ?? source.size - from;
  const span = wanted < 0 ? size : Math.max(source.span(from, wanted)!, target.span(to, wanted)!);
  const native = [source.native, second === target ? 0 : second, target.native, isShort ? 0 : fourth, span] as unknown as CopyArguments;
  return { native, source, target };
}
