import type { InboxMessage, RunRecord } from '../model/records.js';

interface CancelPayload {
  readonly reason?: string;
  /** Only a run with this parent is meant: a run that was merely attached to is not cancelled along. */
  readonly parentRunId?: string;
  readonly parentOperationId?: string;
}

/** The request to cancel a run, as it lies in the run's inbox. */
export function cancelMessage(runId: string, payload: CancelPayload): InboxMessage {
  return { id: 0, runId, kind: 'cancel', payload: JSON.stringify(payload) };
}

/** What a cancel request says to this run; `undefined` when it is not meant for it. */
export function readCancel(message: InboxMessage, record: RunRecord): { readonly reason: string | undefined } | undefined {
  const { reason, parentRunId, parentOperationId } = JSON.parse(message.payload) as CancelPayload;
  const meant = parentRunId === undefined || (parentRunId === record.parentRunId && parentOperationId === record.parentOperationId);
  return meant ? { reason } : undefined;
}
