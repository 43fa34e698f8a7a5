/** A file of schema version 3 as it was before it had all of its columns and indexes, with a run that was left. No release has written one. */
export const VERSION_3_IN_PART = `
  CREATE TABLE perdure_runs (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    flow TEXT NOT NULL,
    version INTEGER NOT NULL,
    status TEXT NOT NULL,
    worker_id TEXT,
    blocked_code TEXT,
    created_at INTEGER NOT NULL,
    finished_at INTEGER,
    wake_at INTEGER,
    parent_run_id TEXT,
    parent_operation_id TEXT,
    recoveries TEXT,
    digest TEXT NOT NULL,
    seed TEXT NOT NULL,
    options TEXT,
    input TEXT NOT NULL,
    outcome TEXT
  );
  CREATE INDEX perdure_runs_awake ON perdure_runs (worker_id) WHERE status IN ('PENDING', 'RUNNING', 'BLOCKED');
  CREATE INDEX perdure_runs_asleep ON perdure_runs (wake_at) WHERE status = 'SUSPENDED';
  CREATE INDEX perdure_runs_parent ON perdure_runs (parent_run_id) WHERE parent_run_id IS NOT NULL;
  CREATE INDEX perdure_runs_finished ON perdure_runs (finished_at)
  WHERE finished_at IS NOT NULL AND parent_run_id IS NULL;
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
    attempts TEXT,
    input TEXT,
    outcome TEXT,
    PRIMARY KEY (run_id, id)
  ) WITHOUT ROWID;
  CREATE INDEX perdure_operations_awaited ON perdure_operations (child_run_id) WHERE kind = 'flow' AND status = 'STARTED' AND child_run_id <> run_id || '//' || id;
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
    heartbeat_at INTEGER NOT NULL,
    lease_ms INTEGER,
    info TEXT
  ) WITHOUT ROWID;
  CREATE TRIGGER perdure_workers_lease BEFORE INSERT ON perdure_workers WHEN NEW.lease_ms IS NULL
  BEGIN SELECT RAISE(ABORT, 'this file was migrated by a newer version of perdure: upgrade this process as well'); END;
  CREATE TABLE perdure_meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  INSERT INTO perdure_meta (key, value) VALUES ('schema_version', '3');
  INSERT INTO perdure_runs (id, flow, version, status, worker_id, created_at, digest, seed, input)
    VALUES ('left', 'order', 1, 'PENDING', NULL, 1700000000000, 'd1', 'seed', '["book"]');
  INSERT INTO perdure_operations (run_id, id, seq, status, kind, name, started_at, finished_at, digest, input, outcome)
    VALUES ('left', '0', 1, 'SUCCEEDED', 'action', 'pay', 1700000000001, 1700000000002, 'd2', '[1]', '"0"');
  INSERT INTO perdure_inbox (run_id, kind, payload) VALUES ('left', 'cancel', '{}');
`;
