import type { DeviceMemoryView } from '../wire/memory.ts';
import type { DeviceMemory } from './device-memory.ts';

/** Kept on the device itself, for every copy of this library in the thread. */
const home = Symbol.for('webgpu-switchyard memory');
type WithMemory = GPUDevice & { [home]?: () => DeviceMemoryView };

export function setMemoryOf(device: GPUDevice, memory: DeviceMemory): void {
  Object.defineProperty(device, home, { configurable: true, value: () => ({ report: memory.report, trace: memory.trace.toCsv() }) });
}

/** What the device holds, what it reuses, what was leaked, and its last allocations; `undefined` for a device that is not scheduled. */
export const memoryOf = (device: GPUDevice): DeviceMemoryView | undefined => (device as WithMemory)[home]?.();
