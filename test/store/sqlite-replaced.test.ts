import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { journalOf } from '../../src/store/journal-of.js';
import type { SqliteDatabase, SqliteDriver } from '../../src/store/sqlite/driver.js';
import { sqliteStore } from '../../src/store/sqlite/sqlite-store.js';
import type { Store } from '../../src/store/store.js';
import { recordsOf } from '../../src/testing/reading.js';
import { builtProgram } from '../built-program.js';
import { INSTALLED_DRIVERS } from './installed-drivers.js';
import { batchOf, endOf, messageTo, outcomeOf, runOf, withRuns, workerOf } from './records.js';
import { tempDirectory } from './temp-directory.js';
import { watching } from './watching.js';

/** A file in a directory of its own, and a store that is open on it, with worker `w1` and the run `first`. */
async function openedStore(driver: SqliteDriver, path = join(tempDirectory(), 'app.db')): Promise<{ path: string; store: Store }> {
  const store = sqliteStore(path, { driver });
  onTestFinished(() => store.close());
  await store.open();
  await withRuns(store, 'first');
  return { path, store };
}

/** A file with a store in it that nobody has open. */
async function otherFile(driver: SqliteDriver, path: string): Promise<void> {
  const other = sqliteStore(path, { driver });
  await other.open();
  await other.close();
}

function create(store: Store, id: string): Promise<unknown> {
  return store.commit(batchOf({ creates: [runOf(id)] }));
}

/** What a watcher calls when it was told that a look has failed. */
async function afterALook(store: Store): Promise<unknown> {
  expect(await watching(store).told()).toBe(true);
  return store.getRuns(['first']);
}

/** What a call of a store rejects with, once its file is another one; the message has these parts. */
async function expectReplaced(call: Promise<unknown>, ...parts: string[]): Promise<void> {
  const error = await call.then(
    () => 'it was resolved',
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ name: 'StorageError', code: 'STORE_REPLACED' });
  for (const part of parts) expect((error as Error).message).toContain(part);
}

interface Change {
  /** What is done to a file that is open. */
  readonly make: (path: string, driver: SqliteDriver) => void | Promise<void>;
  /** What the error says. */
  readonly says: string;
}

const CHANGES: Readonly<Record<string, Change>> = {
  'the file is deleted': { make: (path) => unlinkSync(path), says: 'was deleted or moved' },
  'the file is moved': { make: (path) => renameSync(path, `${path}.old`), says: 'was deleted or moved' },
  'its directory is moved': {
    make: (path) => renameSync(join(path, '..'), `${join(path, '..')}-moved`),
    says: 'was deleted or moved',
  },
  'its directory is replaced by a file': {
    make(path) {
      renameSync(join(path, '..'), `${join(path, '..')}-moved`);
      writeFileSync(join(path, '..'), '');
      onTestFinished(() => rmSync(join(path, '..')));
    },
    says: 'was deleted or moved',
  },
  'another file takes its place': {
    async make(path, driver) {
      await otherFile(driver, `${path}.other`);
      renameSync(`${path}.other`, path);
    },
    says: 'another file has taken the place',
  },
  'it is replaced with all that lies beside it': {
    async make(path, driver) {
      mkdirSync(join(path, '..', 'old'));
      for (const name of readdirSync(join(path, '..'))) {
        if (name.startsWith('app.db')) renameSync(join(path, '..', name), join(path, '..', 'old', name));
      }
      await otherFile(driver, path);
    },
    says: 'another file has taken the place',
  },
  'it is emptied': { make: (path) => truncateSync(path), says: 'was emptied' },
  'its log is deleted': { make: (path) => unlinkSync(`${path}-wal`), says: '-wal was deleted' },
  'its log is replaced': {
    make(path) {
      unlinkSync(`${path}-wal`);
      writeFileSync(`${path}-wal`, '');
    },
    says: '-wal was replaced',
  },
};

/** What a program asks a store for, which answers when it is durable; and what is asked now and then. */
const CALLS: Readonly<Record<string, (store: Store) => Promise<unknown>>> = {
  'the creation of a run': (store) => create(store, 'second'),
  'a message': (store) => store.send(messageTo('first')),
  'a blocked run that is to go on': (store) => store.unblock('first'),
  'a registration': (store) => store.registerWorker(workerOf('w2')),
  'a retirement': (store) => store.retireWorker('w1'),
  'a heartbeat': (store) => store.heartbeat('w1', 2_000),
  'a look for changes': afterALook,
};

const ROWS = Array.from({ length: 60 }, (_, index) => outcomeOf('first', `${index}`, index + 1));

describe.each(INSTALLED_DRIVERS)('$name', (driver) => {
  test.each(Object.entries(CHANGES))(
    'when %s, no new run is reported as durable, and the store says what happened (SQ3)',
    async (_, change) => {
      const { path, store } = await openedStore(driver);
      await change.make(path, driver);
      await expectReplaced(create(store, 'second'), path, change.says);
      // Once and for all, whatever lies there later.
      await expectReplaced(store.getRuns(['first']), path, change.says);
      await expect(store.close()).resolves.toBeUndefined();
    },
  );

  test.each(Object.entries(CALLS))('%s is told of a log that was deleted', async (_, call) => {
    const { path, store } = await openedStore(driver);
    unlinkSync(`${path}-wal`);
    await expectReplaced(call(store), path, '-wal was deleted');
  });

  test('a large batch is not written into a log that was deleted, where it could damage the file', async () => {
    const { path, store } = await openedStore(driver);
    unlinkSync(`${path}-wal`);
    writeFileSync(`${path}-wal`, '');
    await expectReplaced(store.commit(batchOf({ operations: ROWS })), '-wal was replaced');
  });

  test('nothing is looked for in what a run does by itself, as long as the log has its name', async () => {
    const { path, store } = await openedStore(driver);
    renameSync(path, `${path}.moved`);
    await store.commit(batchOf({ operations: [outcomeOf('first', '1', 1)] }));
    renameSync(`${path}.moved`, path);
    await create(store, 'second');
    expect(await journalOf(store, 'first')).toHaveLength(1);
  });

  test('a link that leads elsewhere by now is another file', async () => {
    const directory = tempDirectory();
    const { store } = await openedStore(driver, join(directory, 'one.db'));
    await store.close();
    symlinkSync('one.db', join(directory, 'link.db'));
    const linked = sqliteStore(join(directory, 'link.db'), { driver });
    onTestFinished(() => linked.close());
    await linked.open();
    expect(await watching(linked).told()).toBe(false);
    await otherFile(driver, join(directory, 'two.db'));
    unlinkSync(join(directory, 'link.db'));
    symlinkSync('two.db', join(directory, 'link.db'));
    await expectReplaced(afterALook(linked), 'link.db', 'another file has taken the place');
  });

  test('a file that was put back before anything looked is the same', async () => {
    const { path, store } = await openedStore(driver);
    renameSync(path, `${path}.moved`);
    renameSync(`${path}.moved`, path);
    await create(store, 'second');
    expect((await recordsOf(store)).map(({ id }) => id)).toEqual(['second', 'first']);
  });

  test('what was written before is whole where its file is now, and what takes its place is left alone', async () => {
    const { path, store } = await openedStore(driver);
    await otherFile(driver, `${path}.other`);
    renameSync(path, `${path}.moved`);
    renameSync(`${path}.other`, path);
    await expectReplaced(create(store, 'second'), path);
    const there = sqliteStore(path, { driver });
    await there.open();
    expect(await recordsOf(there)).toEqual([]);
    await there.close();
    const moved = sqliteStore(`${path}.moved`, { driver });
    await moved.open();
    expect((await recordsOf(moved)).map(({ id }) => id)).toContain('first');
    await moved.close();
  });

  test('its workers are free at once: whoever has the file takes over their runs', async () => {
    const { path, store } = await openedStore(driver);
    const directory = join(path, '..');
    renameSync(directory, `${directory}-moved`);
    onTestFinished(() => rmSync(`${directory}-moved`, { recursive: true, force: true }));
    await expectReplaced(afterALook(store), path);
    const moved = sqliteStore(`${directory}-moved/app.db`, { driver });
    onTestFinished(() => moved.close());
    await moved.open();
    await moved.registerWorker(workerOf('w2'));
    expect(await moved.reapWorkers({ workerId: 'w2', nowMs: 1_000 })).toEqual(['w1']);
  });

  test('all who share a store are told, and so is each store on the file', async () => {
    const { path, store } = await openedStore(driver);
    await store.open();
    onTestFinished(() => store.close());
    const beside = sqliteStore(path, { driver });
    onTestFinished(() => beside.close());
    await beside.open();
    unlinkSync(path);
    await expectReplaced(create(store, 'second'), path);
    await expectReplaced(afterALook(store), path);
    await expectReplaced(afterALook(beside), path);
  });

  test('after a lock was met, a file that is gone is not made anew', async () => {
    const path = join(tempDirectory(), 'app.db');
    const store = sqliteStore(path, { driver, busyTimeoutMs: 1 });
    onTestFinished(() => store.close());
    await store.open();
    await withRuns(store, 'first');
    const other = driver.connect(path);
    onTestFinished(() => other.close());
    other.exec('BEGIN IMMEDIATE');
    await expect(create(store, 'second')).rejects.toMatchObject({ code: 'STORE_BUSY' });
    other.exec('ROLLBACK');
    renameSync(path, `${path}.moved`);
    await expectReplaced(store.getRuns(['first']), path, 'was deleted or moved');
    expect(existsSync(path)).toBe(false);
  });

  test('a backup that is written into an open file is noticed by the workers that are not in it', async () => {
    const { path, store } = await openedStore(driver);
    const other = driver.connect(path);
    onTestFinished(() => other.close());
    other.exec('DELETE FROM perdure_runs; DELETE FROM perdure_workers');
    await expectReplaced(create(store, 'second'), path, 'was written over while it was open', 'w1');
    await expectReplaced(store.heartbeat('w1', 2_000), path, 'was written over');
  });

  test('a backup that knows a worker as it was before is noticed as well', async () => {
    const { path, store } = await openedStore(driver);
    await store.heartbeat('w1', 2_000);
    expect(await store.reapWorkers({ workerId: 'w1', nowMs: 2_000 })).toEqual([]);
    const other = driver.connect(path);
    onTestFinished(() => other.close());
    other.exec('UPDATE perdure_workers SET heartbeat_at = 1000');
    await expectReplaced(store.reapWorkers({ workerId: 'w1', nowMs: 2_000 }), path, 'was written over');
  });

  test('a worker that was marked dead or retired is fenced as ever', async () => {
    const { path, store } = await openedStore(driver);
    const other = driver.connect(path);
    onTestFinished(() => other.close());
    other.exec(`UPDATE perdure_workers SET status = 'DEAD'`);
    await expect(create(store, 'second')).rejects.toMatchObject({ code: 'FENCED' });
    await store.registerWorker(workerOf('w2'));
    await store.retireWorker('w2');
    await expect(store.commit({ ...batchOf(), workerId: 'w2' })).rejects.toMatchObject({ code: 'FENCED' });
  });
});

/** A connection of another SQLite library than the store's. Nothing is prepared on it, so that it is closed when it says so. */
function secondLibrary(driver: SqliteDriver, path: string): SqliteDatabase {
  const other = INSTALLED_DRIVERS.find(({ name }) => name !== driver.name && name !== 'better-sqlite3') as SqliteDriver;
  return other.connect(path);
}

/** What an untouched library says of the file. */
function integrity(driver: SqliteDriver, path: string): unknown {
  const database = driver.connect(path);
  const rows = database.prepare('PRAGMA integrity_check').all([]);
  database.close();
  return rows.map((row) => row['integrity_check']);
}

describe.skipIf(INSTALLED_DRIVERS.length < 2).each(INSTALLED_DRIVERS)('beside another SQLite library in the process, $name', (driver) => {
  function program(path: string): { write(count: number): void; close(): void } {
    const database = secondLibrary(driver, path);
    database.exec('CREATE TABLE IF NOT EXISTS customers (name TEXT)');
    return {
      write: (count) => {
        for (let each = 0; each < count; each += 1) database.exec(`INSERT INTO customers VALUES (hex(randomblob(200)))`);
      },
      close: () => database.close(),
    };
  }

  test('loses nothing that it reports, and damages nothing', async () => {
    const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    onTestFinished(() => warnings.mockRestore());
    const { path, store } = await openedStore(driver);
    let reported = ['first'];
    for (let request = 1; request <= 5; request += 1) {
      const mine = program(path);
      mine.write(20);
      mine.close();
      const id = `request-${request}`;
      reported = await create(store, id).then(
        () => [...reported, id],
        () => reported,
      );
      await store.commit(batchOf({ operations: [outcomeOf(id, '1', 1)], ends: [endOf(id)] })).catch(() => undefined);
    }
    await store.close().catch(() => undefined);
    // The other library is the one that has seen nothing of the old log.
    const reader = INSTALLED_DRIVERS.find(({ name }) => name !== driver.name) as SqliteDriver;
    expect(integrity(reader, path)).toEqual(['ok']);
    const database = reader.connect(path);
    const ids = database
      .prepare('SELECT id FROM perdure_runs')
      .all([])
      .map((row) => row['id']);
    expect(ids).toEqual(expect.arrayContaining(reported));
    expect(database.prepare('SELECT count(*) AS count FROM customers').all([])[0]?.['count']).toBe(100);
    database.close();
    // With `libsql` there is no anchor.
    if (driver.connectReadOnly !== undefined) {
      expect(reported).toHaveLength(6);
      expect(warnings).toHaveBeenCalledWith(expect.stringContaining('Nothing was lost this time'), expect.anything());
    }
  });

  test.runIf(driver.closesAtOnce)('a reader beside it steps aside for the new log, and reads on', async () => {
    const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    onTestFinished(() => warnings.mockRestore());
    const { path, store } = await openedStore(driver);
    const reader = store.reader();
    onTestFinished(() => reader.close());
    const idsOf = async (): Promise<string[]> => (await reader.page()).runs.map(({ id }) => id);
    const created = ['first'];
    for (const first of ['store', 'reader', 'store', 'reader']) {
      expect(await idsOf()).toEqual([...created].reverse());
      const mine = program(path);
      mine.write(20);
      mine.close();
      // Whoever looks first.
      if (first === 'reader') expect(await idsOf()).toEqual([...created].reverse());
      created.push(`request-${created.length}`);
      await create(store, created.at(-1) as string);
      expect(await idsOf()).toEqual([...created].reverse());
    }
    await reader.close();
    await store.close();
    const other = INSTALLED_DRIVERS.find(({ name }) => name !== driver.name) as SqliteDriver;
    expect(integrity(other, path)).toEqual(['ok']);
  });

  test.skipIf(driver.connectReadOnly === undefined)('writes what a run does by itself into the new log (SC4)', async () => {
    const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    onTestFinished(() => warnings.mockRestore());
    const { path, store } = await openedStore(driver);
    const mine = program(path);
    mine.write(20);
    mine.close();
    await store.commit(batchOf({ operations: [outcomeOf('first', '1', 1)] }));
    const reader = INSTALLED_DRIVERS.find(({ name }) => name !== driver.name) as SqliteDriver;
    const database = reader.connect(path);
    expect(database.prepare('SELECT count(*) AS count FROM perdure_operations').all([])[0]?.['count']).toBe(1);
    database.close();
  });

  test.skipIf(driver.connectReadOnly === undefined)(
    'goes on after it was closed, and the other has thrown away its log meanwhile (DF4)',
    async () => {
      const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
      onTestFinished(() => warnings.mockRestore());
      const { path, store } = await openedStore(driver);
      for (let round = 1; round <= 3; round += 1) {
        await store.close();
        const mine = program(path);
        mine.write(20);
        mine.close();
        await store.open();
        await store.registerWorker(workerOf(`round ${round}`));
        await store.commit(batchOf({ workerId: `round ${round}`, creates: [runOf(`run ${round}`)] }));
      }
      // What a process sees that opens the file now.
      const reader = INSTALLED_DRIVERS.find(({ name }) => name !== driver.name) as SqliteDriver;
      const database = reader.connect(path);
      expect(database.prepare('SELECT count(*) AS count FROM perdure_runs').all([])[0]?.['count']).toBe(4);
      expect(database.prepare('SELECT count(*) AS count FROM customers').all([])[0]?.['count']).toBe(60);
      database.close();
    },
  );

  test.skipIf(driver.connectReadOnly === undefined).each([
    ['noticed', 'STORE_REPLACED\n', 601],
    ['not noticed', '', 301],
  ])(
    'damages nothing when its process ends with a log that the other has thrown away, which it has %s (DF1, DF2)',
    (notices, says, rows) => {
      const path = join(tempDirectory(), 'app.db');
      const child = fileURLToPath(new URL('./children/end-beside-other-library.ts', import.meta.url));
      const other = INSTALLED_DRIVERS.find(({ name }) => name !== driver.name && name !== 'better-sqlite3') as SqliteDriver;
      const said = execFileSync(process.execPath, [builtProgram(child), driver.name, other.name, path, notices], { encoding: 'utf8' });
      expect(said).toBe(says);
      expect(integrity(driver, path)).toEqual(['ok']);
      const database = driver.connect(path);
      expect(database.prepare('SELECT count(*) AS count FROM customers').all([])[0]?.['count']).toBe(rows);
      database.close();
    },
  );

  test('stops when something was written that the other has thrown away, and leaves the file to the other', async () => {
    const { path, store } = await openedStore(driver);
    const mine = program(path);
    mine.close();
    // The name is there again, and so nobody looks.
    const again = program(path);
    again.write(1);
    await store.commit(batchOf({ operations: [outcomeOf('first', '1', 1)] }));
    again.write(300);
    await expectReplaced(create(store, 'second'), '-wal was replaced', 'use one library a file');
    again.write(300);
    await store.close();
    again.write(1);
    again.close();
    const reader = INSTALLED_DRIVERS.find(({ name }) => name !== driver.name) as SqliteDriver;
    expect(integrity(reader, path)).toEqual(['ok']);
    const database = reader.connect(path);
    expect(database.prepare('SELECT count(*) AS count FROM customers').all([])[0]?.['count']).toBe(602);
    database.close();
    const reopened = sqliteStore(path, { driver });
    onTestFinished(() => reopened.close());
    if (driver.closesAtOnce === true) {
      await reopened.open();
      expect((await recordsOf(reopened)).map(({ id }) => id)).toEqual(['first']);
    } else {
      await expectReplaced(reopened.open(), 'this process cannot open', 'Start the process again');
    }
  });
});
