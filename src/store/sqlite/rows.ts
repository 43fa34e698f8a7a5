import type { InboxMessage, OperationRecord, RunEnd, RunRecord } from '../../model/records.js';
import type { SqlRow, SqlValue } from './driver.js';

/** Columns of a run in the order of {@link runValues}. */
export const RUN_COLUMNS: readonly string[] = [
  'id',
  'flow',
  'version',
  'status',
  'worker_id',
  'blocked_code',
  'created_at',
  'finished_at',
  'parent_run_id',
  'parent_operation_id',
  'digest',
  'seed',
  'options',
  'input',
  'outcome',
  'wake_at',
];

/** Columns of an operation in the order of {@link operationValues}. */
export const OPERATION_COLUMNS: readonly string[] = [
  'run_id',
  'id',
  'seq',
  'status',
  'kind',
  'name',
  'started_at',
  'finished_at',
  'due_at',
  'child_run_id',
  'digest',
  'input',
  'outcome',
  'attempts',
];

// Filled in place, since a batch has thousands of values.

/** Puts a run's values into a list, from a place on. */
export function runValues(run: RunRecord, to: SqlValue[], at: number): void {
  to[at] = run.id;
  to[at + 1] = run.flow;
  to[at + 2] = run.version;
  to[at + 3] = run.status;
  to[at + 4] = run.workerId;
  to[at + 5] = run.blockedCode;
  to[at + 6] = run.createdAt;
  to[at + 7] = run.finishedAt;
  to[at + 8] = run.parentRunId;
  to[at + 9] = run.parentOperationId;
  to[at + 10] = run.digest;
  to[at + 11] = run.seed;
  to[at + 12] = run.options;
  to[at + 13] = run.input;
  to[at + 14] = run.outcome;
  to[at + 15] = run.wakeAt;
}

/** Puts an operation's values into a list, from a place on. */
export function operationValues(entry: OperationRecord, to: SqlValue[], at: number): void {
  to[at] = entry.runId;
  to[at + 1] = entry.id;
  to[at + 2] = entry.seq;
  to[at + 3] = entry.status;
  to[at + 4] = entry.kind;
  to[at + 5] = entry.name;
  to[at + 6] = entry.startedAt;
  to[at + 7] = entry.finishedAt;
  to[at + 8] = entry.dueAt;
  to[at + 9] = entry.childRunId;
  to[at + 10] = entry.digest;
  to[at + 11] = entry.input;
  to[at + 12] = entry.outcome;
  to[at + 13] = entry.attempts;
}

/** Puts the values of an end into a list, from a place on: id, status, outcome, code, time. */
export function endValues(end: RunEnd, to: SqlValue[], at: number): void {
  to[at] = end.runId;
  to[at + 1] = end.status;
  to[at + 2] = end.outcome;
  to[at + 3] = end.blockedCode;
  to[at + 4] = end.finishedAt;
}

/** The run in a row of {@link RUN_COLUMNS}. The database holds what a commit wrote, so the types are taken on trust. */
export function runOf(row: SqlRow): RunRecord {
  return {
    id: row['id'] as string,
    flow: row['flow'] as string,
    version: row['version'] as number,
    status: row['status'] as RunRecord['status'],
    input: row['input'] as string,
    digest: row['digest'] as string,
    seed: row['seed'] as string,
    options: row['options'] as string | null,
    parentRunId: row['parent_run_id'] as string | null,
    parentOperationId: row['parent_operation_id'] as string | null,
    workerId: row['worker_id'] as string | null,
    outcome: row['outcome'] as string | null,
    blockedCode: row['blocked_code'] as RunRecord['blockedCode'],
    createdAt: row['created_at'] as number,
    finishedAt: row['finished_at'] as number | null,
    wakeAt: row['wake_at'] as number | null,
  };
}

/** The operation in a row of {@link OPERATION_COLUMNS}. */
export function operationOf(row: SqlRow): OperationRecord {
  return {
    runId: row['run_id'] as string,
    id: row['id'] as string,
    kind: row['kind'] as OperationRecord['kind'],
    name: row['name'] as string,
    digest: row['digest'] as string,
    input: row['input'] as string | null,
    status: row['status'] as OperationRecord['status'],
    seq: row['seq'] as number | null,
    outcome: row['outcome'] as string | null,
    startedAt: row['started_at'] as number,
    finishedAt: row['finished_at'] as number | null,
    dueAt: row['due_at'] as number | null,
    childRunId: row['child_run_id'] as string | null,
    attempts: row['attempts'] as string | null,
  };
}

/** The message in a row of the inbox. */
export function messageOf(row: SqlRow): InboxMessage {
  return {
    id: row['id'] as number,
    runId: row['run_id'] as string,
    kind: row['kind'] as InboxMessage['kind'],
    payload: row['payload'] as string,
  };
}
