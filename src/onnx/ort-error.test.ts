import { expect, test } from 'vitest';

import { classify } from './ort-error.ts';

const create = (code: number, text: string) => new Error(`Can't create a session. ERROR_CODE: ${code}, ERROR_MESSAGE: ${text}`);

test.each([
  ['a missing kernel', create(9, "Could not find an implementation for Frob(13) node with name 'n1'"), { code: 'unsupported-operator', operator: 'Frob(13)' }, false],
  ['an unknown operator', create(6, 'No Op registered for Frob with domain_version of 17'), { code: 'unsupported-operator', operator: 'Frob' }, false],
  ['an unreadable model', create(7, 'Failed to load model because protobuf parsing failed.'), { code: 'not-onnx' }, false],
  ['a heap without room', new Error("Can't create a session. failed to allocate a buffer of size 9."), { code: 'out-of-memory' }, false],
  ['an exception for memory', new Error('failed to call OrtRun(). ERROR_CODE: 6, ERROR_MESSAGE: std::bad_alloc'), { code: 'out-of-memory' }, false],
  ['a run that failed', new Error('failed to call OrtRun(). ERROR_CODE: 2, ERROR_MESSAGE: whatever'), { code: 'run-failed' }, false],
  ['a creation that got stuck', new Error('another WebGPU EP inference session is being created.'), { code: 'run-failed' }, true],
  ['a trap', new WebAssembly.RuntimeError('memory access out of bounds'), { code: 'run-failed' }, true],
  ['a C++ exception that nobody caught', 5_250_112, { code: 'run-failed' }, true],
  ['no adapter', new Error('no available backend found. ERR: [webgpu] Error: Failed to get GPU adapter.'), { code: 'no-adapter' }, true],
])('%s is told from the text', (_, error, failure, fatal) => {
  expect(classify(error)).toMatchObject({ failure, fatal });
});
