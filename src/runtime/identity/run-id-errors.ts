import { UsageError } from '../../errors/errors.js';
import type { RunRecord } from '../../model/records.js';

/** A new run was to have an id of the form that only the engine gives. */
export function reservedId(runId: string, what: string): UsageError {
  return new UsageError(
    'INVALID_ARGUMENT',
    `${what}: the id ${JSON.stringify(runId)} contains "//", which is kept for ids that the engine makes, and no run of this id exists; use another separator, such as "/" or ":"`,
  );
}

/** The id that the engine made for a child belongs to a run that the child's parent did not start. */
export function madeIdTaken({ id, flow }: Pick<RunRecord, 'id' | 'flow'>, { parentRunId }: RunRecord): UsageError {
  const whose = parentRunId === null ? 'a run that was started by itself' : `a child of run ${parentRunId}`;
  return new UsageError(
    'RUN_ID_TAKEN',
    `flow "${flow}" cannot start as run ${id}: the engine makes this id for a child run, and it belongs to ${whose}; give the child an id of its own with .with({ id })`,
  );
}

/** A run that was waited for has been deleted, so its end is not known. */
export function runGone(runId: string, what: string): UsageError {
  return new UsageError(
    'RUN_NOT_FOUND',
    `${what}: run ${runId} has been deleted, so its end cannot be told; it is not started again, since it may have done its work. Keep ended runs for longer than others wait for them`,
  );
}
