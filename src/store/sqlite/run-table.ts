import type { OperationRecord, RunRecord } from '../../model/records.js';
import type { BlockedCode, RunStatus } from '../../model/statuses.js';
import { isEnded } from '../../model/statuses.js';
import type { Claim, ClaimQuery, RunFilter, SuspectQuery } from '../store.js';
import { rowDamage } from '../stored-run.js';
import type { Connection } from './connection.js';
import type { SqlRow, SqlValue } from './driver.js';
import { checkFence } from './fence.js';
import { type Page, ROWS_A_PAGE } from './long-read.js';
import { claimedBy, damageOf, operationOf, runOf, SELECTED_COLUMNS, SELECTED_OPERATION_COLUMNS, safeNumber } from './rows.js';
import { ASLEEP, AWAKE, WOKEN } from './schema.js';
import { SUSPECTED, type Suspects } from './suspects.js';

const SELECT_NUMBERED = `SELECT ${safeNumber('n')} AS n, ${SELECTED_COLUMNS.join(', ')}`;
const SELECT_RUNS = `SELECT ${SELECTED_COLUMNS.join(', ')} FROM perdure_runs`;
const FLOWS = `(SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?))`;
/**
 * Runs that are awake and without an owner: an unfinished run that has one has a living one (SW1). A row whose id is no text is never
 * claimed: no commit would find it again.
 */
const ORPHANS = `worker_id IS NULL AND ${AWAKE} AND typeof(id) = 'text'`;
const ADOPTABLE = `${ORPHANS} AND (status <> 'BLOCKED' OR blocked_code = 'FLOW_NOT_REGISTERED') AND (flow, version) IN ${FLOWS}`;
const CLAIMABLE = `${ADOPTABLE} AND NOT (${SUSPECTED})`;
const HOMELESS = `${ORPHANS} AND status <> 'BLOCKED' AND (flow, version) NOT IN ${FLOWS}`;

const UNREADABLE = `id IN (SELECT value FROM json_each(?)) AND status = 'BLOCKED' AND blocked_code = 'VALUE_UNREADABLE'`;

const DUE = `${ASLEEP} AND wake_at <= ?`;
/** What is no point in time says nothing of when the run is to go on: it finds out by itself. Texts come behind all numbers. */
const UNTIMED = `${ASLEEP} AND wake_at > ${Number.MAX_SAFE_INTEGER}`;

/** Reading runs and journals, and moving runs between owners. */
export class RunTable {
  readonly #connection: Connection;
  readonly #suspects: Suspects;

  constructor(connection: Connection, suspects: Suspects) {
    this.#connection = connection;
    this.#suspects = suspects;
  }

  /** Looks first, without the write lock: a worker asks often, and there is seldom anything. */
  claim(query: ClaimQuery): Claim {
    const flows = flowsOf(query);
    const { unreadable = [] } = query;
    const { any, suspects } = this.#anyToClaim(query, flows);
    if (!any && !this.#anyUnreadable(unreadable)) return { claimed: [], blocked: [], suspects };
    return this.#connection.transaction('claim runs', () => {
      checkFence(this.#connection, query.workerId);
      this.#connection.statement(`UPDATE perdure_runs SET ${WOKEN} WHERE ${DUE}`).run([query.nowMs]);
      this.#connection.statement(`UPDATE perdure_runs SET ${WOKEN} WHERE ${UNTIMED}`).run([]);
      const homeless = this.#rows(`${SELECT_NUMBERED} FROM perdure_runs WHERE ${HOMELESS} ORDER BY perdure_runs.n`, [flows]);
      const blocked = homeless.filter((row) => damageOf(row) === undefined);
      this.#update(`status = 'BLOCKED', blocked_code = 'FLOW_NOT_REGISTERED', outcome = NULL`, [], blocked);
      const claimed = this.#rows(`${SELECT_NUMBERED} FROM perdure_runs WHERE ${CLAIMABLE} ORDER BY perdure_runs.n LIMIT ?`, [
        flows,
        query.limit,
      ]);
      if (unreadable.length > 0) {
        const again = `${SELECT_NUMBERED} FROM perdure_runs WHERE ${UNREADABLE} ORDER BY perdure_runs.n`;
        claimed.push(...this.#rows(again, [JSON.stringify(unreadable)]));
      }
      claimed.push(...homeless.filter((row) => damageOf(row) !== undefined));
      this.#update(`status = 'RUNNING', worker_id = ?, blocked_code = NULL, outcome = NULL`, [query.workerId], claimed);
      const { workerId } = query;
      return {
        claimed: claimed.map((row) => claimedBy(workerId, row)),
        blocked: blocked.map((row) => ({ ...runOf(row), status: 'BLOCKED', blockedCode: 'FLOW_NOT_REGISTERED', outcome: null })),
        suspects,
      };
    });
  }

  blocked(code: BlockedCode): Pick<RunRecord, 'id' | 'flow' | 'version'>[] {
    const rows = this.#rows(`SELECT id, flow, version FROM perdure_runs WHERE ${ORPHANS} AND status = 'BLOCKED' AND blocked_code = ?`, [
      code,
    ]);
    return rows.map((row) => ({ id: row['id'] as string, flow: row['flow'] as string, version: row['version'] as number }));
  }

  claimSuspect(query: SuspectQuery): RunRecord | undefined {
    return this.#suspects.claim(query.workerId, { condition: ADOPTABLE, flows: flowsOf(query) });
  }

  nextWakeAt(): number | null {
    return (
      (this.#rows(`SELECT min(wake_at) AS next FROM perdure_runs WHERE ${ASLEEP} AND wake_at <= ${Number.MAX_SAFE_INTEGER}`, [])[0]?.[
        'next'
      ] as number) ?? null
    );
  }

  /** The first entries of a journal by their ids. */
  journal(runId: string): OperationRecord[] {
    return journalPage(runId)((sql, values) => this.#rows(sql, values), undefined).map(operationOf);
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
    let index = '';
    if (filter.status !== undefined) {
      const statuses = typeof filter.status === 'string' ? [filter.status] : filter.status;
      conditions.push('status IN (SELECT value FROM json_each(?))');
      values.push(JSON.stringify(statuses));
      if (statuses.every((status) => status === 'SUSPENDED')) {
        conditions.push(ASLEEP);
        index = 'INDEXED BY perdure_runs_asleep';
      } else if (!statuses.some(isEnded) && !statuses.includes('SUSPENDED')) {
        // Those that are awake are few among the others: go through their index, not through the table.
        conditions.push(AWAKE);
        index = 'INDEXED BY perdure_runs_awake';
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
    return this.#rows(`${SELECT_RUNS} ${index} ${where} ORDER BY n DESC LIMIT ?`, [...values, filter.limit ?? 100]).map(runOf);
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

  #anyToClaim({ workerId, nowMs }: ClaimQuery, flows: string): { any: boolean; suspects: boolean } {
    checkFence(this.#connection, workerId);
    const exists = (condition: string): string => `EXISTS (SELECT 1 FROM perdure_runs WHERE ${condition})`;
    const any = [CLAIMABLE, HOMELESS, DUE, UNTIMED].map(exists).join(' OR ');
    const suspects = exists(`${ADOPTABLE} AND ${SUSPECTED}`);
    const values = [flows, flows, nowMs, flows];
    const [found] = this.#rows(`SELECT ${any} AS any_run, ${suspects} AS suspects`, values);
    return { any: found?.['any_run'] === 1, suspects: found?.['suspects'] === 1 };
  }

  #anyUnreadable(ids: readonly string[]): boolean {
    if (ids.length === 0) return false;
    return this.#rows(`SELECT 1 AS found FROM perdure_runs WHERE ${UNREADABLE} LIMIT 1`, [JSON.stringify(ids)]).length > 0;
  }

  #update(set: string, values: readonly SqlValue[], rows: readonly SqlRow[]): void {
    if (rows.length === 0) return;
    this.#connection
      .statement(`UPDATE perdure_runs SET ${set} WHERE n IN (SELECT value FROM json_each(?))`)
      .run([...values, JSON.stringify(rows.map((row) => row['n']))]);
  }

  #rows(sql: string, values: readonly SqlValue[]): SqlRow[] {
    return this.#connection.statement(sql).all(values);
  }
}

/** The entries of a journal that come after one. */
export function journalPage(runId: string): Page {
  const select = `SELECT ${SELECTED_OPERATION_COLUMNS.join(', ')} FROM perdure_operations WHERE run_id = ?`;
  const order = `ORDER BY id LIMIT ${ROWS_A_PAGE}`;
  return (rows, after) =>
    after === undefined ? rows(`${select} ${order}`, [runId]) : rows(`${select} AND id > ? ${order}`, [runId, after['id'] as string]);
}

function flowsOf({ flows }: SuspectQuery): string {
  return JSON.stringify(flows.map(({ flow, version }) => [flow, version]));
}
