/**
 * The statuses of the design, and the rules about them. This is their only home.
 *
 * Run:        RUNNING, owned from its creation → SUCCEEDED | FAILED | CANCELLED. PENDING: released, until somebody claims it. BLOCKED, until `retry` or a
 *             registration ends that. SUSPENDED: without an owner while all that it waits for is far away; RUNNING when that is due and somebody claims it,
 *             PENDING when something is sent to it or a child of it has ended.
 * Operation:  STARTED → SUCCEEDED | FAILED | CANCELLED.
 * Batch item: NOT_STARTED → STARTED → SUCCEEDED | FAILED; what it is when its batch is complete, it stays.
 */
export type RunStatus = 'PENDING' | 'RUNNING' | 'SUSPENDED' | 'BLOCKED' | EndStatus;

/** The three ways in which a run, an operation or a future ends. */
export type EndStatus = 'SUCCEEDED' | 'FAILED' | 'CANCELLED';

/** The status of an operation. */
export type OperationStatus = 'STARTED' | EndStatus;

/** The status of a future: that of its operation, or of its run seen from outside. */
export type FutureStatus = OperationStatus;

/** Everything a run can ask for durably. */
export type OperationKind = 'action' | 'flow' | 'timer' | 'event' | 'parallel' | 'map' | 'branch';

/** Whether what is of this kind is a batch: its branches do the work. */
export function isBatch(kind: string): kind is 'parallel' | 'map' {
  return kind === 'parallel' || kind === 'map';
}

/** Why a run is `BLOCKED`. */
export type BlockedCode = 'FLOW_NOT_REGISTERED' | 'NON_DETERMINISM' | 'VALUE_UNREADABLE' | 'RECOVERY_LIMIT';

/** All statuses of runs. */
export const RUN_STATUSES: readonly RunStatus[] = ['PENDING', 'RUNNING', 'SUSPENDED', 'BLOCKED', 'SUCCEEDED', 'FAILED', 'CANCELLED'];

/** Whether a status is final. */
export function isEnded(status: RunStatus | OperationStatus): status is EndStatus {
  return status === 'SUCCEEDED' || status === 'FAILED' || status === 'CANCELLED';
}

/** What became of one branch of a `parallel` or `map`. */
export type BatchItemStatus = 'SUCCEEDED' | 'FAILED' | 'STARTED' | 'NOT_STARTED';

/** All statuses of batch items. */
export const BATCH_ITEM_STATUSES: readonly BatchItemStatus[] = ['SUCCEEDED', 'FAILED', 'STARTED', 'NOT_STARTED'];

/** Why a `parallel` or `map` was complete. */
export type CompletionReason =
  | 'ALL_COMPLETED'
  | 'MIN_SUCCESSFUL_REACHED'
  | 'FAILURE_TOLERANCE_EXCEEDED'
  | 'CUSTOM_COMPLETION_SUCCEEDED'
  | 'CUSTOM_COMPLETION_FAILED';

/** All reasons for which a batch can be complete. */
export const COMPLETION_REASONS: readonly CompletionReason[] = [
  'ALL_COMPLETED',
  'MIN_SUCCESSFUL_REACHED',
  'FAILURE_TOLERANCE_EXCEEDED',
  'CUSTOM_COMPLETION_SUCCEEDED',
  'CUSTOM_COMPLETION_FAILED',
];
