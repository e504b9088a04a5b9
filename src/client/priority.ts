import type { Priority } from '../wire/messages.ts';

export type { Priority };

/** The platform's words (Prioritized Task Scheduling), most urgent first. */
export const priorities = ['user-blocking', 'user-visible', 'background'] as const satisfies readonly Priority[];
