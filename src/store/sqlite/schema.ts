import { StorageError } from '../../errors/errors.js';
import type { SqliteDatabase } from './driver.js';
import { CRASHES } from './recoveries.js';

// Kept in one place: SQLite uses a partial index only where a query repeats its condition word for word.

/** Unfinished and not asleep: the sleeping may be many. */
export const AWAKE = `status IN ('PENDING', 'RUNNING', 'BLOCKED')`;
export const ASLEEP = `status = 'SUSPENDED'`;
/** What becomes of a run that something has come for. */
export const WOKEN = `status = 'PENDING', wake_at = NULL, worker_id = NULL`;

/** Waits to be claimed. */
export const READY = `status = 'PENDING' AND worker_id IS NULL AND held IS NULL`;
/** Waits for its flow to be registered. */
export const HOMELESS = `status = 'BLOCKED' AND blocked_code = 'FLOW_NOT_REGISTERED'`;
export const BLOCKED = `status = 'BLOCKED'`;
export const UNSUCCESSFUL = `status IN ('FAILED', 'CANCELLED')`;

const ASLEEP_INDEX = `CREATE INDEX perdure_runs_asleep ON perdure_runs (wake_at) WHERE ${ASLEEP}`;
const PARENT_INDEX = 'CREATE INDEX perdure_runs_parent ON perdure_runs (parent_run_id) WHERE parent_run_id IS NOT NULL';
/** An operation that may wait for a run which is pruned without it: all but those that wait for the child which the engine made for them. */
export const AWAITED_CHILD = `kind = 'flow' AND status = 'STARTED' AND child_run_id <> run_id || '//' || id`;
const AWAITED_INDEX = `CREATE INDEX perdure_operations_awaited ON perdure_operations (child_run_id) WHERE ${AWAITED_CHILD}`;
export const ENDED_WITHOUT_PARENT = 'finished_at IS NOT NULL AND parent_run_id IS NULL';
const FINISHED_INDEX = `CREATE INDEX perdure_runs_finished ON perdure_runs (finished_at)
  WHERE ${ENDED_WITHOUT_PARENT}`;

/** Within a flow and version, those against which fewer crashes count come first, and of these the oldest: SQLite appends `n` to each index. */
const READY_INDEX = `CREATE INDEX perdure_runs_ready ON perdure_runs (flow, version, ${CRASHES}) WHERE ${READY}`;
const HOMELESS_INDEX = `CREATE INDEX perdure_runs_homeless ON perdure_runs (flow, version, ${CRASHES}) WHERE ${HOMELESS}`;
const OWNED_INDEX = 'CREATE INDEX perdure_runs_owned ON perdure_runs (worker_id) WHERE worker_id IS NOT NULL';
const SINGLETON_INDEX = `CREATE UNIQUE INDEX perdure_runs_singleton ON perdure_runs (flow, singleton) WHERE singleton IS NOT NULL AND finished_at IS NULL`;
const UNSUCCESSFUL_INDEX = `CREATE INDEX perdure_runs_failed ON perdure_runs (status) WHERE ${UNSUCCESSFUL}`;
const BLOCKED_INDEX = `CREATE INDEX perdure_runs_blocked ON perdure_runs (n) WHERE ${BLOCKED}`;
const FLOW_INDEX = 'CREATE INDEX perdure_runs_flow ON perdure_runs (flow)';
const INDEXES_OF_RUNS = [READY_INDEX, HOMELESS_INDEX, OWNED_INDEX, SINGLETON_INDEX, UNSUCCESSFUL_INDEX, BLOCKED_INDEX, FLOW_INDEX].join(
  ';',
);

const WORKER_FLOWS = `CREATE TABLE perdure_worker_flows (
    flow TEXT,
    version INTEGER,
    worker_id TEXT,
    queue TEXT,
    timeout_ms INTEGER,
    PRIMARY KEY (flow, version, worker_id)
  ) WITHOUT ROWID`;

/** Version 2 does not look at the schema again before it registers a worker again. It cannot say what it has to say from version 3 on. */
const LEASE_TRIGGER = `CREATE TRIGGER perdure_workers_lease BEFORE INSERT ON perdure_workers WHEN NEW.lease_ms IS NULL
  BEGIN SELECT RAISE(ABORT, 'this file was migrated by a newer version of perdure: upgrade this process as well'); END`;

/**
 * All of the newest version, for a new file.
 *
 * Small columns come first, so that reading them does not walk through long texts. `n` is the order of creation. Indexes cost every write. All but those of
 * ids and of flows have few rows of a store where all goes well: those that wait to be claimed, those of living workers, those that sleep.
 */
const NEW_FILE = `
  CREATE TABLE perdure_runs (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    flow TEXT NOT NULL,
    version INTEGER NOT NULL,
    status TEXT NOT NULL,
    worker_id TEXT,
    blocked_code TEXT,
    created_at INTEGER NOT NULL,
    began_at INTEGER,
    finished_at INTEGER,
    wake_at INTEGER,
    after_seq INTEGER,
    held INTEGER,
    queue TEXT,
    singleton TEXT,
    parent_run_id TEXT,
    parent_operation_id TEXT,
    recoveries TEXT,
    waits TEXT,
    tags TEXT,
    digest TEXT NOT NULL,
    seed TEXT NOT NULL,
    options TEXT,
    input TEXT NOT NULL,
    outcome TEXT
  );
  ${ASLEEP_INDEX};
  ${PARENT_INDEX};
  ${FINISHED_INDEX};
  ${INDEXES_OF_RUNS};
  CREATE TABLE perdure_operations (
    run_id TEXT NOT NULL,
    id TEXT NOT NULL,
    seq INTEGER,
    status TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    began_at INTEGER,
    finished_at INTEGER,
    due_at INTEGER,
    after_seq INTEGER,
    child_run_id TEXT,
    digest TEXT NOT NULL,
    attempts TEXT,
    input TEXT,
    outcome TEXT,
    PRIMARY KEY (run_id, id)
  ) WITHOUT ROWID;
  ${AWAITED_INDEX};
  CREATE TABLE perdure_inbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT,
    payload TEXT NOT NULL
  );
  CREATE INDEX perdure_inbox_run ON perdure_inbox (run_id);
  CREATE TABLE perdure_workers (
    id TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    registered_at INTEGER NOT NULL,
    heartbeat_at INTEGER NOT NULL,
    lease_ms INTEGER,
    info TEXT
  ) WITHOUT ROWID;
  ${WORKER_FLOWS};
  ${LEASE_TRIGGER};`;

/**
 * The steps of a file from one version to the next: the first leads from 1 to 2. A step that was released never changes. Columns are added behind the long
 * texts, since a table of a million rows is not to be rewritten while a process waits for its store.
 */
const STEPS: readonly string[] = [
  `ALTER TABLE perdure_operations ADD COLUMN attempts TEXT;
   ALTER TABLE perdure_runs ADD COLUMN wake_at INTEGER;
   DROP INDEX perdure_runs_unfinished;
   CREATE INDEX perdure_runs_awake ON perdure_runs (worker_id) WHERE ${AWAKE};
   ${ASLEEP_INDEX};
   ${PARENT_INDEX};`,
  // Processes of an older version may have the file open: none of their workers lives on, so that the fence stops them.
  `ALTER TABLE perdure_runs ADD COLUMN recoveries TEXT;
   ALTER TABLE perdure_workers ADD COLUMN lease_ms INTEGER;
   ALTER TABLE perdure_workers ADD COLUMN info TEXT;
   ${FINISHED_INDEX};
   ${AWAITED_INDEX};
   UPDATE perdure_runs SET status = 'PENDING', worker_id = NULL WHERE worker_id IS NOT NULL AND ${AWAKE};
   UPDATE perdure_workers SET status = 'DEAD';
   ${LEASE_TRIGGER};`,
];

/**
 * The rest of version 3. It came later than the last step above, so there may be files with that step alone: {@link isWhole} tells.
 * With the next step this becomes part of that one before it.
 */
const REST_OF_VERSION_3 = `
  ALTER TABLE perdure_runs ADD COLUMN began_at INTEGER;
  ALTER TABLE perdure_runs ADD COLUMN after_seq INTEGER;
  ALTER TABLE perdure_runs ADD COLUMN held INTEGER;
  ALTER TABLE perdure_runs ADD COLUMN queue TEXT;
  ALTER TABLE perdure_runs ADD COLUMN singleton TEXT;
  ALTER TABLE perdure_runs ADD COLUMN waits TEXT;
  ALTER TABLE perdure_runs ADD COLUMN tags TEXT;
  DROP INDEX perdure_runs_awake;
  ${INDEXES_OF_RUNS};
  ALTER TABLE perdure_operations ADD COLUMN began_at INTEGER;
  ALTER TABLE perdure_operations ADD COLUMN after_seq INTEGER;
  ALTER TABLE perdure_inbox ADD COLUMN key TEXT;
  ${WORKER_FLOWS};`;

/** The schema version this code reads and writes. */
export const SCHEMA_VERSION: number = STEPS.length + 1;

/**
 * Brings the schema up to date: all pending steps in one transaction, which looks again at the version, since another process may be doing the same.
 *
 * @throws {StorageError} `STORE_TOO_NEW` when the file was written by a newer version.
 */
export function migrate(database: SqliteDatabase, path: string): void {
  if (versionOf(database, path) === SCHEMA_VERSION && isWhole(database)) return;
  database.exec('BEGIN IMMEDIATE');
  try {
    const version = versionOf(database, path);
    database.exec('CREATE TABLE IF NOT EXISTS perdure_meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID');
    if (version === 0) database.exec(NEW_FILE);
    else {
      for (const step of STEPS.slice(version - 1)) database.exec(step);
      if (!isWhole(database)) database.exec(REST_OF_VERSION_3);
    }
    database.exec(`INSERT OR REPLACE INTO perdure_meta (key, value) VALUES ('schema_version', '${SCHEMA_VERSION}')`);
    database.exec('COMMIT');
  } catch (error) {
    rollback(database);
    throw error;
  }
}

/**
 * Fails unless a file has the schema of this version: for what changes none.
 *
 * @param who - Who does not change it.
 * @throws {StorageError} `STORE_NOT_FOUND`, `STORE_TOO_OLD` or `STORE_TOO_NEW`
 */
export function requireSchema(database: SqliteDatabase, path: string, who: string): void {
  const version = versionOf(database, path);
  if (version === SCHEMA_VERSION && isWhole(database)) return;
  if (version === 0) {
    throw new StorageError(
      'STORE_NOT_FOUND',
      `could not open the store ${path}: the file has no tables of perdure, and ${who} makes none. Check the path; the first engine ` +
        'that executes runs makes the store',
    );
  }
  throw new StorageError(
    'STORE_TOO_OLD',
    `could not open the store ${path}: it has schema version ${version === SCHEMA_VERSION ? `${version} in part` : version}, this version of perdure needs ${SCHEMA_VERSION}, and ${who} ` +
      'changes none; the file was left as it is. Open it once with an engine of this version that executes runs, or use the version of perdure that wrote it',
  );
}

/** SQLite has rolled back by itself after some errors, such as a full disk; the first error is the one to tell. */
export function rollback(database: SqliteDatabase): void {
  try {
    database.exec('ROLLBACK');
  } catch {
    // No transaction is open any more.
  }
}

/** Whether a file of this version has all of it. */
function isWhole(database: SqliteDatabase): boolean {
  return database.prepare(`SELECT 1 AS whole FROM sqlite_master WHERE name = 'perdure_runs_ready'`).all([]).length > 0;
}

/** What a file of any version has. */
const TABLES_OF_ALL_VERSIONS = ['perdure_meta', 'perdure_runs', 'perdure_operations', 'perdure_inbox', 'perdure_workers'];

/** The version of a file; 0: it has none of the tables. */
function versionOf(database: SqliteDatabase, path: string): number {
  const names = TABLES_OF_ALL_VERSIONS.map((name) => `'${name}'`).join(', ');
  const rows = database.prepare(`SELECT name FROM sqlite_master WHERE type = 'table' AND name IN (${names})`).all([]);
  if (rows.length === 0) return 0;
  const found = new Set(rows.map((row) => row['name']));
  const value = found.has('perdure_meta') ? recordedVersion(database) : undefined;
  const version = Number(value);
  if (version > SCHEMA_VERSION) {
    throw new StorageError(
      'STORE_TOO_NEW',
      `${path} has schema version ${version}, and this version of perdure knows ${SCHEMA_VERSION}. Upgrade perdure; the file was left as it is`,
    );
  }
  const missing = TABLES_OF_ALL_VERSIONS.find((name) => !found.has(name));
  if (missing !== undefined) throw damagedSchema(path, `the table ${missing} is missing`);
  if (value === undefined) throw damagedSchema(path, 'the table perdure_meta has no schema version');
  if (!/^[1-9]\d*$/.test(String(value)))
    throw damagedSchema(path, `the table perdure_meta has the schema version ${JSON.stringify(value)}`);
  return version;
}

function recordedVersion(database: SqliteDatabase): unknown {
  return database.prepare(`SELECT value FROM perdure_meta WHERE key = 'schema_version'`).all([])[0]?.['value'];
}

/** That a file has tables of perdure which perdure did not leave so. */
export function damagedSchema(path: string, what: string): StorageError {
  return new StorageError(
    'STORE_CORRUPT',
    `could not open the store ${path}: ${what}, so its tables are damaged, or not those of perdure; the file was left as it is. Keep a copy of it and restore ` +
      'a backup, or choose another path',
  );
}
