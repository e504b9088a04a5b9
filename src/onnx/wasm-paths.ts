import wasm from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url';

/**
 * Where onnxruntime's WASM is served: beside the page, in dev as in a build, under any base path. The JavaScript half needs no address: with one thread
 * onnxruntime takes the copy inside its own module. Apart from `runtime.ts` because only a bundler can resolve it.
 */
export const wasmPaths = { wasm };
