import type { BatchDecision } from '../batch/batch-decision.js';
import { reasonToComplete } from '../batch/completion-policy.js';
import type { RecordedPolicy } from '../batch/recorded-policy.js';
import { operationId, scopeOf } from '../journal/numbering.js';
import { readBatch } from '../journal/read-entry.js';
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
  'nothing happens in a branch that has ended, and what it left behind was stopped or goes on as a run': ({ journal }) => {
    const ends = new Map<string, number>();
    for (const { id, seq } of journal.filter(isEndedBranch)) ends.set(id, Math.min(seq, ends.get(id) ?? seq));
    return journal.every(({ id, seq, status, childRunId }) =>
      around(id).every((branch) => {
        const end = ends.get(branch);
        return end === undefined || (seq === null ? status !== 'STARTED' || childRunId !== null : seq < end);
      }),
    );
  },
  'the decision of a batch comes right behind the branch that it was made at': ({ outcomes }) =>
    outcomes.filter(isBatch).every((batch) => {
      const before = outcomes[(batch.seq as number) - 2];
      return isEmptyBatch(batch) || (before?.kind === 'branch' && scopeOf(before.id) === batch.id);
    }),
  'the decision of a batch and the branch that it was made at are committed together': ({ outcomes }) =>
    outcomes.filter(isBatch).every((batch) => isEmptyBatch(batch) || batch.finishedAt === outcomes[(batch.seq as number) - 2]?.finishedAt),
  'a decision says of each branch what is recorded of it before': ({ outcomes }) =>
    decided(outcomes).every(({ batch, items, before }) => {
      const letters = new Map(before.map(({ id, status }) => [id, status === 'SUCCEEDED' ? 'S' : 'F']));
      const agrees = Array.from(items, (letter, index) => (letters.get(operationId(batch.id, index)) ?? letter) === letter);
      return agrees.every(Boolean) && letters.size === items.replace(/[RN]/g, '').length && /^[SFR]*N*$/.test(items);
    }),
  'a decision has a letter for each branch': ({ outcomes }) =>
    decided(outcomes).every(
      ({ batch, items, content }) => batch.kind !== 'parallel' || items.length === (JSON.parse(content) as string[]).length,
    ),
  'a branch that was not started when its batch was complete never is': ({ journal, outcomes }) => {
    const items = new Map(decided(outcomes).map((each) => [each.batch.id, each.items]));
    const isBarred = (branch: string): boolean => items.get(scopeOf(branch))?.[Number(branch.slice(branch.lastIndexOf('.') + 1))] === 'N';
    return journal.every(({ id }) => ![...around(id), id].some(isBarred));
  },
  'no branch ends after the decision that cancels it': ({ outcomes }) =>
    decided(outcomes).every(({ policy, branches, before }) => policy.unfinished === 'leave' || branches.length === before.length),
  'no more branches are begun than may run at once': ({ outcomes }) =>
    decided(outcomes).every(({ items, policy }) => {
      const begun = items.replace(/N/g, '').length;
      const ended = items.replace(/[RN]/g, '').length;
      return begun === Math.min(items.length, (policy.maxConcurrency ?? items.length) + Math.max(0, ended - 1));
    }),
  'a batch is complete for the reason that its recorded limits give, and no sooner': ({ outcomes }) =>
    decided(outcomes).every(({ items, reason, before, policy: { limits } }) => {
      if (limits === undefined) return reason.startsWith('CUSTOM_') || (reason === 'ALL_COMPLETED' && /^[SF]*$/.test(items));
      const counts = { succeeded: 0, failed: 0, total: items.length };
      const reasonNow = (): string | undefined => reasonToComplete(limits, { ...counts, items: () => [] });
      for (const { status } of before) {
        if (reasonNow() !== undefined) return false;
        counts[status === 'FAILED' ? 'failed' : 'succeeded'] += 1;
      }
      return reasonNow() === reason;
    }),
};

/** An entry with a position in the order. */
type Ended = OperationRecord & { readonly seq: number };

function isBatch({ kind }: OperationRecord): boolean {
  return isBatchKind(kind);
}

function isEndedBranch(entry: OperationRecord): entry is Ended {
  return entry.kind === 'branch' && entry.seq !== null;
}

/** What an operation or a branch lies in, by its id: batches, at odd depths, and their branches, outermost first. */
function around(id: string): string[] {
  const parts = id.split('.');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('.'));
}

/** The batches around an operation or a branch. */
function batchesAround(id: string): string[] {
  return around(id).filter((_, index) => index % 2 === 0);
}

function isEmptyBatch(record: OperationRecord): boolean {
  return readBatch(record).content === '[]';
}

interface Decided extends BatchDecision {
  readonly batch: Ended;
  readonly policy: RecordedPolicy;
  readonly content: string;
  /** Its branches that have ended, in order, and those of them that had by then. */
  readonly branches: readonly Ended[];
  readonly before: readonly Ended[];
}

/** The batches that have come to a decision. */
function decided(outcomes: readonly OperationRecord[]): Decided[] {
  const byBatch = new Map<string, Ended[]>();
  for (const branch of outcomes.filter(isEndedBranch)) {
    const batchId = scopeOf(branch.id);
    const branches = byBatch.get(batchId);
    if (branches === undefined) byBatch.set(batchId, [branch]);
    else branches.push(branch);
  }
  return outcomes
    .filter((entry): entry is Ended => isBatch(entry) && entry.status === 'SUCCEEDED')
    .map((batch) => {
      const { policy, content } = readBatch(batch);
      const branches = byBatch.get(batch.id) ?? [];
      return {
        ...(JSON.parse(batch.outcome as string) as BatchDecision),
        batch,
        policy,
        content,
        branches,
        before: branches.filter(({ seq }) => seq < batch.seq),
      };
    });
}
