/**
 * Every way Switchyard may fail a caller, as plain data: structured clone drops classes and custom fields of errors, so a
 * worker sends the bare failure and the page wraps it in `SwitchyardError`.
 */
export type Failure =
  | { readonly code: 'no-adapter'; readonly detail: string }
  | { readonly code: 'fetch-failed'; readonly url: string; readonly detail: string }
  | { readonly code: 'not-onnx'; readonly detail: string }
  | { readonly code: 'unsupported-operator'; readonly operator: string; readonly detail: string }
  | { readonly code: 'wrong-input-name'; readonly input: string; readonly expected: readonly string[] }
  | { readonly code: 'wrong-input-type'; readonly input: string; readonly expected: string; readonly actual: string }
  | { readonly code: 'wrong-input-shape'; readonly input: string; readonly expected: string; readonly actual: string }
  | { readonly code: 'model-too-large'; readonly bytes: number; readonly limit: number; readonly detail: string }
  /** `reason`: who said so; without it the GPU did. `fits`: so many bytes would have had room. */
  | { readonly code: 'out-of-memory'; readonly reason?: 'over-quota' | 'over-budget'; readonly bytes?: number; readonly fits?: number; readonly detail: string }
  | { readonly code: 'aborted'; readonly detail: string }
  | { readonly code: 'deadline-passed'; readonly detail: string }
  | { readonly code: 'device-lost'; readonly reason: string; readonly detail: string }
  | { readonly code: 'worker-crashed'; readonly worker: 'scheduler' | 'lane'; readonly detail: string }
  | { readonly code: 'run-failed'; readonly detail: string }
  | { readonly code: 'closed'; readonly detail: string }
  | { readonly code: 'invalid-argument'; readonly detail: string };

export type FailureCode = Failure['code'];

/** An outcome that may be a failure, as it crosses threads. */
export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: Failure };

/** One sentence a developer can act on. */
export function describe(failure: Failure): string {
  switch (failure.code) {
    case 'fetch-failed': return `could not fetch ${failure.url}: ${failure.detail}`;
    case 'wrong-input-name': return `${failure.expected.includes(failure.input) ? `input '${failure.input}' is missing` : `no input is named '${failure.input}'`}; the model's inputs are ${list(failure.expected)}`;
    case 'wrong-input-type': return `input '${failure.input}' is ${failure.actual}, the model expects ${failure.expected}`;
    case 'wrong-input-shape': return `input '${failure.input}' has shape ${failure.actual}, the model expects ${failure.expected}`;
    case 'model-too-large': return `the model needs ${failure.bytes} bytes in one buffer, the device allows ${failure.limit}: ${failure.detail}`;
    case 'unsupported-operator': return `operator ${failure.operator} is not supported: ${failure.detail}`;
    case 'device-lost': return `the GPU device was lost (${failure.reason}): ${failure.detail}`;
    case 'worker-crashed': return `the ${failure.worker} worker crashed: ${failure.detail}`;
    default: return failure.detail;
  }
}

const list = (names: readonly string[]): string => names.map((name) => `'${name}'`).join(', ');
