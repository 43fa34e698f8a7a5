import type { Store } from '../store/store.js';

/**
 * A store as the engine uses it, whoever wrote it.
 *
 *   GS1  No method throws at once: timers and macrotasks call them, where that would end the process.
 */
export function guardedStore(store: Store): Store {
  return new Proxy(store, {
    get(target, key) {
      const member: unknown = Reflect.get(target, key);
      if (typeof member !== 'function') return member;
      return async (...args: unknown[]): Promise<unknown> => Reflect.apply(member, target, args);
    },
  });
}
