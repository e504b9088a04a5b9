import { expose } from 'comlink';
import { OnnxLane } from '../src/onnx/lane.ts';
import { wasmPaths } from '../src/onnx/wasm-paths.ts';

expose(new OnnxLane(navigator.gpu as GPU | undefined, { wasmPaths }));
