/** `unknown`: the device does not say, because it is gone. */
export type Captured = GPUError | 'none' | 'unknown';

/** Makes calls inside error scopes; the first error of any of these kinds. Never rejects; throws what `call` throws. */
export async function captureErrors(device: GPUDevice, filters: readonly GPUErrorFilter[], call: () => void): Promise<Captured> {
  for (const filter of filters) device.pushErrorScope(filter);
  const pop = (): Promise<Captured>[] => filters.map(() => device.popErrorScope().then((error) => error ?? 'none', () => 'unknown'));
  try {
    call();
  } catch (error) {
    void pop();
    throw error;
  }
  const found = await Promise.all(pop());
  return found.find((error) => error !== 'none') ?? 'none';
}
