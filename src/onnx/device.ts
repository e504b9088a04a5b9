import type { Outcome } from '../wire/failure.ts';

/** What onnxruntime's kernels use where it exists (`timestamp-query` is ours: slices are timed). */
const features: readonly GPUFeatureName[] = ['timestamp-query', 'shader-f16', 'subgroups'];

/** What onnxruntime raises on devices it requests itself (`webgpu_context.cc`); with the defaults its kernels fail. */
const limits = [
  'maxBindGroups', 'maxComputeWorkgroupStorageSize', 'maxComputeWorkgroupsPerDimension', 'maxStorageBuffersPerShaderStage',
  'maxStorageBufferBindingSize', 'maxBufferSize', 'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX', 'maxComputeWorkgroupSizeY', 'maxComputeWorkgroupSizeZ',
] as const;

/** What to ask of `adapter` so that any model it can run may run. */
export function onnxDeviceDescriptor(adapter: GPUAdapter): GPUDeviceDescriptor {
  return {
    requiredFeatures: features.filter((feature) => adapter.features.has(feature)),
    requiredLimits: Object.fromEntries(limits.map((limit) => [limit, adapter.limits[limit]])),
  };
}

/** A device that ONNX models run on, from a fresh adapter; `no-adapter` when there is none or it gives no device. */
export async function requestOnnxDevice(gpu: GPU): Promise<Outcome<GPUDevice>> {
  const adapter = await gpu.requestAdapter();
  if (adapter === null) return { ok: false, failure: { code: 'no-adapter', detail: 'the browser offers no WebGPU adapter' } };
  try {
    return { ok: true, value: await adapter.requestDevice(onnxDeviceDescriptor(adapter)) };
  } catch (error) {
    return { ok: false, failure: { code: 'no-adapter', detail: `the WebGPU adapter gave no device: ${String(error)}` } };
  }
}
