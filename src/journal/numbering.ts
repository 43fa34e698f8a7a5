/**
 * How operations, scopes and child runs are named. An id says where in its flow the operation stands, so that a replay finds it again:
 * the scope's path and the ordinal in that scope, from 0 (`3`, `4.0.2`).
 */

/** The path of a run's own scope. */
export const ROOT_SCOPE = '';

export function operationId(scopePath: string, ordinal: number): string {
  return scopePath === ROOT_SCOPE ? String(ordinal) : `${scopePath}.${ordinal}`;
}

/** The path of the scope that an operation belongs to; of a branch, the id of its batch. */
export function scopeOf(operationId: string): string {
  return operationId.slice(0, Math.max(0, operationId.lastIndexOf('.')));
}

/** What the generation of a run is called, where its name has to be nobody else's: the first as the run itself. */
export function generationId(runId: string, number = 1): string {
  return number === 1 ? runId : `${runId}#${number}`;
}

/** The id of a child run that was given none: nobody else's, and the same on every replay. */
export function childRunId(parentRunId: string, parentOperationId: string): string {
  return `${parentRunId}/${parentOperationId}`;
}

/** The id of the run that makes another attempt of a child run that failed. */
export function attemptRunId(runId: string, attempt: number): string {
  return attempt === 1 ? runId : `${runId}~${attempt}`;
}

/** The entry of a message, by its number in the inbox. */
export function messageEntryId(messageId: number): string {
  return `message-${messageId}`;
}

/** The outcome of a change of code that the run does not have. */
export const NOT_PATCHED = 'false';

/** The entry of a change of code. */
export function patchEntryId(name: string): string {
  return `patch-${name}`;
}

/** The entry of a cancel request that took effect; there is at most one in a journal. */
export const CANCEL_ENTRY_ID = 'cancel';
