import { isEndedBranch, isInside } from '../batch/branch-notes.js';
import type { Slices } from '../clock/slices.js';
import { isOperation, type OperationRecord, type RunRecord } from '../model/records.js';
import { isEnded } from '../model/statuses.js';
import { decodeAttempts, lastRunOf } from './attempt-notes.js';

/** The entries of a journal that its run waits for: those that have no outcome, of code that has not come to its end. In pieces: there may be very many. */
export async function pendingRecords(
  { status }: Pick<RunRecord, 'status'>,
  journal: readonly OperationRecord[],
  slices: Slices,
): Promise<OperationRecord[]> {
  if (isEnded(status)) return [];
  const started: OperationRecord[] = [];
  const ended = new Set<string>();
  await slices.each(journal, (record) => {
    if (isWaitedFor(record)) started.push(record);
    else if (isEndedBranch(record)) ended.add(record.id);
  });
  const pending: OperationRecord[] = [];
  await slices.each(started, (record) => !isInside(record.id, ended) && pending.push(record));
  return pending;
}

/** Whether an entry has no outcome. A detached action that has become a run of its own is nothing that its first run waits for. */
export function isWaitedFor(record: OperationRecord): boolean {
  return record.status === 'STARTED' && isOperation(record) && !(record.kind === 'action' && record.childRunId !== null);
}

/** The runs of these entries: those that are waited for, or were before a back-off, and those that were let go. */
export function runsOf(records: readonly OperationRecord[]): string[] {
  return records.flatMap((record) => lastRunOf(record) ?? []);
}

/** The runs that a run waits for by these pending entries of its journal: none before the next attempt of a child begins, and none that was let go. */
export function awaitedAmong(pending: readonly OperationRecord[]): string[] {
  return runsOf(pending.filter((record) => record.kind === 'flow' && isAwaited(record)));
}

function isAwaited({ attempts }: OperationRecord): boolean {
  const { nextAt, detached } = decodeAttempts(attempts);
  return nextAt === undefined && detached !== true;
}
