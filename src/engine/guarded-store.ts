import { PerdureError } from '../errors/errors.js';
import { type Store, SYNCHRONOUS_METHODS } from '../store/store.js';
import { guardedReader } from './guarded-reader.js';
import { storeFailed } from './store-failed.js';

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
      const failed = (error: unknown): PerdureError =>
        error instanceof PerdureError ? error : storeFailed(`${String(key)}() of the store ${target.name}`, error);
      if (SYNCHRONOUS_METHODS.has(key)) {
        return (...args: unknown[]): unknown => {
          try {
            return Reflect.apply(member, target, args);
          } catch (error) {
            throw failed(error);
          }
        };
      }
      return async (...args: unknown[]): Promise<unknown> => {
        try {
          return await Reflect.apply(member, target, args);
        } catch (error) {
          throw failed(error);
        }
      };
    },
  });
}
