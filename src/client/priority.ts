import { type Level, levels, priorities, type Priority, priorityOf, urgencyOf } from '../core/op.ts';

export type { Level, Priority };
export { priorities };

/** The platform's words (Prioritized Task Scheduling), and five levels that are ranks inside its classes. */
export const priorityWords: readonly (Priority | Level)[] = [...priorities, ...levels];

/** The platform's word for a level. */
export const classOf = (word: Priority | Level): Priority => priorityOf(urgencyOf(word));
