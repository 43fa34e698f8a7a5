import { PerdureError, StorageError } from '../errors/errors.js';
import { SYNCHRONOUS_METHODS } from '../store/store.js';

/**
 * A method of a store, or of a reader of one, as the engine calls it. What it fails with is a `PerdureError`: what is none becomes the cause of a
 * `StorageError`. Only a method that answers at once throws at once.
 *
 * @param call - Makes the call.
 * @param what - What has failed by then.
 */
export function guardedCall(key: string | symbol, call: (args: unknown[]) => unknown, what: () => string): (...args: unknown[]) => unknown {
  const failed = (error: unknown): PerdureError => (error instanceof PerdureError ? error : storeFailed(what(), error));
  if (SYNCHRONOUS_METHODS.has(key)) {
    return (...args) => {
      try {
        return call(args);
      } catch (error) {
        throw failed(error);
      }
    };
  }
  return async (...args) => {
    try {
      return await call(args);
    } catch (error) {
      throw failed(error);
    }
  };
}

function storeFailed(what: string, cause: unknown): StorageError {
  return new StorageError('STORE_FAILED', `${what} failed: ${messageOf(cause)}. See the cause`, { cause });
}

function messageOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? thrown.message : `it threw ${String(thrown)}`;
  } catch {
    return 'it threw something that cannot be described';
  }
}
