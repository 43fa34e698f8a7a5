import { messageOf } from '../journal/read-entry.js';
import type { OperationRecord } from '../model/records.js';
import { isEnded } from '../model/statuses.js';

/** A journal, and its entries with a sequence number in that order. */
export interface JournalCase {
  readonly journal: readonly OperationRecord[];
  readonly outcomes: readonly OperationRecord[];
}

/** Rules by what they say. */
export type JournalRules = Readonly<Record<string, (given: JournalCase) => boolean>>;

/** When a journal is well formed, whatever happened to the processes that wrote it. */
export const JOURNAL_RULES: JournalRules = {
  'outcomes are numbered from 1 without gaps or repeats': ({ outcomes }) => outcomes.every(({ seq }, index) => seq === index + 1),
  'each operation has one entry': ({ journal }) => new Set(journal.map(({ id }) => id)).size === journal.length,
  'every entry is of one run': ({ journal }) => new Set(journal.map(({ runId }) => runId)).size <= 1,
  'an outcome has an end status, a text and a time': ({ outcomes }) =>
    outcomes.every(({ status, outcome, finishedAt }) => isEnded(status) && outcome !== null && finishedAt !== null),
  'an entry without a position in the order was started or cancelled, or has its message': ({ journal }) => {
    const messages = new Set<string | undefined>(journal.filter(({ kind }) => kind === 'message').map(({ id }) => id));
    return journal.every(
      (entry) =>
        entry.seq !== null ||
        entry.status === 'STARTED' ||
        entry.status === 'CANCELLED' ||
        entry.kind === 'patch' ||
        messages.has(messageOf(entry)),
    );
  },
  'a message is taken once': ({ journal }) => {
    const taken = journal.flatMap((entry) => messageOf(entry) ?? []);
    return new Set(taken).size === taken.length;
  },
  'outcomes never go back in time': ({ outcomes }) =>
    outcomes.every(({ finishedAt }, index) => index === 0 || (finishedAt as number) >= (outcomes[index - 1]?.finishedAt as number)),
  'no outcome is older than its start': ({ outcomes }) =>
    outcomes.every(({ startedAt, finishedAt }) => (finishedAt as number) >= startedAt),
  'a timer succeeds no sooner than it is due': ({ outcomes }) =>
    outcomes.every(
      ({ kind, status, dueAt, finishedAt }) => kind !== 'timer' || status !== 'SUCCEEDED' || (finishedAt as number) >= (dueAt as number),
    ),
};
