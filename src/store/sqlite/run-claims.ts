import type { RunRecord } from '../../model/records.js';
import { SUSPECT_FROM } from '../../model/suspects.js';
import { mayHaveMore, WOKEN_A_CLAIM } from '../claim-limits.js';
import type { Claim, ClaimQuery, SuspectQuery } from '../store.js';
import type { Connection } from './connection.js';
import type { SqlRow, SqlValue } from './driver.js';
import { checkFence } from './fence.js';
import { CRASHES } from './recoveries.js';
import { claimedBy, damageOf, runOf, SELECTED_COLUMNS, safeNumber } from './rows.js';
import { ASLEEP, HOMELESS, READY, WOKEN } from './schema.js';
import type { Suspects } from './suspects.js';

const SELECT_NUMBERED = `SELECT ${safeNumber('n')} AS n, ${SELECTED_COLUMNS.join(', ')} FROM perdure_runs`;

/** Where the two sorts of claimable runs are found, each by an index that begins with flow, version and crashes. */
const READY_RUNS = `perdure_runs INDEXED BY perdure_runs_ready WHERE ${READY}`;
const HOMELESS_RUNS = `perdure_runs INDEXED BY perdure_runs_homeless WHERE ${HOMELESS} AND worker_id IS NULL`;

/** No commit would find a row again whose id is no text: it is never claimed. */
const NAMED = `typeof(id) = 'text'`;
/** The flows that a worker has, each with its version. */
const FLOWS = `SELECT json_extract(value, '$[0]') AS own_flow, json_extract(value, '$[1]') AS own_version FROM json_each(?)`;

/** How many crashes may count against a run that is no suspect, each by itself: within one of them the index has the oldest first. */
const FEW_CRASHES = `SELECT column1 AS crashes FROM (VALUES ${Array.from({ length: SUSPECT_FROM }, (_, crashes) => `(${crashes})`).join(', ')})`;

/** The oldest of one sort that a worker may take. Parameters: its flows, the limit. */
const oldest = (
  runs: string,
): string => `SELECT taken.n AS n FROM (${FLOWS}) AS own CROSS JOIN (${FEW_CRASHES}) AS few CROSS JOIN perdure_runs AS taken
  WHERE taken.n IN (SELECT n FROM ${runs} AND flow = own_flow AND version = own_version AND ${CRASHES} = few.crashes AND ${NAMED} ORDER BY n LIMIT ?)`;
/** Parameters: flows, limit, flows, limit, limit. */
const CLAIMABLE = `SELECT n FROM (${oldest(READY_RUNS)} UNION ALL ${oldest(HOMELESS_RUNS)}) ORDER BY n LIMIT ?`;

/** Whether there is any of one sort that a worker may take: cheaper than to find the oldest. Parameter: its flows. */
const anyOf = (runs: string): string =>
  `SELECT 1 AS found FROM (${FLOWS}) CROSS JOIN ${runs} AND flow = own_flow AND version = own_version AND ${CRASHES} < ${SUSPECT_FROM} AND ${NAMED} LIMIT 1`;

/** The first suspect of each flow of a worker. Its flows are the first parameter. */
const suspects = (runs: string): string => `SELECT tried.n AS n, ${CRASHES} AS crashes FROM own CROSS JOIN perdure_runs AS tried
  WHERE tried.n IN (SELECT n FROM ${runs} AND flow = own_flow AND version = own_version AND ${CRASHES} >= ${SUSPECT_FROM} AND ${NAMED}
    ORDER BY ${CRASHES}, n LIMIT 1)`;
const NEXT_SUSPECT = `WITH own AS MATERIALIZED (${FLOWS})
  SELECT n FROM (${suspects(READY_RUNS)} UNION ALL ${suspects(HOMELESS_RUNS)}) ORDER BY crashes, n LIMIT 1`;

/**
 * The flows and versions of which runs wait to be claimed, as steps through the index: from one flow to the next, then from one version to the next. The
 * runs in between are not looked at.
 */
const WAITING_FLOWS = `
  flows (flow) AS (
    SELECT min(flow) FROM ${READY_RUNS}
    UNION ALL SELECT (SELECT min(flow) FROM ${READY_RUNS} AND flow > flows.flow) FROM flows WHERE flows.flow IS NOT NULL
  ),
  waiting (flow, version) AS (
    SELECT flow, (SELECT min(version) FROM ${READY_RUNS} AND flow = flows.flow) FROM flows WHERE flow IS NOT NULL
    UNION ALL
    SELECT flow, (SELECT min(version) FROM ${READY_RUNS} AND flow = waiting.flow AND version > waiting.version)
    FROM waiting WHERE waiting.version IS NOT NULL
  )`;
/** That a flow and version is registered by a worker that lives. */
const REGISTERED = `EXISTS (SELECT 1 FROM perdure_worker_flows AS had JOIN perdure_workers AS worker ON worker.id = had.worker_id AND worker.status = 'ALIVE'
  WHERE had.flow = waiting.flow AND had.version = waiting.version)`;
/** Runs that wait to be claimed, of flows that neither a worker has nor another has registered. Parameters: its flows, the limit. */
const UNKNOWN = `WITH RECURSIVE ${WAITING_FLOWS}
  SELECT homeless.n AS n FROM waiting CROSS JOIN perdure_runs AS homeless INDEXED BY perdure_runs_ready
  WHERE waiting.version IS NOT NULL AND (waiting.flow, waiting.version) NOT IN (${FLOWS}) AND NOT ${REGISTERED}
    AND homeless.status = 'PENDING' AND homeless.worker_id IS NULL AND homeless.held IS NULL
    AND homeless.flow = waiting.flow AND homeless.version = waiting.version AND typeof(homeless.id) = 'text' LIMIT ?`;

const UNREADABLE = `id IN (SELECT value FROM json_each(?)) AND status = 'BLOCKED' AND blocked_code = 'VALUE_UNREADABLE'`;

/** Sleepers that are to go on. Each has a parameter. Both together would be looked for through all that sleep. */
const DUE: readonly string[] = [
  `${ASLEEP} AND wake_at <= ?`,
  // What is no point in time says nothing of when the run is to go on: it finds out by itself. Texts come behind all numbers.
  `${ASLEEP} AND wake_at > max(?, ${Number.MAX_SAFE_INTEGER})`,
];
const wake = (due: string): string =>
  `UPDATE perdure_runs SET ${WOKEN} WHERE n IN (SELECT n FROM perdure_runs INDEXED BY perdure_runs_asleep WHERE ${due} LIMIT ?)`;

/**
 * Moves runs to the workers that execute them.
 *
 *   CQ1  What a claim costs grows with its limit, the flows of its worker and the flows of which runs wait, not with how many runs wait.
 */
export class RunClaims {
  readonly #connection: Connection;
  readonly #suspects: Suspects;

  constructor(connection: Connection, suspects: Suspects) {
    this.#connection = connection;
    this.#suspects = suspects;
  }

  /** Looks first, without the write lock: a worker asks often, and there is seldom anything. */
  claim(query: ClaimQuery): Claim {
    const { workerId, nowMs, limit, unreadable = [] } = query;
    const flows = flowsOf(query);
    checkFence(this.#connection, workerId);
    const suspects = this.#rows(NEXT_SUSPECT, [flows]).length > 0;
    if (!this.#any(query, flows)) return { claimed: [], blocked: [], suspects, more: false };
    return this.#connection.transaction('claim runs', () => {
      checkFence(this.#connection, workerId);
      let woken = 0;
      for (const due of DUE) woken += this.#connection.statement(wake(due)).run([nowMs, WOKEN_A_CLAIM - woken]).changes;
      const homeless = this.#runs(UNKNOWN, [flows, limit]);
      const blocked = homeless.filter((row) => damageOf(row) === undefined);
      this.#update(`status = 'BLOCKED', blocked_code = 'FLOW_NOT_REGISTERED', outcome = NULL`, [], blocked);
      const claimed = this.#runs(CLAIMABLE, [flows, limit, flows, limit, limit]);
      const more = mayHaveMore(limit, { claimed: claimed.length, blocked: homeless.length, woken });
      if (unreadable.length > 0)
        claimed.push(...this.#runs(`SELECT n FROM perdure_runs WHERE ${UNREADABLE}`, [JSON.stringify(unreadable)]));
      claimed.push(...homeless.filter((row) => damageOf(row) !== undefined));
      this.#update(`status = 'RUNNING', worker_id = ?, blocked_code = NULL, outcome = NULL`, [workerId], claimed);
      return {
        claimed: claimed.map((row) => claimedBy(workerId, row)),
        blocked: blocked.map((row) => ({ ...runOf(row), status: 'BLOCKED', blockedCode: 'FLOW_NOT_REGISTERED', outcome: null })),
        suspects,
        more,
      };
    });
  }

  claimSuspect(query: SuspectQuery): RunRecord | undefined {
    return this.#suspects.claim(query.workerId, { sql: NEXT_SUSPECT, flows: flowsOf(query) });
  }

  /** Whether a claim finds anything. */
  #any({ nowMs, unreadable = [] }: ClaimQuery, flows: string): boolean {
    const found = (sql: string, values: readonly SqlValue[]): boolean => this.#rows(sql, values).length > 0;
    return (
      [READY_RUNS, HOMELESS_RUNS].some((runs) => found(anyOf(runs), [flows])) ||
      found(UNKNOWN, [flows, 1]) ||
      DUE.some((due) => found(`SELECT 1 AS found FROM perdure_runs WHERE ${due} LIMIT 1`, [nowMs])) ||
      (unreadable.length > 0 && found(`SELECT 1 AS found FROM perdure_runs WHERE ${UNREADABLE} LIMIT 1`, [JSON.stringify(unreadable)]))
    );
  }

  /** The runs of these `n`, oldest first. */
  #runs(numbers: string, values: readonly SqlValue[]): SqlRow[] {
    return this.#rows(`${SELECT_NUMBERED} WHERE n IN (${numbers}) ORDER BY perdure_runs.n`, values);
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

function flowsOf({ flows }: SuspectQuery): string {
  return JSON.stringify(flows.map(({ flow, version }) => [flow, version]));
}
