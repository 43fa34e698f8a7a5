import { CancelledError, UsageError } from '../errors/errors.js';

/**
 * What cancelled an operation: the code of its flow, the policy of its batch, the cancellation of its run, or the end of its scope, which cancels what was
 * left behind.
 */
export type CancelledBy = 'flow' | 'policy' | 'run' | 'leak';

/** Kept beside the errors and not in them: what is in an error goes into journals. */
const causes = new WeakMap<Error, CancelledBy>();

function noteCancelledBy(error: Error, by: CancelledBy): void {
  causes.set(error, by);
}

/** What has made a `CancelledError`, where that is known; it is not of one that comes from a journal. */
export function cancelledBy(error: Error): CancelledBy | undefined {
  return causes.get(error);
}

/** The most characters that the reason of a cancellation may have. */
const REASON_LENGTH = 10_000;

/** @throws {UsageError} `INVALID_ARGUMENT` when it is no short text. */
export function requireReason(reason: unknown, caller: string): void {
  if (reason === undefined || (typeof reason === 'string' && reason.length <= REASON_LENGTH)) return;
  throw new UsageError('INVALID_ARGUMENT', `${caller}: the reason must be a text of at most ${REASON_LENGTH} characters`);
}

/** The error of what was cancelled. */
export function cancellation(what: string, reason: string | undefined, by?: CancelledBy): CancelledError {
  const error = new CancelledError(reason === undefined ? `${what} was cancelled` : `${what} was cancelled: ${reason}`);
  if (by !== undefined) noteCancelledBy(error, by);
  return error;
}
