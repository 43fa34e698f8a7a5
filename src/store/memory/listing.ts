import type { RunRecord } from '../../model/records.js';
import type { RunFilter } from '../store.js';
import type { StoredRun } from './stored-run.js';

/** The runs that meet all conditions, newest first. @param runs - In the order of creation. */
export function listed(runs: ReadonlyMap<string, StoredRun>, { flow, status, blockedCode, limit = 100 }: RunFilter): RunRecord[] {
  const statuses = typeof status === 'string' ? [status] : status;
  const found: RunRecord[] = [];
  for (const { run } of [...runs.values()].reverse()) {
    if (found.length >= limit) break;
    const isListed =
      (flow === undefined || run.flow === flow) &&
      (statuses === undefined || statuses.includes(run.status)) &&
      (blockedCode === undefined || run.blockedCode === blockedCode);
    if (isListed) found.push(run);
  }
  return found;
}
