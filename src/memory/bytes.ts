/** A count of bytes: whole, from 0 to 2^53 − 1, so that every sum is exact. */
export const isBytes = (bytes: number): boolean => Number.isSafeInteger(bytes) && bytes >= 0;
