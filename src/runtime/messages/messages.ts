import { columnUnreadable } from '../../errors/value-unreadable.js';
import { isCount } from '../../model/forms.js';
import type { InboxMessage, RunRecord } from '../../model/records.js';

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

/** What a callback is completed with, or a sign of life of the work behind it. `secret` shows that the sender has the token. */
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

/** A message as its run takes it. */
export type ReadMessage =
  /** `meant`: whether the request is for this run. */
  | { readonly kind: 'cancel'; readonly meant: boolean; readonly reason: string | undefined }
  | ({ readonly kind: 'event' } & EventPayload)
  | ({ readonly kind: 'callback' } & CallbackPayload);

/** Reads a message for a run. @throws {TypeError | SyntaxError} when it is none that this version of perdure knows. */
export function readMessage(message: InboxMessage, record: RunRecord): ReadMessage {
  const { kind, id } = message;
  if (!isCount(id)) throw columnUnreadable('id', id);
  if (typeof message.payload !== 'string') throw unknownMessage(message);
  switch (kind) {
    case 'cancel':
      return { kind, ...readCancel(message, record) };
    case 'event':
      return { kind, ...readEvent(message) };
    case 'callback':
      return { kind, ...readCallback(message) };
    default:
      throw unknownMessage(message);
  }
}

/** Reads the answer to a callback. @throws {TypeError | SyntaxError} */
export function readCallback(message: InboxMessage): CallbackPayload {
  const { operationId, secret, end } = payloadOf<CallbackPayload>(message);
  if (typeof operationId !== 'string' || typeof secret !== 'string') throw unknownMessage(message);
  if (end === undefined) return { operationId, secret };
  if (typeof end !== 'object' || end === null || typeof end.text !== 'string') throw unknownMessage(message);
  if (end.status !== 'SUCCEEDED' && end.status !== 'FAILED') throw unknownMessage(message);
  return { operationId, secret, end };
}

function readEvent(message: InboxMessage): EventPayload {
  const { name, value } = payloadOf<EventPayload>(message);
  if (typeof name !== 'string' || typeof value !== 'string') throw unknownMessage(message);
  return { name, value };
}

function readCancel(message: InboxMessage, record: RunRecord): { readonly meant: boolean; readonly reason: string | undefined } {
  const { reason, parentRunId, parentOperationId } = payloadOf<CancelPayload>(message);
  const known = [reason, parentRunId, parentOperationId].every((text) => text === undefined || typeof text === 'string');
  if (!known) throw unknownMessage(message);
  const meant = parentRunId === undefined || (parentRunId === record.parentRunId && parentOperationId === record.parentOperationId);
  return { meant, reason };
}

function payloadOf<T>(message: InboxMessage): Partial<T> {
  const payload: unknown = JSON.parse(message.payload);
  if (typeof payload !== 'object' || payload === null) throw unknownMessage(message);
  return payload;
}

function unknownMessage({ kind }: InboxMessage): TypeError {
  return new TypeError(`it is no message of kind "${kind}" that this version of perdure knows`);
}
