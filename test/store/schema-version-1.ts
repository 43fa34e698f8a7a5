/** What version 1 of the schema was, with a run that its process has left unfinished. Never to be changed. */
export const VERSION_1 = `
  CREATE TABLE perdure_meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE perdure_runs (
    n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, flow TEXT NOT NULL, version INTEGER NOT NULL, status TEXT NOT NULL, worker_id TEXT,
    blocked_code TEXT, created_at INTEGER NOT NULL, finished_at INTEGER, parent_run_id TEXT, parent_operation_id TEXT, digest TEXT NOT NULL,
    seed TEXT NOT NULL, options TEXT, input TEXT NOT NULL, outcome TEXT);
  CREATE INDEX perdure_runs_unfinished ON perdure_runs (worker_id) WHERE status IN ('PENDING', 'RUNNING', 'SUSPENDED', 'BLOCKED');
  CREATE TABLE perdure_operations (
    run_id TEXT NOT NULL, id TEXT NOT NULL, seq INTEGER, status TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, started_at INTEGER NOT NULL,
    finished_at INTEGER, due_at INTEGER, child_run_id TEXT, digest TEXT NOT NULL, input TEXT, outcome TEXT, PRIMARY KEY (run_id, id)) WITHOUT ROWID;
  CREATE TABLE perdure_inbox (id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL, kind TEXT NOT NULL, payload TEXT NOT NULL);
  CREATE INDEX perdure_inbox_run ON perdure_inbox (run_id);
  CREATE TABLE perdure_workers (id TEXT PRIMARY KEY, status TEXT NOT NULL, registered_at INTEGER NOT NULL, heartbeat_at INTEGER NOT NULL) WITHOUT ROWID;
  INSERT INTO perdure_meta VALUES ('schema_version', '1');
  INSERT INTO perdure_runs VALUES
    (1, 'left', 'order', 1, 'PENDING', NULL, NULL, 1700000000000, NULL, NULL, NULL, 'd1', 'seed', NULL, '["book"]', NULL);
  INSERT INTO perdure_operations VALUES
    ('left', '0', 1, 'SUCCEEDED', 'action', 'pay', 1700000000001, 1700000000002, NULL, NULL, 'd2', '[1]', '"0"');
  INSERT INTO perdure_inbox (run_id, kind, payload) VALUES ('left', 'cancel', '{}');`;
