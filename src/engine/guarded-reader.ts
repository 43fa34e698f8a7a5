import { PerdureError } from '../errors/errors.js';
import type { StoreReader } from '../store/reader.js';
import { type Store, SYNCHRONOUS_METHODS } from '../store/store.js';
import { storeFailed } from './store-failed.js';

/**
 * A reader of a store as the engine uses it, also one that a program brings. It is made at its first call.
 *
 *   GR1  What a method fails with is a `PerdureError`, and so is what the making of the reader fails with: what is none becomes the cause of a `StorageError`.
 */
export function guardedReader(store: Store): StoreReader {
  let reader: StoreReader | undefined;
  return new Proxy({} as StoreReader, {
    get(_, key) {
      // What is awaited is asked whether it is a promise.
      if (key === 'then' || typeof key === 'symbol') return undefined;
      if (key === 'name') return store.name;
      if (key === 'close' && reader === undefined) return async () => {};
      let what = `reader() of the store ${store.name}`;
      const failed = (error: unknown): PerdureError => (error instanceof PerdureError ? error : storeFailed(what, error));
      const call = (args: unknown[]): unknown => {
        reader ??= store.reader();
        what = `${key}() of the reader of the store ${store.name}`;
        return Reflect.apply(Reflect.get(reader, key) as () => unknown, reader, args);
      };
      if (SYNCHRONOUS_METHODS.has(key)) {
        return (...args: unknown[]): unknown => {
          try {
            return call(args);
          } catch (error) {
            throw failed(error);
          }
        };
      }
      return async (...args: unknown[]): Promise<unknown> => {
        try {
          return await call(args);
        } catch (error) {
          throw failed(error);
        }
      };
    },
  });
}
