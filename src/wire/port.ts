/** The part of a `MessagePort` that we use, so that one thread can also talk to itself. */
export interface Port<Out, In> {
  postMessage(message: Out, transfer?: Transferable[]): void;
  onmessage: ((event: { readonly data: In }) => void) | null;
  close(): void;
}

/** Two ends in one thread. Messages arrive in order, in a microtask: never inside the call that sent them. */
export function localPorts<A, B>(): [Port<A, B>, Port<B, A>] {
  let isOpen = true;
  const close = (): void => void (isOpen = false);
  const send = <T>(to: () => Port<never, T>, message: T): void => {
    queueMicrotask(() => {
      if (isOpen) to().onmessage?.({ data: message });
    });
  };
  const near: Port<A, B> = { postMessage: (message) => send(() => far, message), onmessage: null, close };
  const far: Port<B, A> = { postMessage: (message) => send(() => near, message), onmessage: null, close };
  return [near, far];
}

/** The platform's port as one that carries only these messages. */
export const typedPort = <Out, In>(port: MessagePort): Port<Out, In> => port as unknown as Port<Out, In>;
