import type { StoreReader } from '../store/reader.js';
import type { Store } from '../store/store.js';
import { guardedCall } from './guarded-call.js';

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
      const call = (args: unknown[]): unknown => {
        reader ??= store.reader();
        what = `${key}() of the reader of the store ${store.name}`;
        return Reflect.apply(Reflect.get(reader, key) as () => unknown, reader, args);
      };
      return guardedCall(key, call, () => what);
    },
  });
}
