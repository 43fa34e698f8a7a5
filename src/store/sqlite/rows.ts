import type { InboxMessage, OperationRecord, RunEnd, RunRecord } from '../../model/records.js';
import type { SqlRow } from './driver.js';

/** What each column of a run holds that is written with its creation. */
const RUN: Readonly<Record<string, keyof RunRecord>> = {
  id: 'id',
  flow: 'flow',
  version: 'version',
  status: 'status',
  worker_id: 'workerId',
  blocked_code: 'blockedCode',
  created_at: 'createdAt',
  finished_at: 'finishedAt',
  parent_run_id: 'parentRunId',
  parent_operation_id: 'parentOperationId',
  digest: 'digest',
  seed: 'seed',
  options: 'options',
  input: 'input',
  outcome: 'outcome',
  wake_at: 'wakeAt',
};

/** What each column of an operation holds. */
const OPERATION: Readonly<Record<string, keyof OperationRecord>> = {
  run_id: 'runId',
  id: 'id',
  seq: 'seq',
  status: 'status',
  kind: 'kind',
  name: 'name',
  started_at: 'startedAt',
  finished_at: 'finishedAt',
  due_at: 'dueAt',
  child_run_id: 'childRunId',
  digest: 'digest',
  input: 'input',
  outcome: 'outcome',
  attempts: 'attempts',
};

export const RUN_COLUMNS: readonly string[] = Object.keys(RUN);
/** How many crashes count against a run. What cannot be read counts as none: it is to harm no other run. */
export const CRASHES = `coalesce(CASE WHEN json_valid(recoveries) THEN json_extract(recoveries, '$.count') END, 0)`;
/** What is read of a run. */
export const SELECTED_COLUMNS: readonly string[] = [...RUN_COLUMNS, `${CRASHES} AS crashes`];
/** In the order of {@link RUN_COLUMNS}. */
export const RUN_FIELDS: readonly (keyof RunRecord)[] = Object.values(RUN);

export const OPERATION_COLUMNS: readonly string[] = Object.keys(OPERATION);
/** In the order of {@link OPERATION_COLUMNS}. */
export const OPERATION_FIELDS: readonly (keyof OperationRecord)[] = Object.values(OPERATION);

/** What is written of an end. */
export const END_FIELDS: readonly (keyof RunEnd)[] = ['runId', 'status', 'outcome', 'blockedCode', 'finishedAt'];

/** The run in a row of {@link SELECTED_COLUMNS}. The database holds what a commit wrote, so the types are taken on trust. */
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
    crashes: row['crashes'] as number,
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
