import { AssertionError } from 'node:assert';
import { decodeAttempts, lastRunOf } from '../journal/attempt-notes.js';
import type { OperationRecord, RunRecord } from '../model/records.js';
import { isEnded } from '../model/statuses.js';
import { runOptions } from '../runtime/identity/new-run.js';
import { journalOf } from '../store/journal-of.js';
import type { Store } from '../store/store.js';
import { BATCH_RULES } from './batch-rules.js';
import { JOURNAL_RULES, type JournalCase, type JournalRules } from './journal-rules.js';
import { recordsOf } from './reading.js';
import { readJournal } from './run-journal.js';

/** Everything a store holds. */
export interface History {
  readonly runs: ReadonlyMap<string, RunRecord>;
  readonly journals: ReadonlyMap<string, readonly OperationRecord[]>;
}

/** A run and its journal. */
interface RunCase extends JournalCase {
  readonly run: RunRecord;
}

/** One run in its history. */
interface WorldCase extends History, RunCase {}

const RULES: JournalRules = { ...JOURNAL_RULES, ...BATCH_RULES };

/** When a run fits its journal. */
const RUN_RULES: Readonly<Record<string, (given: RunCase) => boolean>> = {
  'every entry is of its run': ({ run, journal }) => journal.every(({ runId }) => runId === run.id),
  'no outcome is newer than the end of its run': ({ run, outcomes }) =>
    run.finishedAt === null || outcomes.every(({ finishedAt }) => (finishedAt as number) <= (run.finishedAt as number)),
  'an ended run has an outcome, a time and no owner': ({ run }) =>
    !isEnded(run.status) || (run.outcome !== null && run.finishedAt !== null && run.workerId === null && run.blockedCode === null),
  'an ended run has stopped what it had started, but for what goes on as a run': ({ run, journal }) =>
    !isEnded(run.status) || journal.every(({ status, childRunId }) => isEnded(status) || childRunId !== null),
  'an unfinished run has no end': ({ run }) => isEnded(run.status) || run.finishedAt === null,
  'a blocked run has a code and no owner': ({ run }) =>
    (run.status === 'BLOCKED') === (run.blockedCode !== null) && (run.blockedCode === null || run.workerId === null),
};

/** When a run fits the other runs. */
const WORLD_RULES: Readonly<Record<string, (given: WorldCase) => boolean>> = {
  'every child that was started exists': ({ run, journal, runs }) =>
    isForked(run) || journal.every(({ childRunId }) => childRunId === null || runs.has(childRunId)),
  'every child has the entry that started it': ({ run, runs, journals }) =>
    run.parentRunId === null ||
    hasGenerations(runs.get(run.parentRunId)) ||
    (journals.get(run.parentRunId) ?? []).some(
      ({ id, childRunId }) => id === run.parentOperationId && childRunId !== null && run.id.startsWith(childRunId),
    ),
  "a child's outcome is its run's": ({ run, outcomes, runs }) =>
    isForked(run) ||
    outcomes.every((entry) => {
      const { kind, status, outcome, attempts } = entry;
      // It was cancelled before there was another attempt.
      if (status === 'CANCELLED' && decodeAttempts(attempts).failures > 0) return true;
      const child = runs.get(lastRunOf(entry) ?? '');
      return kind !== 'flow' || (outcome as string).includes('RUN_ID_TAKEN') || (child?.status === status && child.outcome === outcome);
    }),
};

function hasGenerations(run: RunRecord | undefined): boolean {
  return run !== undefined && runOptions(run).generation !== undefined;
}

/** What a run has before it was forked, another has done. */
function isForked(run: RunRecord): boolean {
  return runOptions(run).forkOf !== undefined;
}

export async function historyOf(store: Store): Promise<History> {
  const runs = await recordsOf(store);
  const journals = new Map<string, readonly OperationRecord[]>();
  for (const { id } of runs) journals.set(id, await journalOf(store, id));
  return { runs: new Map(runs.map((run) => [run.id, run])), journals };
}

/** What of a history is not well formed; empty when all is. */
export function flawsOf(history: History): string[] {
  return [...history.runs.values()].flatMap((run) => {
    const given: WorldCase = { ...history, run, ...journalCase(history.journals.get(run.id) ?? []) };
    const broken = [...brokenRules(RULES, given), ...brokenRules(RUN_RULES, given), ...brokenRules(WORLD_RULES, given)];
    return broken.map((rule) => `${run.id}: not so: ${rule}`);
  });
}

/**
 * Asserts that a journal is one that perdure can have written, such as `report.journal`.
 *
 * @throws {AssertionError} with the rules that it breaks.
 * @throws {UsageError} `INVALID_ARGUMENT` when it is no journal.
 */
export function assertWellFormed(journal: readonly unknown[]): void {
  const { run, operations } = readJournal('assertWellFormed(journal)', journal);
  const given = { run, ...journalCase(operations) };
  const broken = [...brokenRules(RULES, given), ...brokenRules(RUN_RULES, given)];
  if (broken.length === 0) return;
  throw new AssertionError({ message: `the journal is not well formed; not so: ${broken.join('; ')}`, actual: broken, expected: [] });
}

function journalCase(journal: readonly OperationRecord[]): JournalCase {
  const outcomes = journal.filter(({ seq }) => seq !== null).sort((a, b) => (a.seq as number) - (b.seq as number));
  return { journal, outcomes };
}

function brokenRules<C>(rules: Readonly<Record<string, (given: C) => boolean>>, given: C): string[] {
  return Object.entries(rules)
    .filter(([, holds]) => !holds(given))
    .map(([rule]) => rule);
}
