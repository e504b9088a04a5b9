import type { Bytes } from '../base/units.ts';
import type { Refusal } from '../wire/memory.ts';
import { captureErrors } from './capture-errors.ts';

/** Where room is set aside before something large is created: the account of a scheduled device is one. */
export interface RoomAccount {
  reserve(bytes: Bytes): Promise<{ readonly ok: true; release(): void } | { readonly ok: false; readonly refusal: Refusal }>;
}

export type Creation =
  | { readonly kind: 'created'; readonly buffers: readonly GPUBuffer[] }
  /** `fits`: so much more the account could have been given; `undefined` when it was WebGPU that had no memory, which says nothing more. */
  | { readonly kind: 'refused'; readonly code: 'no-room'; readonly fits: Bytes | undefined }
  | { readonly kind: 'refused'; readonly code: 'device-lost' };

/**
 * Creates all of the buffers or none, and answers when WebGPU is known to have memory for them. Room for them is set aside first where there is an
 * account, which may wait for others to give way. What is wrong with a descriptor is told where the device tells its errors.
 */
export async function createReserved(device: GPUDevice, descriptors: readonly GPUBufferDescriptor[], account?: RoomAccount): Promise<Creation> {
  const room = await account?.reserve(descriptors.reduce((sum, { size }) => sum + size, 0));
  if (room?.ok === false) return { kind: 'refused', code: 'no-room', fits: room.refusal.fits };
  const buffers: GPUBuffer[] = [];
  const captured = captureErrors(device, ['out-of-memory'], () => {
    for (const descriptor of descriptors) buffers.push(device.createBuffer(descriptor));
  });
  // They are counted by themselves now, and no later task may come between that and this.
  room?.release();
  const error = await captured;
  if (error === 'none') return { kind: 'created', buffers };
  for (const buffer of buffers) buffer.destroy();
  return error === 'unknown' ? { kind: 'refused', code: 'device-lost' } : { kind: 'refused', code: 'no-room', fits: undefined };
}
