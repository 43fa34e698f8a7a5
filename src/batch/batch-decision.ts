import type { Codec } from '../codec/codec.js';
import { type Form, isText, jsonOf, oneOf, optional, withFields } from '../model/forms.js';
import { type BatchItemStatus, COMPLETION_REASONS, type CompletionReason } from '../model/statuses.js';
import type { BatchItem } from './batch-item.js';
import { type BatchResult, batchResult } from './batch-result.js';

/** That a batch is complete, as it is recorded: the values are in the branches' own entries. */
export interface BatchDecision {
  readonly reason: CompletionReason;
  /** A letter for each branch, in index order. */
  readonly items: string;
  readonly summary?: string;
  /** The whole result, where it has a serdes of its own. */
  readonly result?: string;
}

const LETTERS: Readonly<Record<BatchItemStatus, string>> = { SUCCEEDED: 'S', FAILED: 'F', STARTED: 'R', NOT_STARTED: 'N' };

/** Whether a text is a decision that this version can go by. */
export const isRecordedDecision: Form = jsonOf(
  withFields({
    reason: oneOf(COMPLETION_REASONS),
    items: (items) => typeof items === 'string' && /^[SFRN]*$/.test(items),
    summary: optional(isText),
    result: optional(isText),
  }),
);

/** What a decision says of the branches. */
export function encodeItems(statuses: readonly BatchItemStatus[]): string {
  return statuses.map((status) => LETTERS[status]).join('');
}

/** Where the names and outcomes of a batch's branches are found. */
export interface DecidedBranches {
  readonly codec: Pick<Codec, 'decode' | 'decodeError'>;
  readonly keys?: readonly string[] | undefined;
  nameOf(index: number): string;
  /** The encoded value or error of a branch that had ended. */
  outcomeOf(index: number): string;
}

/** The result that a decision and the outcomes of the branches make. */
export function decidedResult({ reason, items, summary }: BatchDecision, branches: DecidedBranches): BatchResult<unknown> {
  const all = Array.from(items, (letter, index) => itemOf(letter, index, branches));
  return batchResult({ all, completionReason: reason, summary, keys: branches.keys });
}

function itemOf(letter: string, index: number, { codec, nameOf, outcomeOf }: DecidedBranches): BatchItem<unknown> {
  const name = nameOf(index);
  switch (letter) {
    case LETTERS.SUCCEEDED:
      return { index, name, status: 'SUCCEEDED', result: codec.decode(outcomeOf(index)) };
    case LETTERS.FAILED:
      return { index, name, status: 'FAILED', error: codec.decodeError(outcomeOf(index)) };
    default:
      return { index, name, status: letter === LETTERS.STARTED ? 'STARTED' : 'NOT_STARTED' };
  }
}
