/** A duration or an instant in microseconds. Whole numbers inside; the public API speaks milliseconds, as the platform does. */
export type Micros = number;

export const fromMillis = (millis: number): Micros => Math.round(millis * 1000);
export const toMillis = (micros: Micros): number => micros / 1000;

/** A size in bytes, a whole number up to 2⁵³. */
export type Bytes = number;
