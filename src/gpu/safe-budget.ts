import type { Bytes } from '../base/units.ts';
import { defaultBudget } from '../memory/budget.ts';

/** A budget for who gives none: from what the adapter allows in one buffer and, where the browser tells, the machine's memory. */
export async function safeBudget(navigator: Navigator | WorkerNavigator): Promise<Bytes> {
  const adapter = await (navigator as { gpu?: GPU }).gpu?.requestAdapter().catch(() => null);
  const { deviceMemory } = navigator as { deviceMemory?: number };
  return defaultBudget({ maxBufferSize: adapter?.limits.maxBufferSize ?? NaN, deviceMemory });
}
