/**
 * What cancelled an operation: the code of its flow, the policy of its batch, the cancellation of its run, or the end of its scope, which cancels what was
 * left behind.
 */
export type CancelledBy = 'flow' | 'policy' | 'run' | 'leak';

/** Kept beside the errors and not in them: what is in an error goes into journals. */
const causes = new WeakMap<Error, CancelledBy>();

export function noteCancelledBy(error: Error, by: CancelledBy): void {
  causes.set(error, by);
}

/** What has made a `CancelledError`, where that is known; it is not of one that comes from a journal. */
export function cancelledBy(error: Error): CancelledBy | undefined {
  return causes.get(error);
}
