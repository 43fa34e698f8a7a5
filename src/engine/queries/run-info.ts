import type { Codec } from '../../codec/codec.js';
import { UsageError } from '../../errors/errors.js';
import type { RunRecord } from '../../model/records.js';
import type { BlockedCode, RunStatus } from '../../model/statuses.js';
import { toldValue, toldWhenRead } from './told.js';

/** What `engine.get` and `engine.list` tell of a run. */
export interface RunInfo {
  readonly id: string;
  readonly flow: string;
  readonly version: number;
  readonly status: RunStatus;
  /** The arguments. */
  readonly args: readonly unknown[];
  /** The value of a run that has succeeded. */
  readonly result?: unknown;
  /** The error of a run that has failed, was cancelled or is blocked. */
  readonly error?: Error;
  readonly blockedCode?: BlockedCode;
  /** The run and operation that started it; absent for runs started from outside. */
  readonly parent?: { readonly runId: string; readonly operationId: string };
  readonly createdAt: Date;
  readonly finishedAt?: Date;
}

/** Tells of a run. Values and errors are decoded when they are read: one that this process cannot decode hides nothing else. */
export function runInfo(record: RunRecord, codec: Codec): RunInfo {
  const { id, flow, version, status, outcome, blockedCode, parentRunId, parentOperationId, createdAt, finishedAt } = record;
  const info: RunInfo = {
    id,
    flow,
    version,
    status,
    get args(): readonly unknown[] {
      return toldValue(codec.decodeArguments(record.input));
    },
    ...(blockedCode === null ? {} : { blockedCode }),
    ...(parentRunId === null ? {} : { parent: { runId: parentRunId, operationId: parentOperationId as string } }),
    createdAt: new Date(createdAt),
    ...(finishedAt === null ? {} : { finishedAt: new Date(finishedAt) }),
  };
  if (status === 'SUCCEEDED')
    Object.defineProperty(info, 'result', { get: () => toldValue(codec.decode(outcome as string)), enumerable: true });
  else if (outcome !== null) Object.defineProperty(info, 'error', { get: () => toldValue(codec.decodeError(outcome)), enumerable: true });
  return toldWhenRead(info);
}

export function runNotFound(runId: string): UsageError {
  return new UsageError('RUN_NOT_FOUND', `there is no run ${runId} in this store; it may have been pruned, or lies in another store`);
}
