import type { InboxMessage, RunRecord } from '../model/records.js';

interface CancelPayload {
  readonly reason?: string;
  /** Only a run with this parent is meant: a run that was merely attached to is not cancelled along. */
  readonly parentRunId?: string;
  readonly parentOperationId?: string;
}

/** A message for `event(name)`. */
export interface EventPayload {
  readonly name: string;
  /** Encoded. */
  readonly value: string;
}

/** What a callback is completed with, or a sign of life of whoever will. `secret` shows that the sender has the token. */
export interface CallbackPayload {
  readonly operationId: string;
  readonly secret: string;
  /** Left out for a sign of life. */
  readonly end?: CallbackAnswer;
}

/** What a callback is to come to; the text is encoded. */
export interface CallbackAnswer {
  readonly status: 'SUCCEEDED' | 'FAILED';
  readonly text: string;
}

/** The request to cancel a run, as it lies in the run's inbox. */
export function cancelMessage(runId: string, payload: CancelPayload): InboxMessage {
  return { id: 0, runId, kind: 'cancel', payload: JSON.stringify(payload) };
}

export function eventMessage(runId: string, payload: EventPayload): InboxMessage {
  return { id: 0, runId, kind: 'event', payload: JSON.stringify(payload) };
}

export function callbackMessage(runId: string, payload: CallbackPayload): InboxMessage {
  return { id: 0, runId, kind: 'callback', payload: JSON.stringify(payload) };
}

/** What a cancel request says to this run; `undefined` when it is not meant for it. */
export function readCancel(message: InboxMessage, record: RunRecord): { readonly reason: string | undefined } | undefined {
  const { reason, parentRunId, parentOperationId } = JSON.parse(message.payload) as CancelPayload;
  const meant = parentRunId === undefined || (parentRunId === record.parentRunId && parentOperationId === record.parentOperationId);
  return meant ? { reason } : undefined;
}

export function readEvent({ payload }: InboxMessage): EventPayload {
  return JSON.parse(payload) as EventPayload;
}

export function readCallback({ payload }: InboxMessage): CallbackPayload {
  return JSON.parse(payload) as CallbackPayload;
}
