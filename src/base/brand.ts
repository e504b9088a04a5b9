/** A primitive that cannot be mistaken for another of the same shape: `Brand<number, 'gate'>`. */
export type Brand<T, Name extends string> = T & { readonly __brand: Name };
