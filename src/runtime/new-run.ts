import { nanoid } from 'nanoid';
import type { RunRecord } from '../model/records.js';
import type { LeakPolicy } from './definitions.js';
import type { RunHost } from './host.js';

/** What the starter of a run asked for beyond its arguments, as it is stored. */
export interface RunOptions {
  readonly leaks?: LeakPolicy | undefined;
  /** Detached actions keep the key of the operation they were. */
  readonly idempotencyKey?: string | undefined;
  /** How long it may take, from its creation. */
  readonly timeoutMs?: number | undefined;
}

/** Digits of the time in a run's id: enough for some thousand years. */
const TIME_DIGITS = 9;
const RANDOM_CHARACTERS = 12;

/** The id of a run that was given none. It begins with the time, so that runs of one time lie together in the store: that makes writing them cheap. */
export function newRunId(nowMs: number): string {
  return nowMs.toString(36).padStart(TIME_DIGITS, '0') + nanoid(RANDOM_CHARACTERS);
}

interface NewRun {
  readonly id: string;
  readonly definition: { readonly name: string; readonly version: number };
  readonly input: string;
  readonly digest: string;
  readonly leaks?: LeakPolicy | undefined;
  readonly timeoutMs?: number | undefined;
  readonly idempotencyKey?: string;
  readonly parent?: { readonly runId: string; readonly operationId: string };
}

/** The record that creates a run of this worker, now. */
export function newRun(host: Pick<RunHost, 'workerId' | 'clock' | 'newSeed'>, run: NewRun): RunRecord {
  const { leaks, idempotencyKey, timeoutMs } = run;
  const options = JSON.stringify({ leaks, idempotencyKey, timeoutMs } satisfies RunOptions);
  return {
    id: run.id,
    flow: run.definition.name,
    version: run.definition.version,
    status: 'RUNNING',
    input: run.input,
    digest: run.digest,
    seed: host.newSeed(run.id),
    options: options === '{}' ? null : options,
    parentRunId: run.parent?.runId ?? null,
    parentOperationId: run.parent?.operationId ?? null,
    workerId: host.workerId,
    outcome: null,
    blockedCode: null,
    createdAt: host.clock.now(),
    finishedAt: null,
  };
}

export function runOptions(record: RunRecord): RunOptions {
  return record.options === null ? {} : (JSON.parse(record.options) as RunOptions);
}
