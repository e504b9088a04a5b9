import type { Failure } from '../wire/failure.ts';

/** What an error of onnxruntime means to the caller, and whether the WASM instance survived it. */
export interface OrtError {
  readonly failure: Failure;
  readonly fatal: boolean;
}

/** After these the instance never creates or runs anything again: a trap, a half-made session, a backend that failed to start. */
const fatal = /another WebGPU EP inference session is being created|Aborted\(|no available backend found|initializeWebAssembly/;

const unsupported: readonly RegExp[] = [
  /Could not find an implementation for ([^ ]+) node/,
  /No Op registered for ([^ ]+) with domain_version/,
  /Fatal error: ([^ ]+) is not a registered function\/op/,
  /No opset import for domain ('[^']*')/,
  /(Opset \d+) is under development/,
];

/** Reads the text that onnxruntime-web 1.30 throws; it has no codes that say more than the text. */
export function classify(error: unknown): OrtError {
  const detail = error instanceof Error ? error.message : String(error);
  const isFatal = fatal.test(detail) || error instanceof WebAssembly.RuntimeError || typeof error === 'number';
  return { failure: meaning(detail), fatal: isFatal };
}

function meaning(detail: string): Failure {
  for (const pattern of unsupported) {
    const operator = pattern.exec(detail)?.[1];
    if (operator !== undefined) return { code: 'unsupported-operator', operator, detail };
  }
  if (/Failed to get GPU adapter|WebGPU is not supported/.test(detail)) return { code: 'no-adapter', detail };
  if (/out of memory|bad_alloc|failed to allocate/i.test(detail)) return { code: 'out-of-memory', detail };
  if (/ERROR_CODE: (7|10), |protobuf parsing failed|Invalid model/.test(detail)) return { code: 'not-onnx', detail };
  return { code: 'run-failed', detail };
}

/** What an error that the device reported to nobody means for the runs in flight. */
export function gpuFailure(error: GPUError): Failure {
  return error instanceof GPUOutOfMemoryError
    ? { code: 'out-of-memory', detail: `the GPU is out of memory: ${error.message}` }
    : { code: 'run-failed', detail: `the GPU refused the run: ${error.message}` };
}
