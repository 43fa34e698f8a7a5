import { expect } from 'vitest';
import type { OperationRecord, RunRecord } from '../../src/model/records.js';
import { isEnded } from '../../src/model/statuses.js';
import type { Store } from '../../src/store/store.js';

/** Everything a store holds. */
export interface History {
  readonly runs: ReadonlyMap<string, RunRecord>;
  readonly journals: ReadonlyMap<string, readonly OperationRecord[]>;
}

/** One run in its history. */
interface Case extends History {
  readonly run: RunRecord;
  readonly journal: readonly OperationRecord[];
  /** The entries with a sequence number, in that order. */
  readonly outcomes: readonly OperationRecord[];
}

/** When a history is well formed, whatever happened to the processes that wrote it. */
const PREDICATES: Readonly<Record<string, (given: Case) => boolean>> = {
  'outcomes are numbered from 1 without gaps or repeats': ({ outcomes }) => outcomes.every(({ seq }, index) => seq === index + 1),
  'each operation has one entry': ({ journal }) => new Set(journal.map(({ id }) => id)).size === journal.length,
  'every entry is of its run': ({ run, journal }) => journal.every(({ runId }) => runId === run.id),
  'an outcome has an end status, a text and a time': ({ outcomes }) =>
    outcomes.every(({ status, outcome, finishedAt }) => isEnded(status) && outcome !== null && finishedAt !== null),
  'an entry without an outcome was started or cancelled': ({ journal }) =>
    journal.every(({ seq, status }) => seq !== null || status === 'STARTED' || status === 'CANCELLED'),
  'outcomes never go back in time': ({ outcomes }) =>
    outcomes.every(({ finishedAt }, index) => index === 0 || (finishedAt as number) >= (outcomes[index - 1]?.finishedAt as number)),
  'no outcome is older than its start': ({ outcomes }) =>
    outcomes.every(({ startedAt, finishedAt }) => (finishedAt as number) >= startedAt),
  'no outcome is newer than the end of its run': ({ run, outcomes }) =>
    run.finishedAt === null || outcomes.every(({ finishedAt }) => (finishedAt as number) <= (run.finishedAt as number)),
  'a timer succeeds no sooner than it is due': ({ outcomes }) =>
    outcomes.every(
      ({ kind, status, dueAt, finishedAt }) => kind !== 'timer' || status !== 'SUCCEEDED' || (finishedAt as number) >= (dueAt as number),
    ),
  'an ended run has an outcome, a time and no owner': ({ run }) =>
    !isEnded(run.status) || (run.outcome !== null && run.finishedAt !== null && run.workerId === null && run.blockedCode === null),
  'an unfinished run has no end': ({ run }) => isEnded(run.status) || run.finishedAt === null,
  'a blocked run has a code and no owner': ({ run }) =>
    (run.status === 'BLOCKED') === (run.blockedCode !== null) && (run.blockedCode === null || run.workerId === null),
  'every child that was started exists': ({ journal, runs }) =>
    journal.every(({ childRunId }) => childRunId === null || runs.has(childRunId)),
  'every child has the entry that started it': ({ run, journals }) =>
    run.parentRunId === null ||
    (journals.get(run.parentRunId) ?? []).some(({ id, childRunId }) => id === run.parentOperationId && childRunId === run.id),
  "a child's outcome is its run's": ({ outcomes, runs }) =>
    outcomes.every(({ kind, childRunId, status, outcome }) => {
      const child = runs.get(childRunId ?? '');
      return kind !== 'flow' || (outcome as string).includes('RUN_ID_TAKEN') || (child?.status === status && child.outcome === outcome);
    }),
};

export async function historyOf(store: Store): Promise<History> {
  const runs = await store.listRuns({ limit: 1_000_000 });
  const journals = new Map<string, readonly OperationRecord[]>();
  for (const { id } of runs) journals.set(id, await store.loadJournal(id));
  return { runs: new Map(runs.map((run) => [run.id, run])), journals };
}

/** What of a history is not well formed; empty when all is. */
export function flawsOf(history: History): string[] {
  return [...history.runs.values()].flatMap((run) => {
    const journal = history.journals.get(run.id) ?? [];
    const outcomes = journal.filter(({ seq }) => seq !== null);
    const given: Case = { ...history, run, journal, outcomes };
    return Object.entries(PREDICATES)
      .filter(([, holds]) => !holds(given))
      .map(([rule]) => `${run.id}: not so: ${rule}`);
  });
}

export async function expectWellFormed(store: Store): Promise<History> {
  const history = await historyOf(store);
  expect(flawsOf(history)).toEqual([]);
  return history;
}
