import { UsageError } from '../errors/errors.js';
import type { RunRecord } from '../model/records.js';

/** The same id asks for the same run: of the same flow, with the same arguments. The error when it does not. */
export function runIdTaken(wanted: RunRecord, taken: RunRecord): UsageError | undefined {
  if (wanted.flow === taken.flow && wanted.digest === taken.digest) return undefined;
  const differs = wanted.flow === taken.flow ? 'other arguments' : `flow "${taken.flow}"`;
  return new UsageError(
    'RUN_ID_TAKEN',
    `flow "${wanted.flow}" cannot start as run ${wanted.id}: that id belongs to a run of ${differs}; choose another id, or start it with the same flow and arguments to attach to it`,
  );
}
