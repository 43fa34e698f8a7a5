import type { OperationRecord } from '../model/records.js';
import { isBatch } from '../model/statuses.js';
import type { Operation } from './operations/operation.js';

/** Some of what a run waits for. */
export interface ToldOperations {
  readonly records: readonly OperationRecord[];
  /** Whether there are more. */
  readonly more: boolean;
}

/**
 * What of these a run waits for: at most so many, batches before all else, and those first that were asked for first.
 *
 * @param batchCount - How many of them are batches: once these are found, the rest need not be looked through.
 */
export function toldOperations(pending: Iterable<Operation>, batchCount: number, limit: number): ToldOperations {
  const batches: Operation[] = [];
  const others: Operation[] = [];
  let count = 0;
  let batchesAhead = batchCount;
  for (const operation of pending) {
    const batch = isBatch(operation.entry.kind);
    if (batch) batchesAhead -= 1;
    if (isTold(operation)) {
      count += 1;
      const found = batch ? batches : others;
      if (found.length < limit) found.push(operation);
    }
    if (count > limit && (batchesAhead === 0 || batches.length === limit)) break;
  }
  const records = [...batches, ...others].slice(0, limit).map(({ told }) => told);
  return { records, more: count > limit };
}

/** What has no outcome, of code that has not come to its end. A detached action that has become a run of its own is not waited for. */
function isTold({ entry, place: { scope } }: Operation): boolean {
  const { kind, status, seq, childRunId } = entry;
  if (kind === 'branch' || status !== 'STARTED' || seq !== null) return false;
  if (kind === 'action' && childRunId !== null) return false;
  return scope.parent === undefined || !scope.closed;
}
