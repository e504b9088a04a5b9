import { settle } from './schedule-gpu.ts';
import { type SchedulerOptions, Switchyard } from './switchyard.ts';

export { SwitchyardError } from './error.ts';
export { scheduleGpu, type ScheduleGpuOptions } from './schedule-gpu.ts';
export type { Model, RunOptions } from './model.ts';
export type { ModelSource } from './model-source.ts';
export type { LoadOptions, Notice, SchedulerOptions, TenantOptions, Switchyard as Scheduler } from './switchyard.ts';
export type { MemoryPressure } from './page-memory.ts';
export { memoryOf } from '../gpu/memory-of.ts';
export type { DeviceMemoryView, MemoryReport, Pressure, PressureLevel } from '../wire/memory.ts';
export type { Level, Priority } from './priority.ts';
export { policyNames } from './policy.ts';
export type { Policy, PolicyChoice, PolicyKey, PolicyName, Ready, Share } from './policy.ts';
export type { Failure, FailureCode } from '../wire/failure.ts';
export type { Feeds, Tensor, TensorData, TensorInfo, TensorType } from '../wire/tensor.ts';
export type { TraceBatch } from '../trace/batch.ts';

/** Starts a scheduler for this page, in a worker of its own. Close it to end all its workers. */
export async function createScheduler(options: SchedulerOptions = {}): Promise<Switchyard> {
  const switchyard = await Switchyard.open(options);
  settle(switchyard);
  return switchyard;
}
