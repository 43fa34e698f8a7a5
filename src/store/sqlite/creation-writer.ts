import type { OperationRecord, RunCreation, RunRecord } from '../../model/records.js';
import type { Taken } from '../store.js';
import { BulkStatement } from './bulk-statement.js';
import type { Connection } from './connection.js';
import type { SqlRow } from './driver.js';
import { FULL_RUN_COLUMNS, FULL_RUN_FIELDS, type FullRun, RUN_COLUMNS, RUN_FIELDS, runOf, SELECTED_COLUMNS } from './rows.js';

/** SQLite gives no higher one. */
const LAST_N = '9223372036854775807';

const INSERT_RUNS = (rows: string): string =>
  `INSERT OR FAIL INTO perdure_runs (${RUN_COLUMNS.join(', ')}) VALUES ${rows} ON CONFLICT (id) DO NOTHING`;
/** The id may be taken, or the singleton key. */
const INSERT_FULL_RUNS = (rows: string): string =>
  `INSERT OR FAIL INTO perdure_runs (${FULL_RUN_COLUMNS.join(', ')}) VALUES ${rows} ON CONFLICT DO NOTHING`;

/** Parameters: how many were created (which `libsql` gives as a fraction), the ids. */
const FIND_TAKEN = `WITH newest (n) AS MATERIALIZED (SELECT max(n) FROM perdure_runs)
   SELECT CASE WHEN newest.n < ${LAST_N} THEN perdure_runs.n <= newest.n - CAST(? AS INTEGER) END AS is_older, ${SELECTED_COLUMNS.join(', ')}
   FROM newest CROSS JOIN perdure_runs WHERE id IN (SELECT value FROM json_each(?))`;

const FIND_RUN = `SELECT ${SELECTED_COLUMNS.join(', ')} FROM perdure_runs WHERE`;
const FIND_BY_ID = `${FIND_RUN} id = ?`;
const FIND_HOLDER = `${FIND_RUN} flow = ? AND singleton = ? AND finished_at IS NULL`;

/**
 * Creates runs, each with what it begins with, within the transaction of its caller.
 *
 *   CW1  Nearly all runs have neither a singleton key nor anything in their journal. A batch of such runs binds nothing for that, and one statement finds
 *        which ids were taken.
 */
export class CreationWriter {
  readonly #connection: Connection;
  readonly #runs: BulkStatement<RunRecord>;
  readonly #fullRuns: BulkStatement<FullRun>;
  readonly #writeJournal: (operations: readonly OperationRecord[]) => void;

  constructor(connection: Connection, writeJournal: (operations: readonly OperationRecord[]) => void) {
    this.#connection = connection;
    this.#writeJournal = writeJournal;
    this.#runs = new BulkStatement(connection, { text: INSERT_RUNS, fields: RUN_FIELDS });
    this.#fullRuns = new BulkStatement(connection, { text: INSERT_FULL_RUNS, fields: FULL_RUN_FIELDS });
  }

  write(creations: readonly RunCreation[]): Taken[] {
    return creations.every(isPlain) ? this.#together(creations) : this.#oneByOne(creations);
  }

  #together(creations: readonly RunCreation[]): Taken[] {
    const runs = creations.map(({ run }) => run);
    const created = this.#runs.run(runs);
    return created === runs.length ? [] : this.#taken(runs, created);
  }

  /**
   * Finds out which ids were taken. New rows got the highest `n`s, so the rows below them are older than this batch; unless another program has given the
   * last there is, so that SQLite took any: then the seeds tell them apart.
   */
  #taken(runs: readonly RunRecord[], created: number): Taken[] {
    const rows = this.#connection.statement(FIND_TAKEN).all([created, JSON.stringify(runs.map((run) => run.id))]);
    const stored = new Map(rows.map((row) => [row['id'] as string, row]));
    const taken: Taken[] = [];
    const seen = new Set<string>();
    for (const { id, seed } of runs) {
      const row = stored.get(id);
      const isOlder = row !== undefined && (row['is_older'] === null ? row['seed'] !== seed : row['is_older'] === 1);
      if (row !== undefined && (isOlder || seen.has(id))) taken.push({ id, found: runOf(row) });
      seen.add(id);
    }
    return taken;
  }

  #oneByOne(creations: readonly RunCreation[]): Taken[] {
    const taken: Taken[] = [];
    for (const { run, singleton = null, journal = [] } of creations) {
      if (this.#fullRuns.run([{ ...run, singleton }]) === 1) {
        if (journal.length > 0) this.#writeJournal(journal);
        continue;
      }
      const row = this.#row(FIND_BY_ID, [run.id]) ?? this.#row(FIND_HOLDER, [run.flow, singleton]);
      taken.push({ id: run.id, found: runOf(row as SqlRow) });
    }
    return taken;
  }

  #row(sql: string, values: readonly (string | null)[]): SqlRow | undefined {
    return this.#connection.statement(sql).get(values);
  }
}

function isPlain({ singleton, journal }: RunCreation): boolean {
  return singleton === undefined && (journal === undefined || journal.length === 0);
}
