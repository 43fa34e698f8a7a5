import type { Slices } from '../../clock/slices.js';
import type { RunRecord } from '../../model/records.js';
import type { Store } from '../../store/store.js';

/** Runs that are read at once. */
const RUNS_A_READ = 500;

/** The runs of these ids that exist, read in pieces. */
export async function runsById(
  store: Pick<Store, 'getRuns'>,
  ids: readonly string[],
  slices: Slices,
): Promise<ReadonlyMap<string, RunRecord>> {
  const runs = new Map<string, RunRecord>();
  for (let at = 0; at < ids.length; at += RUNS_A_READ) {
    if (slices.over) await slices.next();
    for (const run of await store.getRuns(ids.slice(at, at + RUNS_A_READ))) runs.set(run.id, run);
  }
  return runs;
}
