import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { journalOf } from '../../src/store/journal-of.js';
import type { SqliteDatabase, SqliteDriver, SqliteStatement } from '../../src/store/sqlite/driver.js';
import { sqliteStore } from '../../src/store/sqlite/sqlite-store.js';
import type { Store } from '../../src/store/store.js';
import { INSTALLED_DRIVERS } from './installed-drivers.js';
import { batchOf, outcomeOf, runOf, withRuns } from './records.js';
import { tempDirectory } from './temp-directory.js';
import { watching } from './watching.js';

/** An error with this code that names the path and says something. */
function failure(code: string, path: string): unknown {
  return expect.objectContaining({ name: 'StorageError', code, message: expect.stringContaining(path) });
}

/** A store with a run that does not wait for locks, and a connection of somebody else's. */
async function storeBesideAnother(driver: SqliteDriver): Promise<{ path: string; store: Store; other: SqliteDatabase }> {
  const path = join(tempDirectory(), 'app.db');
  const store = sqliteStore(path, { busyTimeoutMs: 1, driver });
  onTestFinished(() => store.close());
  await store.open();
  await withRuns(store, 'id');
  const other = driver.connect(path);
  onTestFinished(() => other.close());
  return { path, store, other };
}

/** Fails as SQLite does after ten seconds, whatever the busy time-out is: it calls that a failure of the locking protocol. */
function standingStill(driver: SqliteDriver): { driver: SqliteDriver; stand(still: boolean): void } {
  let standsStill = false;
  const connect = (file: string): SqliteDatabase => {
    const database = driver.connect(file);
    const prepare = (sql: string): SqliteStatement => {
      const statement = database.prepare(sql);
      const run: SqliteStatement['run'] = (values) => {
        if (standsStill) throw Object.assign(new Error('locking protocol'), { code: 'SQLITE_PROTOCOL', rawCode: 15 });
        return statement.run(values);
      };
      return { run, get: (values) => statement.get(values), all: (values) => statement.all(values) };
    };
    return { prepare, exec: (sql) => database.exec(sql), close: () => database.close() };
  };
  return {
    driver: { name: 'standing', connect },
    stand: (still) => {
      standsStill = still;
    },
  };
}

describe.each(INSTALLED_DRIVERS)('$name', (driver) => {
  test('a database that somebody else keeps locked is busy, and usable afterwards', async () => {
    const { path, store, other } = await storeBesideAnother(driver);
    other.exec('BEGIN IMMEDIATE');
    await expect(store.commit(batchOf({ operations: [outcomeOf('id', '1', 1)] }))).rejects.toEqual(failure('STORE_BUSY', path));
    other.exec('ROLLBACK');
    await store.commit(batchOf({ operations: [outcomeOf('id', '1', 1)] }));
    expect(await journalOf(store, 'id')).toHaveLength(1);
  });

  test.each([
    ['of one outcome', (store: Store) => store.commit(batchOf({ operations: [outcomeOf('id', '1', 1)] }))],
    ['of more', (store: Store) => store.commit(batchOf({ creates: [runOf('more')], operations: [outcomeOf('id', '1', 1)] }))],
  ])('after a write %s that met a lock, a store sees what others write, and can write (SC3)', async (_, write) => {
    const { path, store, other } = await storeBesideAnother(driver);
    other.exec('BEGIN IMMEDIATE');
    await expect(write(store)).rejects.toEqual(failure('STORE_BUSY', path));
    expect(await journalOf(store, 'id')).toEqual([]);
    const watch = watching(store);
    await watch.told();
    other.exec(`UPDATE perdure_runs SET flow = 'renamed'; COMMIT`);
    expect(await watch.told()).toBe(true);
    expect((await store.getRuns(['id']))[0]?.flow).toBe('renamed');
    await write(store);
    expect(await journalOf(store, 'id')).toHaveLength(1);
  });

  test('what another process wrote while a write met a lock counts as changed elsewhere', async () => {
    const { path, store, other } = await storeBesideAnother(driver);
    const watch = watching(store);
    await watch.told();
    other.exec('BEGIN IMMEDIATE');
    await expect(store.commit(batchOf({ creates: [runOf('new')] }))).rejects.toEqual(failure('STORE_BUSY', path));
    other.exec(`UPDATE perdure_runs SET flow = 'renamed'; COMMIT`);
    expect(await watch.told()).toBe(true);
    expect(await watch.told()).toBe(false);
  });

  test('a process that stands still with a lock that is held for an instant makes the database busy, and usable afterwards', async () => {
    const standing = standingStill(driver);
    const { path, store } = await storeBesideAnother(standing.driver);
    standing.stand(true);
    await expect(store.commit(batchOf({ operations: [outcomeOf('id', '1', 1)] }))).rejects.toEqual(failure('STORE_BUSY', path));
    standing.stand(false);
    await store.commit(batchOf({ operations: [outcomeOf('id', '1', 1)] }));
    expect(await journalOf(store, 'id')).toHaveLength(1);
  });
});
