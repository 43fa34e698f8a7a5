import type { Codec } from '../codec/codec.js';
import { UsageError } from '../errors/errors.js';
import { messageOf } from '../journal/read-entry.js';
import type { InboxMessage, OperationRecord } from '../model/records.js';
import type { CallbackAddress } from '../runtime/messages/callback-token.js';
import { type CallbackAnswer, type CallbackPayload, readCallback } from '../runtime/messages/messages.js';

/** Why a callback takes no answer any more: it has one, or has come to its end without. */
export type ClosedBy = { readonly answer: CallbackAnswer } | { readonly answer?: undefined; readonly end: 'timed out' | 'was cancelled' };

/** Where it can be seen whether a callback is closed. */
interface CallbackTraces {
  readonly operation: OperationRecord | undefined;
  /** What lies in the inbox of its run. */
  readonly inbox: readonly InboxMessage[];
  /** The message that its run has taken out of the inbox for it. */
  readonly answer: OperationRecord | undefined;
}

/** What a callback is closed by, as far as it can be known. An answer that is on its way is the one that counts, or none does. */
export function closedBy({ operationId }: CallbackAddress, { operation, inbox, answer: taken }: CallbackTraces): ClosedBy | undefined {
  if (operation !== undefined && operation.status !== 'STARTED') return ended(operation);
  if (taken !== undefined) return ended(taken);
  const answer = inbox.map(answerIn).find((sent) => sent?.operationId === operationId)?.end;
  return answer && { answer };
}

/** The answer that a message brings, if it brings one that can be read. */
function answerIn(message: InboxMessage): CallbackPayload | undefined {
  if (message.kind !== 'callback') return undefined;
  try {
    const payload = readCallback(message);
    return payload.end && payload;
  } catch {
    return undefined;
  }
}

function ended(record: OperationRecord): ClosedBy {
  const { kind, status, outcome } = record;
  if (kind === 'message' || messageOf(record) !== undefined)
    return { answer: { status: status as CallbackAnswer['status'], text: outcome as string } };
  return { end: status === 'CANCELLED' ? 'was cancelled' : 'timed out' };
}

/** Whether an answer is the one that a callback has: who repeats it is told the same as the first time. */
export function isThat({ answer: known }: ClosedBy, answer: CallbackAnswer | undefined, codec: Codec): boolean {
  if (known === undefined || answer?.status !== known.status) return false;
  try {
    return known.status === 'SUCCEEDED' ? codec.sameValue(known.text, answer.text) : codec.sameError(known.text, answer.text);
  } catch {
    // One of them was written with another serdes.
    return false;
  }
}

export function callbackClosed(caller: string, { runId, operationId }: CallbackAddress, closed: ClosedBy): UsageError {
  const why = closed.answer === undefined ? closed.end : `has another answer (${closed.answer.status})`;
  return new UsageError(
    'CALLBACK_CLOSED',
    `${caller}: the callback (operation ${operationId} of run ${runId}) ${why}; this comes too late, and changes nothing`,
  );
}
