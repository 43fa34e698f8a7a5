import { CancelledError } from './errors.js';

/** Whether the operation or run was cancelled, by what was thrown: anything, and so also what cannot be looked at, as a revoked proxy. */
export function isCancelledError(thrown: unknown): thrown is CancelledError {
  try {
    return thrown instanceof CancelledError;
  } catch {
    return false;
  }
}
