import { StorageError } from '../../errors/errors.js';
import type { SqliteDatabase } from './driver.js';

// Kept in one place: SQLite uses a partial index only where a query repeats its condition word for word.

/** Unfinished and not asleep: the sleeping may be many. */
export const AWAKE = `status IN ('PENDING', 'RUNNING', 'BLOCKED')`;
export const ASLEEP = `status = 'SUSPENDED'`;
/** What becomes of a run that something has come for. */
export const WOKEN = `status = 'PENDING', wake_at = NULL`;

/**
 * The steps from one schema version to the next; the version is their number. A step that was released never changes.
 *
 * Small columns come first, so that reading them does not walk through long texts. `n` is the order of creation. Indexes are few because each costs
 * every write: ids, the runs that are awake by owner, those asleep by when they wake, and children by parent.
 */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE perdure_runs (
     n INTEGER PRIMARY KEY,
     id TEXT NOT NULL UNIQUE,
     flow TEXT NOT NULL,
     version INTEGER NOT NULL,
     status TEXT NOT NULL,
     worker_id TEXT,
     blocked_code TEXT,
     created_at INTEGER NOT NULL,
     finished_at INTEGER,
     parent_run_id TEXT,
     parent_operation_id TEXT,
     digest TEXT NOT NULL,
     seed TEXT NOT NULL,
     options TEXT,
     input TEXT NOT NULL,
     outcome TEXT
   );
   CREATE INDEX perdure_runs_unfinished ON perdure_runs (worker_id) WHERE status IN ('PENDING', 'RUNNING', 'SUSPENDED', 'BLOCKED');
   CREATE TABLE perdure_operations (
     run_id TEXT NOT NULL,
     id TEXT NOT NULL,
     seq INTEGER,
     status TEXT NOT NULL,
     kind TEXT NOT NULL,
     name TEXT NOT NULL,
     started_at INTEGER NOT NULL,
     finished_at INTEGER,
     due_at INTEGER,
     child_run_id TEXT,
     digest TEXT NOT NULL,
     input TEXT,
     outcome TEXT,
     PRIMARY KEY (run_id, id)
   ) WITHOUT ROWID;
   CREATE TABLE perdure_inbox (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     run_id TEXT NOT NULL,
     kind TEXT NOT NULL,
     payload TEXT NOT NULL
   );
   CREATE INDEX perdure_inbox_run ON perdure_inbox (run_id);
   CREATE TABLE perdure_workers (
     id TEXT PRIMARY KEY,
     status TEXT NOT NULL,
     registered_at INTEGER NOT NULL,
     heartbeat_at INTEGER NOT NULL
   ) WITHOUT ROWID;`,
  `ALTER TABLE perdure_operations ADD COLUMN attempts TEXT;
   ALTER TABLE perdure_runs ADD COLUMN wake_at INTEGER;
   DROP INDEX perdure_runs_unfinished;
   CREATE INDEX perdure_runs_awake ON perdure_runs (worker_id) WHERE ${AWAKE};
   CREATE INDEX perdure_runs_asleep ON perdure_runs (wake_at) WHERE ${ASLEEP};
   CREATE INDEX perdure_runs_parent ON perdure_runs (parent_run_id) WHERE parent_run_id IS NOT NULL;`,
];

/** The schema version this code reads and writes. */
export const SCHEMA_VERSION: number = MIGRATIONS.length;

/**
 * Brings the schema up to date: all pending steps in one transaction, which looks again at the version, since another process may be doing the same.
 *
 * @throws {StorageError} `STORE_TOO_NEW` when the file was written by a newer version.
 */
export function migrate(database: SqliteDatabase, path: string): void {
  if (versionOf(database, path) === SCHEMA_VERSION) return;
  database.exec('BEGIN IMMEDIATE');
  try {
    const pending = MIGRATIONS.slice(versionOf(database, path));
    database.exec('CREATE TABLE IF NOT EXISTS perdure_meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID');
    for (const step of pending) database.exec(step);
    database.exec(`INSERT OR REPLACE INTO perdure_meta (key, value) VALUES ('schema_version', '${SCHEMA_VERSION}')`);
    database.exec('COMMIT');
  } catch (error) {
    rollback(database);
    throw error;
  }
}

/** SQLite has rolled back by itself after some errors, such as a full disk; the first error is the one to tell. */
export function rollback(database: SqliteDatabase): void {
  try {
    database.exec('ROLLBACK');
  } catch {
    // No transaction is open any more.
  }
}

function versionOf(database: SqliteDatabase, path: string): number {
  const known = database.prepare(`SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'perdure_meta'`).all([]);
  if (known.length === 0) return 0;
  const rows = database.prepare(`SELECT value FROM perdure_meta WHERE key = 'schema_version'`).all([]);
  const version = Number(rows[0]?.['value'] ?? 0);
  if (version > SCHEMA_VERSION) {
    throw new StorageError(
      'STORE_TOO_NEW',
      `${path} has schema version ${version}, and this version of perdure knows ${SCHEMA_VERSION}. Upgrade perdure; the file was left as it is`,
    );
  }
  return version;
}
