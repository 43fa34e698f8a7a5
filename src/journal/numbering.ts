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

/** What the generation of a run is called, where no other may have its name: the first as the run itself. */
export function generationId(runId: string, number = 1): string {
  return number === 1 ? runId : `${runId}#${number}`;
}

/** What joins a run's id to what belongs to it, in ids that the engine makes. */
const JOINT = '//';

/** The id of a child run that was given none: the same on every replay, and no id that a user may give. */
export function childRunId(parent: string, operationId: string): string {
  return `${parent}${JOINT}${operationId}`;
}

/** Whether a user may not give this id to a new run. */
export function isReservedId(runId: string): boolean {
  return runId.includes(JOINT);
}

/** What an action of a run gives to the services it calls. It is no id of a run. */
export function idempotencyKey(run: string, operationId: string): string {
  return `${run}/${operationId}`;
}

/** Whether a recorded child id is the one that the engine makes for an operation. In older journals it has the form of the key. */
export function isMadeFor(recorded: string | null, parent: string, operationId: string): boolean {
  return recorded === childRunId(parent, operationId) || recorded === idempotencyKey(parent, operationId);
}

/** Whether an operation that asks for a child of this id is the one that is recorded with the other. */
export function isSameChild(recorded: string | null, asked: string | null, operationId: string): boolean {
  if (recorded === asked) return true;
  const end = `${JOINT}${operationId}`;
  return asked?.endsWith(end) === true && isMadeFor(recorded, asked.slice(0, -end.length), operationId);
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
