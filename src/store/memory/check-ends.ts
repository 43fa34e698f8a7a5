import { StorageError } from '../../errors/errors.js';
import type { RunRecord } from '../../model/records.js';
import { isEnded } from '../../model/statuses.js';
import type { CommitBatch } from '../store.js';
import type { StoredRun } from './stored-run.js';

/** Every end, every suspension and every restart must be of an unfinished run of this worker's, counting the runs this very batch creates (S2, S3, S6). */
export function checkEnds(runs: ReadonlyMap<string, StoredRun>, { workerId, creates, ends, restarts, suspends }: CommitBatch): void {
  if (ends.length + restarts.length + suspends.length === 0) return;
  const given = new Set<string>();
  const created = new Map<string, RunRecord>();
  for (const { run } of creates) if (!created.has(run.id)) created.set(run.id, run);
  for (const { runId } of [...restarts, ...suspends, ...ends]) {
    const run = runs.get(runId)?.run ?? created.get(runId);
    if (run === undefined || run.workerId !== workerId || isEnded(run.status) || given.has(runId)) {
      throw new StorageError(
        'FENCED',
        `run ${runId} does not belong to worker ${workerId} any more; nothing was written. Drop what this worker knows of it`,
      );
    }
    given.add(runId);
  }
}
