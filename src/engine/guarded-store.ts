import type { Store } from '../store/store.js';
import { guardedCall } from './guarded-call.js';
import { guardedReader } from './guarded-reader.js';

/**
 * A store as the engine uses it, also one that a program brings.
 *
 *   GS1  No method that returns a promise throws at once: timers and macrotasks call them, where that would end the process.
 *   GS2  What a method fails with is a `PerdureError`: what is none becomes the cause of a `StorageError`.
 */
export function guardedStore(store: Store): Store {
  return new Proxy(store, {
    get(target, key) {
      if (key === 'reader') return () => guardedReader(target);
      const member: unknown = Reflect.get(target, key);
      if (typeof member !== 'function') return member;
      return guardedCall(
        key,
        (args) => Reflect.apply(member, target, args) as unknown,
        () => `${String(key)}() of the store ${target.name}`,
      );
    },
  });
}
