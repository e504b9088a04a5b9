import { type ContextOptions } from './device-context.ts';
import { scheduleDevice } from './scheduled-device.ts';

/** Makes every device that is requested from `gpu` from now on a scheduled one. Returns how to undo that for later requests. */
export function scheduleRequests(gpu: GPU, options: () => ContextOptions): () => void {
  const native = gpu.requestAdapter.bind(gpu);
  const had = Object.getOwnPropertyDescriptor(gpu, 'requestAdapter');
  const requestAdapter = async (request?: GPURequestAdapterOptions): Promise<GPUAdapter | null> => {
    const adapter = await native(request);
    if (adapter !== null) scheduleAdapter(adapter, options);
    return adapter;
  };
  Object.defineProperty(gpu, 'requestAdapter', { configurable: true, writable: true, value: requestAdapter });
  return () => {
    if (had !== undefined) Object.defineProperty(gpu, 'requestAdapter', had);
    else delete (gpu as { requestAdapter?: unknown }).requestAdapter;
  };
}

function scheduleAdapter(adapter: GPUAdapter, options: () => ContextOptions): void {
  const native = adapter.requestDevice.bind(adapter);
  const requestDevice = async (descriptor?: GPUDeviceDescriptor): Promise<GPUDevice> => {
    const device = await native(descriptor);
    scheduleDevice(device, options());
    return device;
  };
  Object.defineProperty(adapter, 'requestDevice', { configurable: true, writable: true, value: requestDevice });
}
