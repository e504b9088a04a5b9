// First: what comes after takes the methods as it finds them.
import './counted-gpu.ts';
import { expose } from 'comlink';
import { OnnxLane } from '../../src/onnx/lane.ts';
import { wasmPaths } from '../../src/onnx/wasm-paths.ts';

/** Switchyard's lane worker, with the buffers counted below its scheduled device. */
expose(new OnnxLane(navigator.gpu as GPU | undefined, { wasmPaths }));
