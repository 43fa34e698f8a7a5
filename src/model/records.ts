import type { BlockedCode, EndStatus, OperationKind, OperationStatus, RunStatus } from './statuses.js';

/** A run as it is stored. Texts marked «encoded» are the codec's; times are milliseconds since the epoch. */
export interface RunRecord {
  readonly id: string;
  readonly flow: string;
  readonly version: number;
  readonly status: RunStatus;
  /** Encoded array of arguments. */
  readonly input: string;
  readonly digest: string;
  /** Where `random()` and `uuid()` of this run come from. */
  readonly seed: string;
  /** What the starter asked for beyond the arguments, as JSON; `null` when nothing. */
  readonly options: string | null;
  readonly parentRunId: string | null;
  readonly parentOperationId: string | null;
  /** The worker that owns it; `null` while nobody does. */
  readonly workerId: string | null;
  /** Encoded value (`SUCCEEDED`) or encoded error (`FAILED`, `CANCELLED`, `BLOCKED` by non-determinism); `null` otherwise. */
  readonly outcome: string | null;
  readonly blockedCode: BlockedCode | null;
  readonly createdAt: number;
  readonly finishedAt: number | null;
}

/** What a journal entry records: an operation, a cancel request that took effect, or a message that was taken in. */
export type EntryKind = OperationKind | 'cancel' | 'message';

/** One entry of a run's journal: an operation's start, later overwritten in place by its outcome. */
export interface OperationRecord {
  readonly runId: string;
  /** Scope path and ordinal, such as `3` or `4.0.2`. */
  readonly id: string;
  readonly kind: EntryKind;
  readonly name: string;
  readonly digest: string;
  /**
   * Encoded arguments; `null` where the kind has none. Of a message: the id of the callback it is for, `null` for an event. Of an event or callback that
   * has its message: the message's id.
   */
  readonly input: string | null;
  readonly status: OperationStatus;
  /** Position among the run's outcomes, from 1; `null` for a start and for what was cancelled without an outcome. */
  readonly seq: number | null;
  /** Encoded value or error; `null` before the end. */
  readonly outcome: string | null;
  readonly startedAt: number;
  /** Commit time of the outcome. */
  readonly finishedAt: number | null;
  /** Timers: when they are due. */
  readonly dueAt: number | null;
  /** Child runs: their id. */
  readonly childRunId: string | null;
  /** What is to be known of its attempts, as JSON; `null` while none has failed. */
  readonly attempts: string | null;
}

/** A run's end, or its blocking. */
export interface RunEnd {
  readonly runId: string;
  readonly status: EndStatus | 'BLOCKED';
  readonly outcome: string;
  readonly blockedCode: BlockedCode | null;
  readonly finishedAt: number | null;
}

/** What others send to a run. `payload` is JSON. */
export interface InboxMessage {
  /** Given by the store, ascending; 0 before. */
  readonly id: number;
  readonly runId: string;
  readonly kind: 'cancel' | 'event' | 'callback';
  readonly payload: string;
}
