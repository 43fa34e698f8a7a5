import { type BatchProgress, isBatchProgress } from '../batch/batch-progress.js';
import { type Form, isCount, isMoment, isOrdinal, isText, isTime, jsonOf, listOf, oneOf, optional, withFields } from '../model/forms.js';
import type { OperationRecord } from '../model/records.js';
import { attemptRunId } from './numbering.js';

/** An attempt that failed. Times are milliseconds since the epoch. */
export interface FailedAttempt {
  /** From 1. */
  readonly attempt: number;
  /** Encoded. */
  readonly error: string;
  readonly startedAt: number;
  readonly failedAt: number;
}

/** What the next process has to know of an operation's attempts so far. */
export interface AttemptNotes {
  /** How many have failed. */
  readonly failures: number;
  /** The last of them. */
  readonly kept: readonly FailedAttempt[];
  /** When the next is due. Of a child run it is left out while one is under way; of an action it may stay, as no beginning is written: see `nextAttemptAt`. */
  readonly nextAt?: number | undefined;
  /** How many there may be, where the strategy says so. */
  readonly maxAttempts?: number | undefined;
  /** Where an attempt may be made once only: when the one under way began. */
  readonly begunAt?: number | undefined;
  /** Of a child run: its run does not wait for it. */
  readonly detached?: true | undefined;
  /** Of a timer: it limits a wait. When it ends, an event that has no other wait leaves its line. */
  readonly limit?: true;
  /** Of an event: the message that it took had been delivered before, while it was in no line. */
  readonly late?: true;
  /** Of a callback: when its last sign of life came. */
  readonly heartbeatAt?: number | undefined;
  /** Of a callback: the entry of the message that is its answer, from when its run has that. */
  readonly answer?: string | undefined;
  /** What was last said by `heartbeat`, encoded. */
  readonly heartbeat?: string | undefined;
  /** Of a condition that is waited for: how often it was looked at, and the encoded state that was found last. */
  readonly polls?: { readonly count: number; readonly state: string } | undefined;
  /** Of a batch that has no outcome: how far it had come in the commit of the note. Versions that had no such notes left it out. */
  readonly progress?: BatchProgress | undefined;
}

/** Whether a text has notes of attempts that this version can go by. */
export const areAttempts: Form = jsonOf(
  withFields({
    failures: isCount,
    kept: listOf(withFields({ attempt: isOrdinal, error: isText, startedAt: isTime, failedAt: isTime })),
    nextAt: optional(isMoment),
    // JSON has no infinite number.
    maxAttempts: optional((value) => value === null || typeof value === 'number'),
    begunAt: optional(isTime),
    detached: optional(oneOf([true])),
    limit: optional(oneOf([true])),
    late: optional(oneOf([true])),
    heartbeatAt: optional(isTime),
    answer: optional(isText),
    heartbeat: optional(isText),
    polls: optional(withFields({ count: isCount, state: isText })),
    progress: optional(isBatchProgress),
  }),
);

/** How many failed attempts of one operation are kept. */
const KEPT = 50;
/** Characters that an encoded error of a kept attempt may have. */
export const KEPT_ERROR_LENGTH = 8_000;

export const NO_ATTEMPTS: AttemptNotes = { failures: 0, kept: [] };

export function encodeAttempts(notes: AttemptNotes): string {
  return JSON.stringify(notes);
}

export function decodeAttempts(text: string | null | undefined): AttemptNotes {
  return text == null ? NO_ATTEMPTS : (JSON.parse(text) as AttemptNotes);
}

/** The notes of a batch. Written out: they are made whenever a branch ends. */
export function encodeProgress({ total, succeeded, failed, started }: BatchProgress): string {
  return `{"failures":0,"kept":[],"progress":{"total":${total},"succeeded":${succeeded},"failed":${failed},"started":${started}}}`;
}

/** One more has failed. */
export function withFailure({ failures, kept, heartbeat, polls, detached }: AttemptNotes, failed: FailedAttempt): AttemptNotes {
  return { failures: failures + 1, kept: [...kept, failed].slice(-KEPT), heartbeat, polls, detached };
}

/**
 * When the next attempt of an operation is due, if none is under way; `undefined` if one is.
 *
 * @param nowMs - What the time is as long as it is not finished. It matters for actions only.
 */
export function nextAttemptAt({ nextAt }: AttemptNotes, { kind, finishedAt }: OperationRecord, nowMs: number): number | undefined {
  if (nextAt === undefined || kind === 'flow') return nextAt;
  return nextAt > (finishedAt ?? nowMs) ? nextAt : undefined;
}

/** The run that makes an attempt of a child run; `undefined` of any other operation. */
export function attemptRunOf({ kind, childRunId }: OperationRecord, attempt: number): string | undefined {
  return kind === 'flow' && childRunId !== null ? attemptRunId(childRunId, attempt) : undefined;
}

/** The run of the last attempt of a child run, whether that is under way or over; the run that a detached action has become. */
export function lastRunOf(record: OperationRecord): string | undefined {
  const { kind, childRunId, status, attempts } = record;
  if (kind !== 'flow') return childRunId ?? undefined;
  const { failures, nextAt } = decodeAttempts(attempts);
  const last = status === 'FAILED' || nextAt !== undefined ? failures : failures + 1;
  return attemptRunOf(record, Math.max(1, last));
}

/**
 * What is kept of them when the operation has its outcome: nothing, when the first attempt was the only one and that is its outcome.
 *
 * @param failure - The outcome as the error of an attempt is kept; `null` when it is no failure.
 */
export function finalAttempts({ failures, kept, polls }: AttemptNotes, failure: string | null): string | null {
  const only = failures === 0 || (failures === 1 && kept[0]?.error === failure);
  return only && polls === undefined ? null : encodeAttempts({ failures, kept, polls });
}
