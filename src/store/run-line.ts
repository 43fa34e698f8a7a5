import type { RunRecord } from '../model/records.js';
import type { RunLine } from './reader.js';

/** A run as a list tells of it. */
export function runLine(run: RunRecord, queue: string | null): RunLine {
  return {
    id: run.id,
    flow: run.flow,
    version: run.version,
    status: run.status,
    blockedCode: run.blockedCode,
    parentRunId: run.parentRunId,
    parentOperationId: run.parentOperationId,
    workerId: run.workerId,
    createdAt: run.createdAt,
    finishedAt: run.finishedAt,
    wakeAt: run.wakeAt,
    crashes: run.crashes,
    queue,
  };
}
