/** A wrapper that knows which native object takes its calls now. */
interface Wrapper {
  readonly native: object;
}

/**
 * Makes instances of `wrapper` pass for the platform's own (`instanceof`, `toString`), and sends on every method of the native
 * prototype that the wrapper does not define, so that what a browser adds tomorrow still works. Done once per realm.
 */
export function inherit(wrapper: { readonly prototype: Wrapper }, native: object): void {
  if (Object.getPrototypeOf(wrapper.prototype) === native) return;
  Object.setPrototypeOf(wrapper.prototype, native);
  for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(native))) {
    if (name === 'constructor') continue;
    if (Object.hasOwn(wrapper.prototype, name)) {
      // As the platform's own are: programs copy descriptors and objects by what they enumerate.
      Object.defineProperty(wrapper.prototype, name, { enumerable: true });
      continue;
    }
    if (typeof property.value !== 'function') continue;
    const method = property.value as (...args: unknown[]) => unknown;
    Object.defineProperty(wrapper.prototype, name, {
      configurable: true,
      writable: true,
      enumerable: true,
      value(this: Wrapper, ...args: unknown[]) {
        return method.apply(this.native, args);
      },
    });
  }
}
