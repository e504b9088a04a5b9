import { describe, type Failure, type FailureCode } from '../wire/failure.ts';

/** What promises of this library reject with. `failure` is plain data that says everything; `code` is for a `switch`. */
export class SwitchyardError extends Error {
  override readonly name = 'SwitchyardError';
  readonly failure: Failure;

  constructor(failure: Failure, options?: ErrorOptions) {
    super(describe(failure), options);
    this.failure = failure;
  }

  get code(): FailureCode {
    return this.failure.code;
  }
}
