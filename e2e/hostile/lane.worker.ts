import { expose } from 'comlink';
import { OnnxLane } from '../../src/onnx/lane.ts';
import { wasmPaths } from '../../src/onnx/wasm-paths.ts';

/**
 * The lane worker, in a world that can be told to fail. Its name says which GPU it finds; `Order`s come as messages beside
 * those of comlink, which ignores them.
 */
export type Found = 'gpu' | 'no webgpu' | 'no adapter' | 'no device';
export interface Order {
  readonly order: 'lose device' | 'run out of memory' | 'throw';
}

/** Said once the worker holds its lock: from then on its end can be noticed at once. */
export interface Up {
  readonly up: true;
}

const found = self.name as Found;
const devices: GPUDevice[] = [];
/** Also the device that is only on its way. */
let isLost = false;
const { requestAdapter } = GPU.prototype;
const { requestDevice } = GPUAdapter.prototype;
const { destroy } = GPUDevice.prototype;

GPU.prototype.requestAdapter = function (this: GPU, options) {
  return found === 'no adapter' ? Promise.resolve(null) : requestAdapter.call(this, options);
};
GPUAdapter.prototype.requestDevice = async function (this: GPUAdapter, descriptor) {
  // No adapter has this much.
  const asked = found === 'no device' ? { requiredLimits: { maxBindGroups: 1_000_000 } } : descriptor;
  const device = await requestDevice.call(this, asked);
  devices.push(device);
  if (isLost) destroy.call(device);
  return device;
};

addEventListener('message', ({ data }: MessageEvent<Partial<Order>>) => {
  if (data.order === 'throw') throw new Error('told to throw');
  isLost ||= data.order === 'lose device';
  for (const device of devices) {
    if (data.order === 'lose device') destroy.call(device);
    if (data.order === 'run out of memory') {
      device.dispatchEvent(new GPUUncapturedErrorEvent('uncapturederror', { error: new GPUOutOfMemoryError('told to run out of memory') }));
    }
  }
});

const lane = new OnnxLane(found === 'no webgpu' ? undefined : navigator.gpu, { wasmPaths });
const live = lane.live.bind(lane);
expose(Object.assign(lane, {
  async live(lock: string) {
    await live(lock);
    postMessage({ up: true } satisfies Up);
  },
}));
