import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { SqliteDatabase } from '../../src/store/sqlite/driver.js';
import { findDriver } from '../../src/store/sqlite/find-driver.js';
import { sqliteStore } from '../../src/store/sqlite/sqlite-store.js';
import { outcomeOf, runOf, workerOf } from './records.js';
import { tempDirectory } from './temp-directory.js';

/** What version 1 of the schema was, with a run that its process has left unfinished. Never to be changed. */
const VERSION_1 = `
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

test('a file of the first schema version is brought up to date, and nothing in it is lost', async () => {
  const path = join(tempDirectory(), 'app.db');
  const database = findDriver().connect(path);
  database.exec(VERSION_1);
  database.close();

  const store = sqliteStore(path);
  await store.open();
  await store.registerWorker(workerOf('w1'));
  const { claimed } = await store.claimRuns({ workerId: 'w1', nowMs: 2_000, flows: [{ flow: 'order', version: 1 }], limit: 10 });
  expect(claimed).toEqual([runOf('left')]);
  expect(await store.loadJournal('left')).toEqual([outcomeOf('left', '0', 1)]);
  expect(await store.readInbox('w1')).toEqual([{ id: 1, runId: 'left', kind: 'cancel', payload: '{}' }]);
  await store.close();
});

test('a file that was brought up to date has the columns and indexes of a new one', async () => {
  const [directory, { connect }] = [tempDirectory(), await findDriver()];
  const [old, young] = [join(directory, 'old.db'), join(directory, 'new.db')];
  const database = connect(old);
  database.exec(VERSION_1);
  database.close();
  const shapes = [];
  for (const path of [old, young]) {
    const store = sqliteStore(path);
    await store.open();
    await store.close();
    const database = connect(path);
    shapes.push(shapeOf(database));
    database.close();
  }
  expect(shapes[0]).toEqual(shapes[1]);
  expect(Object.keys(shapes[0]?.columns ?? {})).toEqual(['meta', 'runs', 'operations', 'inbox', 'workers']);
});

/** What a database has, in no order that matters. */
function shapeOf(database: SqliteDatabase): { columns: Record<string, string[]>; others: string[] } {
  const columns: Record<string, string[]> = {};
  for (const table of ['meta', 'runs', 'operations', 'inbox', 'workers']) {
    const rows = database.prepare(`PRAGMA table_info(perdure_${table})`).all([]);
    columns[table] = rows.map((row) => [row['name'], row['type'], row['notnull'], row['pk']].join(' ')).sort();
  }
  const others = database.prepare(`SELECT type, name, sql FROM sqlite_master WHERE type <> 'table'`).all([]);
  return { columns, others: others.map((row) => `${row['type']} ${row['name']} ${row['sql']}`).sort() };
}
