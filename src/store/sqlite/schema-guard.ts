import { StorageError } from '../../errors/errors.js';
import type { SqliteDatabase } from './driver.js';
import { damagedSchema, SCHEMA_VERSION } from './schema.js';

const TABLES = ['perdure_runs', 'perdure_operations', 'perdure_inbox', 'perdure_workers', 'perdure_worker_flows'];

/**
 * Keeps a process that has a file open from writing with old statements once a newer version of perdure has changed the tables.
 *
 * Owns: what the tables were when the file was opened. Does not own: the fence, which says that a worker is alive.
 *
 *   SG1  A write with {@link condition} in it happens only while the file has the version and the columns that it was opened with.
 *   SG2  It costs one look at a row: the columns are compared when SQLite prepares the statement, which it does again when a table has changed.
 */
export class SchemaGuard {
  readonly #path: string;
  readonly #columns: ReadonlyMap<string, string>;
  /** True as long as the schema is the one that was opened; a statement with it does not run once there are other columns. */
  readonly condition: string;
  /** Has a row while the worker is alive, and the condition true. */
  readonly fence: string;

  constructor(database: SqliteDatabase, path: string) {
    this.#path = path;
    this.#columns = columnsOf(database);
    for (const [table, columns] of this.#columns) if (columns === '') throw damagedSchema(path, `the table ${table} is missing`);
    // Both sides of a UNION must have as many columns. It is never run: what is true already asks for no more.
    const sides = [...this.#columns].map(([table, columns]) => `EXISTS (SELECT ${columns} FROM ${table} UNION ALL SELECT * FROM ${table})`);
    const known = `EXISTS (SELECT 1 FROM perdure_meta WHERE key = 'schema_version' AND value = '${SCHEMA_VERSION}')`;
    this.condition = `${known} AND (1 OR ${sides.join(' OR ')})`;
    this.fence = `SELECT 1 AS alive FROM perdure_workers WHERE id = ? AND status = 'ALIVE' AND ${this.condition}`;
  }

  /** Tells how the schema has changed, if it has. */
  change(database: SqliteDatabase): StorageError | undefined {
    const version = database.prepare(`SELECT value FROM perdure_meta WHERE key = 'schema_version'`).all([])[0]?.['value'];
    const what = version === String(SCHEMA_VERSION) ? this.#otherColumns(database) : `has schema version ${version}`;
    if (what === undefined) return undefined;
    return new StorageError(
      'STORE_TOO_NEW',
      `${this.#path} ${what} by now: a newer version of perdure has changed it while this process had it open. This process knows version ` +
        `${SCHEMA_VERSION} as it was, and writes no more. Start it again with the newer version`,
    );
  }

  #otherColumns(database: SqliteDatabase): string | undefined {
    const now = columnsOf(database);
    const changed = [...this.#columns].find(([table, columns]) => now.get(table) !== columns);
    return changed && `has other columns in ${changed[0]}`;
  }
}

/** The names of the columns of each table, in their order. */
function columnsOf(database: SqliteDatabase): ReadonlyMap<string, string> {
  const names = (table: string): string[] =>
    database
      .prepare(`PRAGMA table_info(${table})`)
      .all([])
      .map((row) => `"${row['name']}"`);
  return new Map(TABLES.map((table) => [table, names(table).join(', ')]));
}
