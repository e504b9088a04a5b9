import { type ContextOptions } from './device-context.ts';
import { scheduleDevice } from './scheduled-device.ts';

/** Who wants the devices of a GPU, the last one first served. Kept on the object itself, for every copy of this library in the thread. */
const patches = Symbol.for('webgpu-switchyard patches');
type Patched = GPU & { [patches]?: (() => ContextOptions)[] | undefined };

/** Makes every device that is requested from `gpu` from now on a scheduled one; of several patches the last one decides. Returns how to undo this one for later requests. */
export function scheduleRequests(gpu: GPU, options: () => ContextOptions): () => void {
  const patched: Patched = gpu;
  const active = (patched[patches] ??= patch(gpu));
  active.push(options);
  return () => {
    const at = active.indexOf(options);
    if (at >= 0) active.splice(at, 1);
    if (active.length > 0 || patched[patches] !== active) return;
    delete patched[patches];
    delete (gpu as { requestAdapter?: unknown }).requestAdapter;
  };
}

function patch(gpu: GPU): (() => ContextOptions)[] {
  const active: (() => ContextOptions)[] = [];
  const native = gpu.requestAdapter.bind(gpu);
  const requestAdapter = async (request?: GPURequestAdapterOptions): Promise<GPUAdapter | null> => {
    const adapter = await native(request);
    const options = active.at(-1);
    if (adapter !== null && options !== undefined) scheduleAdapter(adapter, options);
    return adapter;
  };
  Object.defineProperty(gpu, 'requestAdapter', { configurable: true, writable: true, value: requestAdapter });
  return active;
}

function scheduleAdapter(adapter: GPUAdapter, options: () => ContextOptions): void {
  const native = adapter.requestDevice.bind(adapter);
  const requestDevice = async (descriptor?: GPUDeviceDescriptor): Promise<GPUDevice> => {
    const device = await native(descriptor);
    const { account } = scheduleDevice(device, options());
    await account.ready; // Nothing is created before it is known how much may be.
    return device;
  };
  Object.defineProperty(adapter, 'requestDevice', { configurable: true, writable: true, value: requestDevice });
}
