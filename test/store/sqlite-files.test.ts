import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { expect, onTestFinished, test } from 'vitest';
import type { SqliteDatabase, SqliteStatement } from '../../src/store/sqlite/driver.js';
import { findDriver } from '../../src/store/sqlite/find-driver.js';
import type { SqliteStoreOptions } from '../../src/store/sqlite/sqlite-store.js';
import { sqliteStore } from '../../src/store/sqlite/sqlite-store.js';
import type { Store } from '../../src/store/store.js';
import { batchOf, outcomeOf, runOf, withRuns } from './records.js';
import { spyDriver } from './spy-driver.js';
import { tempDirectory } from './temp-directory.js';

function store(path: string, options?: SqliteStoreOptions): Store {
  const made = sqliteStore(path, options);
  onTestFinished(() => made.close());
  return made;
}

async function opened(path: string, options?: SqliteStoreOptions): Promise<Store> {
  const made = store(path, options);
  await made.open();
  return made;
}

/** A connection of somebody else's. */
async function connect(path: string): Promise<SqliteDatabase> {
  const database = (await findDriver()).connect(path);
  onTestFinished(() => database.close());
  return database;
}

/** Copies in a process of its own: opening and closing a file here would end the locks of this process on it. */
function copy(from: string, to: string): void {
  execFileSync(process.execPath, ['-e', 'fs.copyFileSync(process.argv[1], process.argv[2])', from, to]);
}

/** An error with this code that names the path and says something. */
function failure(code: string, path: string): unknown {
  return expect.objectContaining({ name: 'StorageError', code, message: expect.stringContaining(path) });
}

test('a missing directory is named', async () => {
  const path = join(tempDirectory(), 'missing', 'app.db');
  await expect(store(path).open()).rejects.toEqual(failure('STORE_DIRECTORY_MISSING', path));
});

test('a directory in place of the file is refused', async () => {
  const path = join(tempDirectory(), 'app.db');
  mkdirSync(path);
  await expect(store(path).open()).rejects.toEqual(failure('STORE_NOT_A_DATABASE', path));
});

test('a file that nobody may write is refused, even to root', async () => {
  const path = join(tempDirectory(), 'app.db');
  await (await opened(path)).close();
  chmodSync(path, 0o444);
  await expect(store(path).open()).rejects.toEqual(failure('STORE_READ_ONLY', path));
});

test.each([
  ['a long text', 'not a database, but a text. '.repeat(1_000)],
  ['a few bytes', 'hello'],
  ['zeros', '\0'.repeat(4_096)],
])('a file of %s is refused, and left as it is', async (_, content) => {
  const path = join(tempDirectory(), 'app.db');
  writeFileSync(path, content);
  await expect(store(path).open()).rejects.toEqual(failure('STORE_NOT_A_DATABASE', path));
  expect(readFileSync(path, 'utf8')).toBe(content);
});

test('an empty file becomes a store', async () => {
  const path = join(tempDirectory(), 'app.db');
  writeFileSync(path, '');
  expect(await (await opened(path)).listRuns({})).toEqual([]);
});

test('a file cut in half is reported as damaged', async () => {
  const path = join(tempDirectory(), 'app.db');
  const whole = await withRuns(await opened(path), 'id');
  await whole.commit(batchOf({ operations: Array.from({ length: 3_000 }, (_, index) => outcomeOf('id', `${index}`, index + 1)) }));
  await whole.close();
  const half = `${path}.half`;
  copy(path, half);
  truncateSync(half, Math.floor(statSync(half).size / 2 / 4_096) * 4_096);
  const reading = (async () => (await opened(half)).loadJournal('id'))();
  await expect(reading).rejects.toEqual(failure('STORE_CORRUPT', half));
});

test('pages overwritten with garbage are reported as damaged', async () => {
  const path = join(tempDirectory(), 'app.db');
  const whole = await withRuns(await opened(path), 'id');
  await whole.commit(batchOf({ operations: Array.from({ length: 3_000 }, (_, index) => outcomeOf('id', `${index}`, index + 1)) }));
  await whole.close();
  const damaged = `${path}.damaged`;
  copy(path, damaged);
  const content = readFileSync(damaged);
  writeFileSync(damaged, content.fill(0xab, 20 * 4_096));
  const reading = (async () => (await opened(damaged)).loadJournal('id'))();
  await expect(reading).rejects.toEqual(failure('STORE_CORRUPT', damaged));
});

test('a log with a torn tail loses the last commit as a whole, and nothing else (S2)', async () => {
  const path = join(tempDirectory(), 'app.db');
  const writing = await withRuns(await opened(path), 'first');
  await writing.commit(batchOf({ operations: [outcomeOf('first', '1', 1)] }));
  const before = statSync(`${path}-wal`).size;
  await writing.commit(batchOf({ creates: [runOf('last')], operations: [outcomeOf('last', '1', 1), outcomeOf('first', '2', 2)] }));
  const after = statSync(`${path}-wal`).size;
  const torn = `${path}.torn`;
  copy(path, torn);
  copy(`${path}-wal`, `${torn}-wal`);
  truncateSync(`${torn}-wal`, after - 100);
  expect(after).toBeGreaterThan(before);
  const recovered = await opened(torn);
  expect((await recovered.listRuns({})).map((run) => run.id)).toEqual(['first']);
  expect(await recovered.loadJournal('first')).toEqual([outcomeOf('first', '1', 1)]);
});

test('a log that was stretched for later commits holds what was committed, for this process, others and the next', async () => {
  const path = join(tempDirectory(), 'app.db');
  const stores = [await withRuns(await opened(path), 'id'), await opened(path)];
  const outcomes = Array.from({ length: 80 }, (_, index) => outcomeOf('id', `${index}`, index + 1));
  for (const [index, outcome] of outcomes.entries()) {
    await stores[index % 2]?.commit(batchOf({ operations: [outcome] }));
    const stretched = statSync(`${path}-wal`).size > 4_000_000;
    // Each of the two has made half of the commits, and the first one more, with the run.
    expect(stretched).toBe(index >= 60);
  }
  const other = await connect(path);
  expect(other.prepare('PRAGMA integrity_check').all([])).toMatchObject([{ integrity_check: 'ok' }]);
  for (const store of [...stores, await opened(path)]) expect(await store.loadJournal('id')).toEqual(outcomes);
  copy(path, `${path}.crashed`);
  copy(`${path}-wal`, `${path}.crashed-wal`);
  expect(await (await opened(`${path}.crashed`)).loadJournal('id')).toEqual(outcomes);
});

test('after closing, the file alone holds everything', async () => {
  const path = join(tempDirectory(), 'app.db');
  await (await withRuns(await opened(path), 'id')).close();
  copy(path, `${path}.copy`);
  expect(await (await opened(`${path}.copy`)).getRuns(['id'])).toEqual([runOf('id')]);
});

test('a store of a newer version is refused, and left as it is', async () => {
  const path = join(tempDirectory(), 'app.db');
  await (await opened(path)).close();
  const other = await connect(path);
  other.exec(`UPDATE perdure_meta SET value = '999' WHERE key = 'schema_version'`);
  await expect(store(path).open()).rejects.toEqual(failure('STORE_TOO_NEW', path));
  expect(other.prepare('SELECT value FROM perdure_meta').all([])).toMatchObject([{ value: '999' }]);
});

test('a store lives in the database of the program', async () => {
  const path = join(tempDirectory(), 'app.db');
  const other = await connect(path);
  other.exec(`CREATE TABLE users (name TEXT); INSERT INTO users VALUES ('Ada')`);
  await (await withRuns(await opened(path), 'id')).close();
  const tables = other.prepare(`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`).all([]);
  expect(tables.map((row) => row['name'])).toEqual([
    'perdure_inbox',
    'perdure_meta',
    'perdure_operations',
    'perdure_runs',
    'perdure_workers',
    'users',
  ]);
});

test('a database that somebody else keeps locked is busy, and usable afterwards', async () => {
  const path = join(tempDirectory(), 'app.db');
  const waiting = await withRuns(await opened(path, { busyTimeoutMs: 1 }), 'id');
  const other = await connect(path);
  other.exec('BEGIN IMMEDIATE');
  await expect(waiting.commit(batchOf({ operations: [outcomeOf('id', '1', 1)] }))).rejects.toEqual(failure('STORE_BUSY', path));
  other.exec('ROLLBACK');
  await waiting.commit(batchOf({ operations: [outcomeOf('id', '1', 1)] }));
  expect(await waiting.loadJournal('id')).toHaveLength(1);
});

test.each([
  ['of one outcome', (busy: Store) => busy.commit(batchOf({ operations: [outcomeOf('id', '1', 1)] }))],
  ['of more', (busy: Store) => busy.commit(batchOf({ creates: [runOf('more')], operations: [outcomeOf('id', '1', 1)] }))],
])('after a write %s that met a lock, a store sees what others write, and can write', async (_, write) => {
  const path = join(tempDirectory(), 'app.db');
  const busy = await withRuns(await opened(path, { busyTimeoutMs: 1 }), 'id');
  const other = await connect(path);
  other.exec('BEGIN IMMEDIATE');
  await expect(write(busy)).rejects.toEqual(failure('STORE_BUSY', path));
  expect(await busy.loadJournal('id')).toEqual([]);
  await busy.changedElsewhere();
  other.exec(`UPDATE perdure_runs SET flow = 'renamed'; COMMIT`);
  expect(await busy.changedElsewhere()).toBe(true);
  expect((await busy.getRuns(['id']))[0]?.flow).toBe('renamed');
  await write(busy);
  expect(await busy.loadJournal('id')).toHaveLength(1);
});

test('after a write that met a lock, a file that is gone is not made anew, and one that was put back is used', async () => {
  const path = join(tempDirectory(), 'app.db');
  const busy = await withRuns(await opened(path, { busyTimeoutMs: 1 }), 'id');
  const other = await connect(path);
  other.exec('BEGIN IMMEDIATE');
  await expect(busy.commit(batchOf({ creates: [runOf('new')] }))).rejects.toEqual(failure('STORE_BUSY', path));
  other.exec('ROLLBACK');
  renameSync(path, `${path}-moved`);
  await expect(busy.listRuns({})).rejects.toEqual(failure('STORE_FAILED', 'is gone'));
  expect(existsSync(path)).toBe(false);
  renameSync(`${path}-moved`, path);
  expect((await busy.listRuns({})).map(({ id }) => id)).toEqual(['id']);
});

test('what another process wrote while a write met a lock counts as changed elsewhere', async () => {
  const path = join(tempDirectory(), 'app.db');
  const busy = await withRuns(await opened(path, { busyTimeoutMs: 1 }), 'id');
  await busy.changedElsewhere();
  const other = await connect(path);
  other.exec('BEGIN IMMEDIATE');
  await expect(busy.commit(batchOf({ creates: [runOf('new')] }))).rejects.toEqual(failure('STORE_BUSY', path));
  other.exec(`UPDATE perdure_runs SET flow = 'renamed'; COMMIT`);
  expect(await busy.changedElsewhere()).toBe(true);
  expect(await busy.changedElsewhere()).toBe(false);
});

test('a process that stands still with a lock that is held for an instant makes the database busy, and usable afterwards', async () => {
  const path = join(tempDirectory(), 'app.db');
  const driver = await findDriver();
  let standsStill = false;
  // SQLite tries for ten seconds, whatever the busy time-out is, and calls it a failure of the locking protocol.
  const connectTo = (file: string): SqliteDatabase => {
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
  const waiting = await withRuns(await opened(path, { driver: { name: 'standing', connect: connectTo } }), 'id');
  standsStill = true;
  await expect(waiting.commit(batchOf({ operations: [outcomeOf('id', '1', 1)] }))).rejects.toEqual(failure('STORE_BUSY', path));
  standsStill = false;
  await waiting.commit(batchOf({ operations: [outcomeOf('id', '1', 1)] }));
  expect(await waiting.loadJournal('id')).toHaveLength(1);
});

test('a file that is no database is closed again', async () => {
  const path = join(tempDirectory(), 'app.db');
  writeFileSync(path, 'this is no database, and much longer than a header '.repeat(100));
  const driver = await findDriver();
  let open = 0;
  const connectTo = (file: string): SqliteDatabase => {
    const database = driver.connect(file);
    open += 1;
    return {
      prepare: (sql) => database.prepare(sql),
      exec: (sql) => database.exec(sql),
      close: () => {
        open -= 1;
        database.close();
      },
    };
  };
  await expect(store(path, { driver: { name: 'counting', connect: connectTo } }).open()).rejects.toEqual(
    failure('STORE_NOT_A_DATABASE', path),
  );
  expect(open).toBe(0);
});

test('a write that SQLite refuses changes nothing and leaves the store usable (S2)', async () => {
  const path = join(tempDirectory(), 'app.db');
  const refusing = await withRuns(await opened(path), 'id');
  const batch = batchOf({
    creates: [runOf('new')],
    operations: [outcomeOf('id', '1', 1), { ...outcomeOf('id', '2', 2), name: null as unknown as string }],
  });
  await expect(refusing.commit(batch)).rejects.toEqual(failure('STORE_FAILED', path));
  expect(await refusing.getRuns(['new'])).toEqual([]);
  expect(await refusing.loadJournal('id')).toEqual([]);
  await refusing.commit(batchOf({ creates: [runOf('new')] }));
});

test('nothing has changed elsewhere while only this store writes', async () => {
  const path = join(tempDirectory(), 'app.db');
  const alone = await withRuns(await opened(path), 'id');
  await alone.changedElsewhere();
  await alone.commit(batchOf({ operations: [outcomeOf('id', '1', 1)] }));
  expect(await alone.changedElsewhere()).toBe(false);
});

test('the file is in WAL mode', async () => {
  const path = join(tempDirectory(), 'app.db');
  await opened(path);
  expect((await connect(path)).prepare('PRAGMA journal_mode').all([])).toMatchObject([{ journal_mode: 'wal' }]);
});

test.each([
  [undefined, 2],
  ['full', 2],
  ['normal', 1],
] as const)('with synchronous %s, SQLite is at level %i', async (synchronous, level) => {
  const path = join(tempDirectory(), 'app.db');
  const { driver, connections } = await spyDriver();
  await opened(path, { driver, ...(synchronous === undefined ? {} : { synchronous }) });
  expect(connections[0]?.prepare('PRAGMA synchronous').all([])).toMatchObject([{ synchronous: level }]);
});
