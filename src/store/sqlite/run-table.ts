import type { OperationRecord, RunRecord } from '../../model/records.js';
import type { BlockedCode, RunStatus } from '../../model/statuses.js';
import { rowDamage } from '../stored-run.js';
import type { Connection } from './connection.js';
import type { SqlRow, SqlValue } from './driver.js';
import { type Page, ROWS_A_PAGE } from './long-read.js';
import { operationOf, runOf, SELECTED_COLUMNS, SELECTED_OPERATION_COLUMNS } from './rows.js';
import { ASLEEP, AWAKE, BLOCKED } from './schema.js';

const SELECT_RUNS = `SELECT ${SELECTED_COLUMNS.join(', ')} FROM perdure_runs`;

/** Reading runs and journals, and unblocking runs. */
export class RunTable {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  blocked(code: BlockedCode): Pick<RunRecord, 'id' | 'flow' | 'version'>[] {
    const orphans = `perdure_runs INDEXED BY perdure_runs_blocked WHERE ${BLOCKED} AND worker_id IS NULL AND typeof(id) = 'text'`;
    const rows = this.#rows(`SELECT id, flow, version FROM ${orphans} AND blocked_code = ?`, [code]);
    return rows.map((row) => ({ id: row['id'] as string, flow: row['flow'] as string, version: row['version'] as number }));
  }

  /** Both halves are one step into an index. */
  nextDueAt(): number | null | undefined {
    const first = `SELECT max(min(wake_at), ${Number.MIN_SAFE_INTEGER}) FROM perdure_runs WHERE ${ASLEEP} AND wake_at <= ${Number.MAX_SAFE_INTEGER}`;
    const any = `EXISTS (SELECT 1 FROM perdure_runs INDEXED BY perdure_runs_asleep WHERE ${ASLEEP})`;
    const [row] = this.#rows(`SELECT (${first}) AS next, ${any} AS any_asleep`, []);
    return (row?.['next'] as number | null) ?? (row?.['any_asleep'] === 1 ? null : undefined);
  }

  /** The first entries of some journals, run by run and by their ids. */
  journals(runIds: readonly string[]): OperationRecord[] {
    return journalPages(runIds)((sql, values) => this.#rows(sql, values), undefined).map(operationOf);
  }

  operation(runId: string, operationId: string): OperationRecord | undefined {
    const query = `SELECT ${SELECTED_OPERATION_COLUMNS.join(', ')} FROM perdure_operations WHERE run_id = ? AND id = ?`;
    return this.#rows(query, [runId, operationId]).map(operationOf)[0];
  }

  operations(runId: string, operationIds: readonly string[]): OperationRecord[] {
    const query = `SELECT ${SELECTED_OPERATION_COLUMNS.join(', ')} FROM perdure_operations WHERE run_id = ? AND id IN (SELECT value FROM json_each(?))`;
    return this.#rows(query, [runId, JSON.stringify(operationIds)]).map(operationOf);
  }

  get(runIds: readonly string[]): RunRecord[] {
    return this.#rows(`${SELECT_RUNS} WHERE id IN (SELECT value FROM json_each(?))`, [JSON.stringify(runIds)]).map(runOf);
  }

  owned(workerId: string): RunRecord[] {
    const owned = `INDEXED BY perdure_runs_owned WHERE worker_id IS NOT NULL AND worker_id = ? AND ${AWAKE}`;
    return this.#rows(`${SELECT_RUNS} ${owned} ORDER BY n`, [workerId]).map(runOf);
  }

  /** @throws {ExecutionError} `VALUE_UNREADABLE` for a run that may have ended (S6): it is the row that is to be mended. */
  unblock(runId: string): RunStatus | undefined {
    const answer = this.#connection.write('unblock a run', () => {
      const [row] = this.#rows(`${SELECT_RUNS} WHERE id = ?`, [runId]);
      if (row === undefined) return undefined;
      const run = runOf(row);
      if (run.status !== 'BLOCKED') return run.status;
      if (run.finishedAt !== null) return rowDamage(run);
      this.#connection
        .statement(
          `UPDATE perdure_runs SET status = 'PENDING', worker_id = NULL, blocked_code = NULL, outcome = NULL, finished_at = NULL, recoveries = NULL
           WHERE id = ?`,
        )
        .run([runId]);
      return 'BLOCKED';
    });
    if (answer instanceof Error) throw answer;
    return answer;
  }

  #rows(sql: string, values: readonly SqlValue[]): SqlRow[] {
    return this.#connection.statement(sql).all(values);
  }
}

/** The entries of some journals that come after one: what is left of its run, then other runs. */
export function journalPages(runIds: readonly string[]): Page {
  const select = `SELECT ${SELECTED_OPERATION_COLUMNS.join(', ')} FROM perdure_operations`;
  const order = 'ORDER BY run_id, id LIMIT ?';
  const left = new Set(runIds);
  return (rows, after) => {
    if (after === undefined) for (const id of runIds) left.add(id);
    const last = after?.['run_id'] as string;
    const found =
      after === undefined ? [] : rows(`${select} WHERE run_id = ? AND id > ? ${order}`, [last, after['id'] as string, ROWS_A_PAGE]);
    const room = ROWS_A_PAGE - found.length;
    left.delete(last);
    if (room > 0 && left.size > 0) {
      const others = `${select} WHERE run_id IN (SELECT value FROM json_each(?)) ${order}`;
      for (const row of rows(others, [JSON.stringify([...left]), room])) found.push(row);
    }
    for (const row of found) left.delete(row['run_id'] as string);
    return found;
  };
}
