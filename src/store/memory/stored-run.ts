import type { RunRecord } from '../../model/records.js';

/** A run with its place in the order of creation. */
export interface StoredRun {
  readonly n: number;
  run: RunRecord;
  /** The last outcome of an operation that it had at the last crash, if there was one. */
  crashedAfter: number | undefined;
}
