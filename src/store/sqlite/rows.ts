import type { ExecutionError } from '../../errors/errors.js';
import type { InboxMessage, OperationRecord, RunEnd, RunRecord } from '../../model/records.js';
import { type RunRow, rowDamage, storedRun } from '../stored-run.js';
import type { SqlRow } from './driver.js';
import { CRASHES } from './recoveries.js';

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

/** Columns of numbers. */
const NUMBERS: ReadonlySet<string> = new Set(['n', 'version', 'created_at', 'wake_at', 'seq', 'started_at', 'finished_at', 'due_at']);

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
/** What is read of a run. */
export const SELECTED_COLUMNS: readonly string[] = [...selected(RUN_COLUMNS), `${CRASHES} AS crashes`];
/** In the order of {@link RUN_COLUMNS}. */
export const RUN_FIELDS: readonly (keyof RunRecord)[] = Object.values(RUN);

export const OPERATION_COLUMNS: readonly string[] = Object.keys(OPERATION);
/** A run, and what few have beside that. */
export interface FullRun extends RunRecord {
  readonly singleton: string | null;
}

/** The columns of a run that few have. */
const RARE: Readonly<Record<string, Exclude<keyof FullRun, keyof RunRecord>>> = { singleton: 'singleton' };

export const FULL_RUN_COLUMNS: readonly string[] = [...RUN_COLUMNS, ...Object.keys(RARE)];
/** In the order of {@link FULL_RUN_COLUMNS}. */
export const FULL_RUN_FIELDS: readonly (keyof FullRun)[] = [...RUN_FIELDS, ...Object.values(RARE)];

/** What is read of an operation. */
export const SELECTED_OPERATION_COLUMNS: readonly string[] = selected(OPERATION_COLUMNS);
/** In the order of {@link OPERATION_COLUMNS}. */
export const OPERATION_FIELDS: readonly (keyof OperationRecord)[] = Object.values(OPERATION);

/** What is written of an end. */
export const END_FIELDS: readonly (keyof RunEnd)[] = ['runId', 'status', 'outcome', 'blockedCode', 'finishedAt'];

/**
 * How a column is read in which there may be anything. Drivers fail over numbers that are too large for JavaScript, and with them all other rows: those are
 * read as texts.
 */
export function safeNumber(column: string): string {
  return `CASE WHEN typeof(${column}) = 'integer' AND ${column} NOT BETWEEN ${Number.MIN_SAFE_INTEGER} AND ${Number.MAX_SAFE_INTEGER}
    THEN CAST(${column} AS TEXT) ELSE ${column} END`;
}

function selected(columns: readonly string[]): string[] {
  return columns.map((column) => (NUMBERS.has(column) ? `${safeNumber(column)} AS ${column}` : column));
}

/** The run in a row of {@link SELECTED_COLUMNS}, as far as it can be read. */
export function runOf(row: SqlRow): RunRecord {
  return storedRun(rowOf(row));
}

/** Why a row of {@link SELECTED_COLUMNS} is none that this version writes, if it is not. */
export function damageOf(row: SqlRow): ExecutionError | undefined {
  return rowDamage(runOf(row));
}

function rowOf(row: SqlRow): RunRow {
  return {
    id: row['id'],
    flow: row['flow'],
    version: row['version'],
    status: row['status'],
    input: row['input'],
    digest: row['digest'],
    seed: row['seed'],
    options: row['options'],
    parentRunId: row['parent_run_id'],
    parentOperationId: row['parent_operation_id'],
    workerId: row['worker_id'],
    outcome: row['outcome'],
    blockedCode: row['blocked_code'],
    createdAt: row['created_at'],
    finishedAt: row['finished_at'],
    crashes: row['crashes'],
    wakeAt: row['wake_at'],
  };
}

/** The run in a row, now that a worker has it; one that cannot be read, as it is told of. */
export function claimedBy(workerId: string, row: SqlRow): RunRecord {
  const run = runOf(row);
  return rowDamage(run) === undefined ? { ...run, status: 'RUNNING', workerId, blockedCode: null, outcome: null } : run;
}

const KNOWN: ReadonlyMap<unknown, string> = new Map(
  ['action', 'flow', 'timer', 'event', 'map', 'parallel', 'branch', 'message', 'STARTED', 'SUCCEEDED', 'FAILED', 'CANCELLED'].map(
    (text) => [text, text],
  ),
);

/** The same text, but one that is there already: a driver makes a new one of each value, and a journal may be long. */
function known(text: unknown): unknown {
  return KNOWN.get(text) ?? text;
}

let lastRunId: unknown;

/** As `known`: the entries of a run are read one after the other. */
function sameRunId(runId: unknown): unknown {
  if (runId !== lastRunId) lastRunId = runId;
  return lastRunId;
}

/** The operation in a row of {@link SELECTED_OPERATION_COLUMNS}. The types are taken on trust: who goes by a journal looks at it first. */
export function operationOf(row: SqlRow): OperationRecord {
  return {
    runId: sameRunId(row['run_id']) as string,
    id: row['id'] as string,
    kind: known(row['kind']) as OperationRecord['kind'],
    name: row['name'] as string,
    digest: row['digest'] as string,
    input: row['input'] as string | null,
    status: known(row['status']) as OperationRecord['status'],
    seq: row['seq'] as number | null,
    outcome: row['outcome'] as string | null,
    startedAt: row['started_at'] as number,
    finishedAt: row['finished_at'] as number | null,
    dueAt: row['due_at'] as number | null,
    childRunId: row['child_run_id'] as string | null,
    attempts: row['attempts'] as string | null,
  };
}

/** What is read of a message. */
export const MESSAGE_COLUMNS: string = `${safeNumber('inbox.id')} AS id, inbox.run_id, inbox.kind, inbox.payload`;

/** The message in a row of {@link MESSAGE_COLUMNS}. The types are taken on trust: its run looks at it first. */
export function messageOf(row: SqlRow): InboxMessage {
  return {
    id: row['id'] as number,
    runId: row['run_id'] as string,
    kind: row['kind'] as InboxMessage['kind'],
    payload: row['payload'] as string,
  };
}
