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
  'an ended run has stopped what it had started, but for what goes on as a run': ({ run, journal }) =>
    !isEnded(run.status) || journal.every(({ status, childRunId }) => isEnded(status) || childRunId !== null),
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
  'a branch has a place of its own below that of a batch, and nothing else has': ({ journal }) =>
    journal.every(({ id, kind }) => (kind === 'branch') === (id.split('.').length % 2 === 0)),
  'the batch of every branch is recorded, and so are those of every operation in a branch': ({ journal }) => {
    const batches = new Set(journal.filter(isBatch).map(({ id }) => id));
    return journal.every(({ id }) => batchesAround(id).every((batch) => batches.has(batch)));
  },
  'a branch is recorded with its outcome': ({ journal }) =>
    journal.every(({ kind, seq, status }) => kind !== 'branch' || (seq !== null && (status === 'SUCCEEDED' || status === 'FAILED'))),
  'nothing happens in a branch that has ended, and what it left behind was stopped or goes on as a run': ({ journal }) =>
    endedBranches(journal).every(({ id: branch, seq: end }) =>
      journal
        .filter(({ id }) => id.startsWith(`${branch}.`))
        .every(({ seq, status, childRunId }) => (seq === null ? status === 'CANCELLED' || childRunId !== null : seq < (end as number))),
    ),
  'the decision of a batch comes right behind the branch that it was made at': ({ outcomes }) =>
    outcomes.filter(isBatch).every((batch) => {
      const before = outcomes[(batch.seq as number) - 2];
      return isEmptyBatch(batch) || (before?.kind === 'branch' && batchOf(before.id) === batch.id);
    }),
  'the decision of a batch and the branch that it was made at are committed together': ({ outcomes }) =>
    outcomes.filter(isBatch).every((batch) => isEmptyBatch(batch) || batch.finishedAt === outcomes[(batch.seq as number) - 2]?.finishedAt),
  'a decision says of each branch what is recorded of it before': ({ outcomes }) =>
    decided(outcomes).every(({ batch, items }) => {
      const letters = new Map<string, string>();
      for (const { id, seq, status } of branchesOf(batch, outcomes))
        if (seq < batch.seq) letters.set(id, status === 'SUCCEEDED' ? 'S' : 'F');
      const agrees = Array.from(items, (letter, index) => (letters.get(`${batch.id}.${index}`) ?? letter) === letter);
      return agrees.every(Boolean) && letters.size === items.replace(/[RN]/g, '').length && /^[SFR]*N*$/.test(items);
    }),
  'a decision has a letter for each branch': ({ outcomes }) =>
    decided(outcomes).every(
      ({ batch, items, content }) => batch.kind !== 'parallel' || items.length === (JSON.parse(content) as string[]).length,
    ),
  'a branch that was not started when its batch was complete never is': ({ journal, outcomes }) =>
    decided(outcomes).every(({ batch, items }) =>
      journal.every(({ id }) => !id.startsWith(`${batch.id}.`) || items[Number(id.slice(batch.id.length + 1).split('.')[0])] !== 'N'),
    ),
  'no branch ends after the decision that cancels it': ({ outcomes }) =>
    decided(outcomes).every(
      ({ batch, policy }) => policy.unfinished === 'leave' || branchesOf(batch, outcomes).every(({ seq }) => seq < batch.seq),
    ),
  'no more branches are begun than may run at once': ({ outcomes }) =>
    decided(outcomes).every(({ items, policy }) => {
      const begun = items.replace(/N/g, '').length;
      const ended = items.replace(/[RN]/g, '').length;
      return begun === Math.min(items.length, (policy.maxConcurrency ?? items.length) + Math.max(0, ended - 1));
    }),
  'a batch is complete for the reason that its recorded limits give, and no sooner': ({ outcomes }) =>
    decided(outcomes).every(({ batch, items, reason, policy: { limits } }) => {
      if (limits === undefined) return reason.startsWith('CUSTOM_') || (reason === 'ALL_COMPLETED' && /^[SF]*$/.test(items));
      const ends = branchesOf(batch, outcomes).filter(({ seq }) => seq < batch.seq);
      const reasons = Array.from({ length: ends.length + 1 }, (_, count) => reasonAfter(ends.slice(0, count), items.length, limits));
      return reasons.every((each, count) => each === (count === ends.length ? reason : undefined));
    }),
};

interface Limits {
  readonly minSuccessful?: number;
  readonly toleratedFailureCount?: number;
  readonly toleratedFailurePercentage?: number;
}

interface Policy {
  readonly maxConcurrency?: number;
  readonly unfinished: 'cancel' | 'leave';
  readonly limits?: Limits;
}

/** An entry with a place in the order. */
type Ended = OperationRecord & { readonly seq: number };

function isBatch({ kind }: OperationRecord): boolean {
  return kind === 'parallel' || kind === 'map';
}

/** The batches around an operation or a branch, by its id. */
function batchesAround(id: string): string[] {
  const parts = id.split('.');
  return parts.flatMap((_, index) => (index % 2 === 1 ? [parts.slice(0, index).join('.')] : []));
}

function batchOf(branch: string): string {
  return branch.slice(0, branch.lastIndexOf('.'));
}

function endedBranches(entries: readonly OperationRecord[]): Ended[] {
  return entries.filter((entry): entry is Ended => entry.kind === 'branch' && entry.seq !== null);
}

function branchesOf(batch: OperationRecord, outcomes: readonly OperationRecord[]): Ended[] {
  return endedBranches(outcomes).filter(({ id }) => batchOf(id) === batch.id);
}

/** The policy that a batch was recorded with, and what its branches are: the names, or the encoded list. */
function inputOf({ input }: OperationRecord): { policy: Policy; content: string } {
  const text = input as string;
  const end = text.indexOf('\n');
  return { policy: JSON.parse(text.slice(0, end)) as Policy, content: text.slice(end + 1) };
}

function isEmptyBatch(batch: OperationRecord): boolean {
  return inputOf(batch).content === '[]';
}

interface Decided {
  readonly batch: Ended;
  readonly reason: string;
  readonly items: string;
  readonly policy: Policy;
  readonly content: string;
}

/** The batches that have come to a decision. */
function decided(outcomes: readonly OperationRecord[]): Decided[] {
  return outcomes
    .filter((entry): entry is Ended => isBatch(entry) && entry.status === 'SUCCEEDED')
    .map((batch) => ({ batch, ...(JSON.parse(batch.outcome as string) as { reason: string; items: string }), ...inputOf(batch) }));
}

/** Why a batch of so many is complete when these have ended; `undefined` when it is not. */
function reasonAfter(ends: readonly OperationRecord[], total: number, limits: Limits): string | undefined {
  const failed = ends.filter(({ status }) => status === 'FAILED').length;
  const { minSuccessful = Number.POSITIVE_INFINITY, toleratedFailureCount = total, toleratedFailurePercentage = 100 } = limits;
  if (failed > toleratedFailureCount || failed * 100 > toleratedFailurePercentage * total) return 'FAILURE_TOLERANCE_EXCEEDED';
  if (ends.length === total) return 'ALL_COMPLETED';
  return ends.length - failed >= minSuccessful ? 'MIN_SUCCESSFUL_REACHED' : undefined;
}

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
