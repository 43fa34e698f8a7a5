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

/** Appends a run's values. */
export function runValues(run: RunRecord, to: SqlValue[]): void {
  to.push(run.id, run.flow, run.version, run.status, run.workerId, run.blockedCode, run.createdAt, run.finishedAt);
  to.push(run.parentRunId, run.parentOperationId, run.digest, run.seed, run.options, run.input, run.outcome, run.wakeAt);
}

/** Appends an operation's values. */
export function operationValues(entry: OperationRecord, to: SqlValue[]): void {
  to.push(entry.runId, entry.id, entry.seq, entry.status, entry.kind, entry.name, entry.startedAt, entry.finishedAt);
  to.push(entry.dueAt, entry.childRunId, entry.digest, entry.input, entry.outcome, entry.attempts);
}

/** Appends the values of an end: id, status, outcome, code, time. */
export function endValues(end: RunEnd, to: SqlValue[]): void {
  to.push(end.runId, end.status, end.outcome, end.blockedCode, end.finishedAt);
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
