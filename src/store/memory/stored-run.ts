import { isOperation, type OperationRecord, type RunRecord } from '../../model/records.js';

/** A run with its position in the order of creation. */
export interface StoredRun {
  readonly n: number;
  run: RunRecord;
  /** Whether it was deleted. */
  gone: boolean;
  /** The last outcome of an operation that it had at the last crash, if there was one. */
  crashedAfter: number | undefined;
}

/** The `seq` of the last outcome of an operation in a journal; 0 where there is none. */
export function lastOutcomeOf(journal: Iterable<OperationRecord>): number {
  let last = 0;
  for (const entry of journal) if (isOperation(entry)) last = Math.max(last, entry.seq ?? 0);
  return last;
}

/** What is read is the reader's own. */
export function copies<T extends object>(records: Iterable<T>): T[] {
  return Array.from(records, (record) => ({ ...record }));
}
