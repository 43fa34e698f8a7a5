import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { journalOf } from '../../src/store/journal-of.js';
import type { SqliteDatabase } from '../../src/store/sqlite/driver.js';
import { findDriver } from '../../src/store/sqlite/find-driver.js';
import { sqliteStore } from '../../src/store/sqlite/sqlite-store.js';
import { outcomeOf, runOf, workerOf } from './records.js';
import { VERSION_1 } from './schema-version-1.js';
import { VERSION_3_IN_PART } from './schema-version-3-in-part.js';
import { tempDirectory } from './temp-directory.js';

/** Files that earlier versions have left. */
const EARLIER: Readonly<Record<string, string>> = {
  'version 1': VERSION_1,
  'version 2': readFileSync(new URL('../replay/version-2/journal.sql', import.meta.url), 'utf8'),
  'version 3 in part': VERSION_3_IN_PART,
};

test.each(['version 1', 'version 3 in part'])('a file of schema %s is brought up to date, and nothing in it is lost', async (version) => {
  const path = join(tempDirectory(), 'app.db');
  const database = findDriver().connect(path);
  database.exec(EARLIER[version] as string);
  database.close();

  await expect(sqliteStore(path).open({ client: true })).rejects.toMatchObject({ code: 'STORE_TOO_OLD' });
  const store = sqliteStore(path);
  await store.open();
  await store.registerWorker(workerOf('w1'));
  const { claimed } = await store.claimRuns({ workerId: 'w1', nowMs: 2_000, flows: [{ flow: 'order', version: 1 }], limit: 10 });
  expect(claimed).toEqual([runOf('left')]);
  expect(await journalOf(store, 'left')).toEqual([outcomeOf('left', '0', 1)]);
  expect(await store.readInbox('w1')).toEqual([{ id: 1, runId: 'left', kind: 'cancel', payload: '{}' }]);
  await store.close();
});

test.each(Object.entries(EARLIER))('a file of %s that was brought up to date has the columns and indexes of a new one', async (_, sql) => {
  const [directory, { connect }] = [tempDirectory(), await findDriver()];
  const [old, young] = [join(directory, 'old.db'), join(directory, 'new.db')];
  const database = connect(old);
  database.exec(sql);
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
  expect(Object.keys(shapes[0]?.columns ?? {})).toEqual(['meta', 'runs', 'operations', 'inbox', 'workers', 'worker_flows']);
});

/** What a database has, in no order that matters. */
function shapeOf(database: SqliteDatabase): { columns: Record<string, string[]>; others: string[] } {
  const columns: Record<string, string[]> = {};
  for (const table of ['meta', 'runs', 'operations', 'inbox', 'workers', 'worker_flows']) {
    const rows = database.prepare(`PRAGMA table_info(perdure_${table})`).all([]);
    columns[table] = rows.map((row) => [row['name'], row['type'], row['notnull'], row['pk']].join(' ')).sort();
  }
  const others = database.prepare(`SELECT type, name, sql FROM sqlite_master WHERE type <> 'table'`).all([]);
  return { columns, others: others.map((row) => `${row['type']} ${row['name']} ${row['sql']}`).sort() };
}
