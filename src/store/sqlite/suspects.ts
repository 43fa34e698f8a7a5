import type { RunRecord } from '../../model/records.js';
import type { Connection } from './connection.js';
import { checkFence } from './fence.js';
import { CRASHES, noted } from './recoveries.js';
import { claimedBy, SELECTED_COLUMNS, safeNumber } from './rows.js';
import { AWAKE } from './schema.js';

/** What comes in from outside is no outcome: the sender of a message would hide that it ends its process each time. */
const LAST_OUTCOME = `(SELECT coalesce(max(seq), 0) FROM perdure_operations
   WHERE run_id = perdure_runs.id AND kind NOT IN ('cancel', 'message', 'patch'))`;
const COUNTED = `CASE
   WHEN NOT (${noted('seq')}) THEN json_object('count', 1, 'seq', ${LAST_OUTCOME})
   WHEN ${LAST_OUTCOME} > json_extract(recoveries, '$.seq') THEN json_object('count', 0, 'seq', ${LAST_OUTCOME})
   ELSE json_set(recoveries, '$.count', ${CRASHES} + 1) END`;

/** Releases the runs of a worker that has died, and counts its death against each of them; or against one, where one is given. */
const RELEASE_AND_COUNT = `UPDATE perdure_runs
   SET status = 'PENDING', worker_id = NULL, recoveries = CASE WHEN ? IN ('', id) THEN ${COUNTED} ELSE recoveries END
   WHERE worker_id = ? AND ${AWAKE}`;

/** Whether the run on trial is still that, and has recorded nothing since the crash before. */
const ON_TRIAL = `SELECT id FROM perdure_runs
   WHERE id = ? AND worker_id = ? AND ${AWAKE} AND ${LAST_OUTCOME} <= coalesce(CASE WHEN ${noted('seq')} THEN json_extract(recoveries, '$.seq') END, 0)`;

interface Trial {
  readonly runId: string;
  readonly workerId: string;
}

/**
 * Which runs may be those that end their process, and the trial by which that is found out.
 *
 * Owns: the counts of crashes, and the row `trial`. Does not own: who lives, and which runs may be claimed.
 *
 *   SS1  The trial is open while the living worker in its row owns the run in it: one in the whole store. Otherwise the row means nothing.
 */
export class Suspects {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** A worker has died: releases its runs. Part of the caller's transaction. */
  releaseOf(workerId: string): void {
    const trial = this.#trial();
    const own = trial?.workerId === workerId ? trial.runId : '';
    const tried = own === '' ? undefined : this.#connection.statement(ON_TRIAL).get([own, workerId]);
    this.#connection.statement(RELEASE_AND_COUNT).run([tried === undefined ? '' : own, workerId]);
  }

  /** Takes the one that is to be tried next, and opens its trial. @param next - Asks for its `n`, with one value. */
  claim(workerId: string, next: { readonly sql: string; readonly flows: string }): RunRecord | undefined {
    if (this.#isOpen()) return undefined;
    return this.#connection.transaction('claim a suspect', () => {
      checkFence(this.#connection, workerId);
      if (this.#isOpen()) return undefined;
      const row = this.#connection
        .statement(`SELECT ${safeNumber('n')} AS n, ${SELECTED_COLUMNS.join(', ')} FROM perdure_runs WHERE n = (${next.sql})`)
        .get([next.flows]);
      if (row === undefined) return undefined;
      this.#connection
        .statement(`UPDATE perdure_runs SET status = 'RUNNING', worker_id = ?, blocked_code = NULL, outcome = NULL WHERE n = ?`)
        .run([workerId, row['n'] as number]);
      const run = claimedBy(workerId, row);
      const trial: Trial = { runId: run.id, workerId };
      this.#connection.statement(`INSERT OR REPLACE INTO perdure_meta (key, value) VALUES ('trial', ?)`).run([JSON.stringify(trial)]);
      return run;
    });
  }

  end({ workerId, runId }: { workerId: string; runId: string }): void {
    this.#connection.transaction('end a trial', () => {
      checkFence(this.#connection, workerId);
      this.#close(workerId, [runId]);
    });
  }

  acquit({ workerId, runIds }: { workerId: string; runIds: readonly string[] }): void {
    this.#connection.transaction('acquit runs', () => {
      checkFence(this.#connection, workerId);
      this.#connection
        .statement(
          `UPDATE perdure_runs SET recoveries = NULL
           WHERE id IN (SELECT value FROM json_each(?)) AND +worker_id = ? AND ${AWAKE}`,
        )
        .run([JSON.stringify(runIds), workerId]);
      this.#close(workerId, runIds);
    });
  }

  #isOpen(): boolean {
    const trial = this.#trial();
    if (trial === undefined) return false;
    const { runId, workerId } = trial;
    const open = `SELECT 1 AS open FROM perdure_runs JOIN perdure_workers AS workers ON workers.id = worker_id
      WHERE perdure_runs.id = ? AND worker_id = ? AND workers.status = 'ALIVE'`;
    return this.#connection.statement(open).get([runId, workerId]) !== undefined;
  }

  #trial(): Trial | undefined {
    const row = this.#connection.statement(`SELECT value FROM perdure_meta WHERE key = 'trial'`).get([]);
    return row === undefined ? undefined : trialOf(row['value'] as string);
  }

  #close(workerId: string, runIds: readonly string[]): void {
    const trial = this.#trial();
    if (trial?.workerId !== workerId || !runIds.includes(trial.runId)) return;
    this.#connection.statement(`DELETE FROM perdure_meta WHERE key = 'trial'`).run([]);
  }
}

/** A row that cannot be read means nothing, as one that is over. */
function trialOf(text: string): Trial | undefined {
  try {
    return JSON.parse(text) as Trial;
  } catch {
    return undefined;
  }
}
