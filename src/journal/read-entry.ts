import { splitBatchInput } from '../batch/batch-input.js';
import { type BranchNotes, branchNotes } from '../batch/branch-notes.js';
import { type RecordedPolicy, recordedPolicy } from '../batch/recorded-policy.js';
import { assertNever } from '../model/assert-never.js';
import type { OperationRecord } from '../model/records.js';

/** What a batch is recorded with: its policy, and what its branches are. */
export interface BatchEntry {
  readonly policy: RecordedPolicy;
  readonly content: string;
}

/** What the texts of a journal entry stand for: a record keeps them in the same two fields, whatever its kind. */
export type ReadEntry =
  /** `input`: the encoded arguments. */
  | { readonly kind: 'action' | 'flow'; readonly input: string }
  | { readonly kind: 'timer' | 'cancel' | 'patch' }
  /** `messageId`: the entry of the message that it has; `null` while it has none. */
  | { readonly kind: 'event' | 'callback'; readonly messageId: string | null }
  /** `callbackId`: the callback that it answers; `null` for an event. `takerId`, in a fork: the event that took it in the run it is a fork of. */
  | { readonly kind: 'message'; readonly callbackId: string | null; readonly takerId: string | undefined }
  | ({ readonly kind: 'parallel' | 'map' } & BatchEntry)
  | { readonly kind: 'branch'; readonly notes: BranchNotes };

/** Reads an entry whose columns have been checked. */
export function readEntry(record: Pick<OperationRecord, 'kind' | 'input' | 'digest'>): ReadEntry {
  const { kind, input, digest } = record;
  switch (kind) {
    case 'action':
    case 'flow':
      return { kind, input: input as string };
    case 'timer':
    case 'cancel':
    case 'patch':
      return { kind };
    case 'event':
      return { kind: digest === CALLBACK_DIGEST ? 'callback' : 'event', messageId: input };
    case 'message':
      return { kind, callbackId: input, takerId: digest === '' ? undefined : digest };
    case 'parallel':
    case 'map':
      return { kind, ...readBatch(record) };
    case 'branch':
      return { kind, notes: branchNotes({ input }) };
    default:
      return assertNever(kind);
  }
}

/** Reads the entry of a batch. */
export function readBatch({ input }: Pick<OperationRecord, 'input'>): BatchEntry {
  return { policy: recordedPolicy(input as string), content: splitBatchInput(input as string).content };
}

/** What tells the entry of a callback from that of an event. */
export const CALLBACK_DIGEST = 'callback';

/** The message that an event or a callback has; `undefined` when it has none, or is something else. */
export function messageOf(record: Pick<OperationRecord, 'kind' | 'input'>): string | undefined {
  return record.kind === 'event' && record.input !== null ? record.input : undefined;
}
