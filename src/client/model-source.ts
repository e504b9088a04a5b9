import { SwitchyardError } from './error.ts';

/** An address, or the bytes of an ONNX file. */
export type ModelSource = string | URL | ArrayBuffer | Uint8Array | Blob;

/** A Blob, because the browser may keep it on disk: it is needed again only when a lane must be replaced. */
export async function readSource(source: ModelSource, signal: AbortSignal | undefined, closing: AbortSignal): Promise<Blob> {
  if (source instanceof Blob) return source;
  if (source instanceof ArrayBuffer) return new Blob([source]);
  // A view of shared memory cannot go into a Blob as it is.
  if (ArrayBuffer.isView(source)) return new Blob([source.buffer instanceof ArrayBuffer ? (source as Uint8Array<ArrayBuffer>) : source.slice()]);
  if (typeof source !== 'string' && !(source instanceof URL)) {
    throw new SwitchyardError({ code: 'invalid-argument', detail: 'a model is given as an address, an ArrayBuffer, a Uint8Array or a Blob' });
  }
  const url = String(source);
  try {
    const response = await fetch(url, { signal: signal === undefined ? closing : AbortSignal.any([signal, closing]) });
    if (!response.ok) throw new Error(`the server answered ${response.status} ${response.statusText}`.trim());
    return await response.blob();
  } catch (error) {
    if (closing.aborted) throw new SwitchyardError({ code: 'closed', detail: 'the scheduler was closed' });
    if (signal?.aborted) throw new SwitchyardError({ code: 'aborted', detail: `loading was aborted: ${String(signal.reason)}` }, { cause: signal.reason });
    throw new SwitchyardError({ code: 'fetch-failed', url, detail: error instanceof Error ? error.message : String(error) }, { cause: error });
  }
}
