import type { OperationRecord, RunRecord } from '../../model/records.js';
import type { BlockedCode, RunStatus } from '../../model/statuses.js';
import type { RunFilter } from '../store.js';
import { rowDamage } from '../stored-run.js';
import type { Connection } from './connection.js';
import type { SqlRow, SqlValue } from './driver.js';
import { type Page, ROWS_A_PAGE } from './long-read.js';
import { operationOf, runOf, SELECTED_COLUMNS, SELECTED_OPERATION_COLUMNS } from './rows.js';
import { ASLEEP, BLOCKED, READY, UNSUCCESSFUL } from './schema.js';

const SELECT_RUNS = `SELECT ${SELECTED_COLUMNS.join(', ')} FROM perdure_runs`;

/** Where the runs of a status are found without a look at the others. The many that have succeeded are found by their place. */
const BY_STATUS: Readonly<Partial<Record<RunStatus, string>>> = {
  // None is held yet: the line of a queue will have an index of its own.
  PENDING: `INDEXED BY perdure_runs_ready WHERE ${READY}`,
  RUNNING: `INDEXED BY perdure_runs_owned WHERE worker_id IS NOT NULL AND status = 'RUNNING'`,
  BLOCKED: `INDEXED BY perdure_runs_blocked WHERE ${BLOCKED}`,
  SUSPENDED: `INDEXED BY perdure_runs_asleep WHERE ${ASLEEP}`,
  FAILED: `INDEXED BY perdure_runs_failed WHERE ${UNSUCCESSFUL} AND status = 'FAILED'`,
  CANCELLED: `INDEXED BY perdure_runs_failed WHERE ${UNSUCCESSFUL} AND status = 'CANCELLED'`,
};

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

  get(runIds: readonly string[]): RunRecord[] {
    return this.#rows(`${SELECT_RUNS} WHERE id IN (SELECT value FROM json_each(?))`, [JSON.stringify(runIds)]).map(runOf);
  }

  /** Few texts of statements, so that each is prepared once: one for every set of conditions. */
  list(filter: RunFilter): RunRecord[] {
    const conditions: string[] = [];
    const values: SqlValue[] = [];
    if (filter.status !== undefined) {
      const statuses = typeof filter.status === 'string' ? [filter.status] : filter.status;
      const found = statuses.map((status) => BY_STATUS[status]);
      if (!found.includes(undefined) && found.length > 0) {
        conditions.push(`n IN (${[...new Set(found)].map((runs) => `SELECT n FROM perdure_runs ${runs}`).join(' UNION ALL ')})`);
      } else {
        conditions.push('status IN (SELECT value FROM json_each(?))');
        values.push(JSON.stringify(statuses));
      }
    }
    if (filter.flow !== undefined) {
      conditions.push('flow = ?');
      values.push(filter.flow);
    }
    if (filter.blockedCode !== undefined) {
      conditions.push('blocked_code = ?');
      values.push(filter.blockedCode);
    }
    const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
    return this.#rows(`${SELECT_RUNS} ${where} ORDER BY n DESC LIMIT ?`, [...values, filter.limit ?? 100]).map(runOf);
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
