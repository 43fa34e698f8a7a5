import { chmodSync, copyFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { journalOf } from '../../src/store/journal-of.js';
import type { SqliteDatabase, SqliteDriver, SqlRow } from '../../src/store/sqlite/driver.js';
import { findDriver } from '../../src/store/sqlite/find-driver.js';
import { sqliteStore } from '../../src/store/sqlite/sqlite-store.js';
import { batchOf, outcomeOf, runOf, workerOf } from './records.js';
import { tempDirectory } from './temp-directory.js';

const ENTRIES = 2_300;

/** A driver that tells of each page of a journal that was read. */
function watching(onPage: (rows: readonly SqlRow[]) => void): SqliteDriver {
  const driver = findDriver();
  const watched = (database: SqliteDatabase): SqliteDatabase => ({
    exec: (sql) => database.exec(sql),
    close: () => database.close(),
    prepare(sql) {
      const statement = database.prepare(sql);
      return {
        run: (params) => statement.run(params),
        get: (params) => statement.get(params),
        all(params) {
          const rows = statement.all(params);
          if (/FROM perdure_operations WHERE run_id = \?/.test(sql)) onPage(rows);
          return rows;
        },
      };
    },
  });
  const { connectReadOnly } = driver;
  return {
    ...driver,
    connect: (path) => watched(driver.connect(path)),
    ...(connectReadOnly && { connectReadOnly: (path: string) => watched(connectReadOnly.call(driver, path)) }),
  };
}

test('a long journal is read in pages of one picture, whatever is written meanwhile', async () => {
  const path = join(tempDirectory(), 'app.db');
  const sizes: number[] = [];
  let write = (): void => {};
  const store = sqliteStore(path, {
    driver: watching((rows) => {
      sizes.push(rows.length);
      if (sizes.length === 3) write();
    }),
  });
  await store.open();
  const other = findDriver().connect(path);
  onTestFinished(() => other.close());
  write = () => other.exec(`UPDATE perdure_operations SET outcome = '"later"'; DELETE FROM perdure_operations WHERE seq > ${ENTRIES - 5}`);
  onTestFinished(() => store.close());
  await store.registerWorker(workerOf('w1'));
  const run = runOf('long');
  const operations = Array.from({ length: ENTRIES }, (_, index) => outcomeOf(run.id, String(index), index + 1));
  await store.commit(batchOf({ creates: [run], operations }));
  const journal = await journalOf(store, run.id);
  expect(journal.map(({ seq, outcome }) => [seq, outcome])).toEqual(operations.map(({ seq, outcome }) => [seq, outcome]));
  expect(Math.max(...sizes)).toBeLessThanOrEqual(500);
  expect(await journalOf(store, run.id)).toHaveLength(ENTRIES - 5);
});

test('journals that are long together are read in pages, each whole', async () => {
  const sizes: number[] = [];
  const store = sqliteStore(join(tempDirectory(), 'app.db'), { driver: watching((rows) => sizes.push(rows.length)) });
  await store.open();
  onTestFinished(() => store.close());
  await store.registerWorker(workerOf('w1'));
  // Pages end within a journal, at its end, and before one that is empty.
  const lengths = { first: 500, second: 1, '\u{1F600} third': 1_234, none: 0, '\uFF5E fourth': 766, last: 3 };
  for (const [id, length] of Object.entries(lengths)) {
    const operations = Array.from({ length }, (_, index) => outcomeOf(id, String(index), index + 1));
    await store.commit(batchOf({ creates: [runOf(id)], operations }));
  }
  sizes.length = 0;
  const journals = await store.loadJournals(Object.keys(lengths));
  expect(Object.fromEntries(Array.from(journals, ([id, journal]) => [id, journal.length]))).toEqual(lengths);
  for (const [id, journal] of journals) expect(journal.every(({ runId, seq }, index) => runId === id && seq === index + 1)).toBe(true);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(500);
});

test('a client reads a long journal of a copy that it cannot write, and makes no file', async () => {
  const directory = tempDirectory();
  const path = join(directory, 'app.db');
  const store = sqliteStore(path);
  await store.open();
  await store.registerWorker(workerOf('w1'));
  const operations = Array.from({ length: ENTRIES }, (_, index) => outcomeOf('long', String(index), index + 1));
  await store.commit(batchOf({ creates: [runOf('long')], operations }));
  await store.close();
  const copy = join(tempDirectory(), 'copy.db');
  copyFileSync(path, copy);
  chmodSync(copy, 0o444);
  const client = sqliteStore(copy);
  await client.open({ client: true });
  expect(await journalOf(client, 'long')).toHaveLength(ENTRIES);
  expect(readdirSync(join(copy, '..'))).toEqual(['copy.db']);
  await client.close();
});
