import { isOperation, type OperationRecord, type RunRecord } from '../model/records.js';
import { isEnded } from '../model/statuses.js';
import { decodeAttempts, lastRunOf } from './attempt-notes.js';
import { insideEndedBranch } from './branch-notes.js';

/** The entries of a journal that its run waits for: those that have no outcome, of code that has not come to its end. */
export function pendingRecords({ status }: Pick<RunRecord, 'status'>, journal: readonly OperationRecord[]): OperationRecord[] {
  if (isEnded(status)) return [];
  const started = journal.filter(isStarted);
  if (started.length === 0) return [];
  const over = insideEndedBranch(journal);
  return over === undefined ? started : started.filter((record) => !over(record));
}

/** A detached action that has become a run of its own is nothing that its first run waits for. */
export function isStarted(record: OperationRecord): boolean {
  return record.status === 'STARTED' && isOperation(record) && !(record.kind === 'action' && record.childRunId !== null);
}

/** The runs of these entries: those that are waited for, or were before a back-off, and those that were let go. */
export function runsOf(records: readonly OperationRecord[]): string[] {
  return records.flatMap((record) => lastRunOf(record) ?? []);
}

/** The runs that a run waits for: none before the next attempt of a child begins, and none that was let go. */
export function awaitedRuns(run: Pick<RunRecord, 'status'>, journal: readonly OperationRecord[]): string[] {
  const children = journal.filter(({ kind, status }) => kind === 'flow' && status === 'STARTED');
  if (children.length === 0) return [];
  const pending = new Set(pendingRecords(run, journal));
  return awaitedAmong(children.filter((record) => pending.has(record)));
}

/** The runs that a run waits for by these pending entries of its journal. */
export function awaitedAmong(pending: readonly OperationRecord[]): string[] {
  return runsOf(pending.filter((record) => record.kind === 'flow' && isAwaited(record)));
}

function isAwaited({ attempts }: OperationRecord): boolean {
  const { nextAt, detached } = decodeAttempts(attempts);
  return nextAt === undefined && detached !== true;
}
