import { StorageError } from '../errors/errors.js';

/** The error of a store, or of a reader of one, that failed with what is no error of perdure. */
export function storeFailed(what: string, cause: unknown): StorageError {
  return new StorageError('STORE_FAILED', `${what} failed: ${messageOf(cause)}. See the cause`, { cause });
}

function messageOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? thrown.message : `it threw ${String(thrown)}`;
  } catch {
    return 'it threw something that cannot be described';
  }
}
