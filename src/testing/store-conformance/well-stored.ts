import { AssertionError } from 'node:assert';
import type { OperationRecord, RunRecord } from '../../model/records.js';
import { isEnded } from '../../model/statuses.js';
import type { Store } from '../../store/store.js';
import { historyOf } from '../well-formed.js';

/** A run and its journal as they came from a store. */
interface StoredRun {
  readonly run: RunRecord;
  readonly journal: readonly OperationRecord[];
}

/** What a store keeps up whatever is written to it. What only flows see to, such as outcomes without gaps, is no matter of it. */
const RULES: Readonly<Record<string, (given: StoredRun) => boolean>> = {
  'an ended run has an outcome, and neither an owner nor a code': ({ run }) =>
    !isEnded(run.status) || (run.outcome !== null && run.workerId === null && run.blockedCode === null),
  'a blocked run has a code and no owner': ({ run }) => run.status !== 'BLOCKED' || (run.blockedCode !== null && run.workerId === null),
  'a run that sleeps has no owner, and only one that sleeps says when it wakes': ({ run }) =>
    run.status === 'SUSPENDED' ? run.workerId === null : run.wakeAt === null,
  'every entry is of its run': ({ run, journal }) => journal.every(({ runId }) => runId === run.id),
  'each operation has one entry': ({ journal }) => new Set(journal.map(({ id }) => id)).size === journal.length,
  'an entry with a seq has ended': ({ journal }) => journal.every(({ seq, status }) => seq === null || isEnded(status)),
  'outcomes come first, in the order of seq': ({ journal }) =>
    journal.every(({ seq }, index) => seq === null || index === 0 || (journal[index - 1]?.seq ?? seq) < seq),
};

/**
 * Asserts that everything a store holds is well formed, whatever happened to it before.
 *
 * @throws {AssertionError} with the runs that are not, and the rules that they break.
 */
export async function assertWellStored(store: Store): Promise<void> {
  const { runs, journals } = await historyOf(store);
  const broken = [...runs.values()].flatMap((run) => {
    const given = { run, journal: journals.get(run.id) ?? [] };
    const rules = Object.entries(RULES).filter(([, holds]) => !holds(given));
    return rules.map(([rule]) => `${run.id}: not so: ${rule}`);
  });
  if (broken.length === 0) return;
  throw new AssertionError({ message: `the store holds what is not well formed; ${broken.join('; ')}`, actual: broken, expected: [] });
}
