export { type Action, type ActionCall, type ActionMethodOptions, type ActionOptions, action } from './api/action.js';
export type { AttemptOptions } from './api/attempt-options.js';
export type { BatchOptions } from './api/batch-options.js';
export { actionContext, type FlowContext, flowContext } from './api/contexts.js';
export { continueAsNew } from './api/continue-as-new.js';
export { type Callback, type CallbackOptions, callback, type EventOptions, event } from './api/event.js';
export { type Flow, type FlowCall, type FlowMethodOptions, type FlowOptions, flow } from './api/flow.js';
export { type ItemStartable, type MapFunction, type MapItems, type MapOptions, map } from './api/map.js';
export { open } from './api/open.js';
export {
  type Branch,
  type BranchValue,
  type BranchValues,
  type NamedBranch,
  type Parallel,
  type ParallelOptions,
  type ParallelResult,
  parallel,
} from './api/parallel.js';
export { patched } from './api/patched.js';
export { shield } from './api/shield.js';
export { type Sleep, sleep, sleepUntil } from './api/sleep.js';
export { type Startable, startable } from './api/startable.js';
export { now, random, uuid } from './api/values.js';
export { asCompleted, type CompletedFuture, type WaitOptions, wait } from './api/wait.js';
export {
  type PollDecision,
  type WaitForCondition,
  type WaitForConditionOptions,
  waitForCondition,
} from './api/wait-for-condition.js';
export type { BatchItem, BatchItemJson, FailedItem, SucceededItem, UnfinishedItem } from './batch/batch-item.js';
export type { BatchProgress } from './batch/batch-progress.js';
export { BatchResult, type BatchResultJson, type NamedBatchResult } from './batch/batch-result.js';
export type { UnfinishedPolicy } from './batch/batch-settings.js';
export {
  CompletionConfig,
  type CompletionDecision,
  type CompletionStatus,
  type CompletionThresholds,
  type CustomCompletion,
} from './batch/completion-policy.js';
export { type ErrorClass, registerError } from './codec/error-registry.js';
export type { Serdes } from './codec/serdes.js';
export type { CheckReport, Mismatch } from './engine/check.js';
export type { Engine } from './engine/engine.js';
export type { EngineListener } from './engine/event-emitter.js';
export type { EngineOptions } from './engine/options.js';
export type { CountFilter, ListFilter, PageFilter, RunPage } from './engine/queries/list-query.js';
export type { FailedAttemptInfo, OperationInfo } from './engine/queries/operations-tree.js';
export type { RunDetails } from './engine/queries/run-details.js';
export type { RunInfo } from './engine/queries/run-info.js';
export type { PendingOperation } from './engine/queries/waiting.js';
export type { Retention } from './engine/retention.js';
export type { StartableFlow, StartOptions } from './engine/startables.js';
export { ERROR_CODES, type ErrorCode } from './errors/codes.js';
export {
  CancelledError,
  ExecutionError,
  InterruptedError,
  LeakedFuturesError,
  NonDeterminismError,
  NonRetryableError,
  PerdureError,
  StorageError,
  type TimeoutCode,
  TimeoutError,
  UsageError,
} from './errors/errors.js';
export type { CancelledBy } from './futures/cancellation.js';
export {
  ALL_COMPLETED,
  FIRST_COMPLETED,
  FIRST_EXCEPTION,
  type ReturnWhen,
  type WaitResult,
} from './futures/conditions.js';
export type { DurableFuture, WaitLimit } from './futures/durable-future.js';
export type { Duration } from './model/duration.js';
export type { LogFields, Logger } from './model/logger.js';
export type {
  BatchItemStatus,
  BlockedCode,
  CompletionReason,
  EndStatus,
  FutureStatus,
  OperationKind,
  OperationStatus,
  RunStatus,
} from './model/statuses.js';
export type { AttemptInfo, Interceptor } from './runtime/attempts/interceptor.js';
export {
  createRetryStrategy,
  type Jitter,
  type RetryDecision,
  type RetryOptions,
  RetryPresets,
  type RetryStrategy,
} from './runtime/attempts/retry-strategy.js';
export type { Execution, LeakPolicy, NonDurableAwaitPolicy } from './runtime/definitions.js';
export type { EngineEvents, LeakedFuture } from './runtime/notices/engine-events.js';
export type { PlainError } from './runtime/notices/plain-value.js';
export type { ActionContext } from './runtime/scopes/current-place.js';
export { memoryStore } from './store/memory-store.js';
export type { SqliteDatabase, SqliteDriver, SqliteStatement, SqlRow, SqlValue } from './store/sqlite/driver.js';
export type { SqliteDriverName } from './store/sqlite/find-driver.js';
export type { SqliteStoreOptions } from './store/sqlite/sqlite-options.js';
export { sqliteStore } from './store/sqlite/sqlite-store.js';
