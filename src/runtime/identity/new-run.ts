import { nanoid } from 'nanoid';
import { type Form, isMoment, isOrdinal, isText, isTime, jsonOf, oneOf, optional, orNull, withFields } from '../../model/forms.js';
import type { RunRecord } from '../../model/records.js';
import { mergedOptions, NO_OPTIONS } from '../../options/read-options.js';
import type { AttemptPolicy, Execution, LeakPolicy } from '../definitions.js';
import type { RunServices } from '../run-ports.js';

/** What the starter of a run asked for beyond its arguments, as it is stored. */
export interface RunOptions {
  readonly leaks?: LeakPolicy | undefined;
  /** Detached actions keep the key of the operation they were. */
  readonly idempotencyKey?: string | undefined;
  /** How a detached action is tried, where its call said otherwise than the action. Its strategy is code, and no part of it. */
  readonly attempts?: AttemptPolicy | undefined;
  /** How long it may take, from its creation. */
  readonly timeoutMs?: number | undefined;
  /** Of a run that has begun again: which time it is, and when that began. */
  readonly generation?: Generation | undefined;
  /** Of a run that goes on from a position in another: which, and where that began. */
  readonly forkOf?: { readonly runId: string; readonly beganAt: number } | undefined;
}

export interface Generation {
  /** From 2. */
  readonly number: number;
  /** Milliseconds since the epoch. */
  readonly beganAt: number;
  /** What the run was started with, by which another start of the same id is known. */
  readonly firstInput: string;
}

const isLimit = optional((value) => isMoment(value) && (value as number) >= 0);

/** Whether the options of a run are such that this version can go by them. */
export const areRunOptions: Form = orNull(
  jsonOf(
    withFields({
      leaks: optional(oneOf(['warn', 'error', 'ignore'] satisfies LeakPolicy[])),
      idempotencyKey: optional(isText),
      attempts: optional(
        withFields({
          timeoutMs: isLimit,
          scheduleTimeoutMs: isLimit,
          heartbeatTimeoutMs: isLimit,
          execution: optional(oneOf(['at-least-once', 'at-most-once'] satisfies Execution[])),
        }),
      ),
      timeoutMs: isLimit,
      generation: optional(withFields({ number: isOrdinal, beganAt: isTime, firstInput: isText })),
      forkOf: optional(withFields({ runId: isText, beganAt: isTime })),
    }),
  ),
);

/** Digits of the time in a run's id: enough for some thousand years. */
const TIME_DIGITS = 9;
const RANDOM_CHARACTERS = 12;

/** The id of a run that was given none. It begins with the time, so that runs of one time lie together in the store: that makes writing them cheap. */
export function newRunId(nowMs: number): string {
  return nowMs.toString(36).padStart(TIME_DIGITS, '0') + nanoid(RANDOM_CHARACTERS);
}

interface NewRun {
  readonly id: string;
  readonly definition: { readonly name: string; readonly version: number; readonly timeoutMs?: number | undefined };
  readonly input: string;
  readonly digest: string;
  readonly leaks?: LeakPolicy | undefined;
  /** Default: that of the definition. */
  readonly timeoutMs?: number | undefined;
  readonly idempotencyKey?: string;
  readonly attempts?: AttemptPolicy | undefined;
  readonly parent?: { readonly runId: string; readonly operationId: string };
}

/** The record that creates a run, now: one of this worker, or one without an owner. */
export function newRun(services: Pick<RunServices, 'clock' | 'newSeed'> & { readonly workerId: string | null }, run: NewRun): RunRecord {
  const { leaks, idempotencyKey, attempts, timeoutMs = run.definition.timeoutMs } = run;
  return {
    id: run.id,
    flow: run.definition.name,
    version: run.definition.version,
    status: services.workerId === null ? 'PENDING' : 'RUNNING',
    input: run.input,
    digest: run.digest,
    seed: services.newSeed(run.id),
    options: encodeRunOptions({ leaks, idempotencyKey, attempts, timeoutMs }),
    parentRunId: run.parent?.runId ?? null,
    parentOperationId: run.parent?.operationId ?? null,
    workerId: services.workerId,
    outcome: null,
    blockedCode: null,
    createdAt: services.clock.now(),
    finishedAt: null,
    crashes: 0,
    wakeAt: null,
  };
}

export function encodeRunOptions(options: RunOptions): string | null {
  const text = JSON.stringify(options);
  return text === '{}' ? null : text;
}

/** When the time of a run begins, as its code knows it. */
export function beganAt(record: RunRecord): number {
  const { generation, forkOf } = runOptions(record);
  return generation?.beganAt ?? forkOf?.beganAt ?? record.createdAt;
}

export function runOptions(record: RunRecord): RunOptions {
  return record.options === null ? NO_OPTIONS : mergedOptions(JSON.parse(record.options) as RunOptions);
}
