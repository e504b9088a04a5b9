import type { PolicyName } from '../wire/messages.ts';

export type { PolicyName };

export const policies = ['fifo', 'priority'] as const satisfies readonly PolicyName[];
