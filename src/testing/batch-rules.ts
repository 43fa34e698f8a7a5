import { splitBatchInput } from '../journal/batch-input.js';
import type { OperationRecord } from '../model/records.js';
import { isBatch as isBatchKind } from '../model/statuses.js';
import type { JournalRules } from './journal-rules.js';

/** When the entries of batches and branches fit together. */
export const BATCH_RULES: JournalRules = {
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
  return isBatchKind(kind);
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
  const { policy, content } = splitBatchInput(input as string);
  return { policy: JSON.parse(policy) as Policy, content };
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
