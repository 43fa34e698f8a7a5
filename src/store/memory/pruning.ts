import type { RunRecord } from '../../model/records.js';
import { isEnded } from '../../model/statuses.js';
import type { PruneQuery } from '../store.js';
import type { Journals } from './journals.js';
import type { StoredRun } from './stored-run.js';

/** The ids of the runs that are to be deleted. @param runs - In the order of creation, so that children come after their parents. */
export function prunable(runs: ReadonlyMap<string, StoredRun>, journals: Journals, { endedBefore, keep, limit }: PruneQuery): Set<string> {
  const roots = [...runs.values()].filter(({ run }) => isEnded(run.status) && (run.parentRunId === null || !runs.has(run.parentRunId)));
  const beyond = new Set(keep === null ? [] : roots.slice(0, Math.max(0, roots.length - keep)));
  const old = (run: RunRecord): boolean => endedBefore !== null && (run.finishedAt as number) < endedBefore;
  const awaited = awaitedRuns(runs, journals);
  const doomed = roots.filter((stored) => (beyond.has(stored) || old(stored.run)) && !awaited.has(stored.run.id)).slice(0, limit);
  const gone = new Set(doomed.map(({ run }) => run.id));
  for (const { run } of runs.values()) {
    if (isEnded(run.status) && gone.has(run.parentRunId ?? '') && !awaited.has(run.id)) gone.add(run.id);
  }
  return gone;
}

/** The runs that unfinished runs wait for. */
function awaitedRuns(runs: ReadonlyMap<string, StoredRun>, journals: Journals): Set<string | null> {
  const awaited = new Set<string | null>();
  for (const { run } of runs.values()) {
    if (isEnded(run.status)) continue;
    for (const { kind, status, childRunId } of journals.of(run.id)) if (kind === 'flow' && status === 'STARTED') awaited.add(childRunId);
  }
  return awaited;
}
