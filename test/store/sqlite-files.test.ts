import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { expect, onTestFinished, test } from 'vitest';
import { journalOf } from '../../src/store/journal-of.js';
import type { SqliteDatabase } from '../../src/store/sqlite/driver.js';
import { findDriver } from '../../src/store/sqlite/find-driver.js';
import type { SqliteStoreOptions } from '../../src/store/sqlite/sqlite-options.js';
import { sqliteStore } from '../../src/store/sqlite/sqlite-store.js';
import type { Store } from '../../src/store/store.js';
import { recordsOf } from '../../src/testing/reading.js';
import { batchOf, messageTo, outcomeOf, runOf, withRuns } from './records.js';
import { spyDriver } from './spy-driver.js';
import { tempDirectory } from './temp-directory.js';
import { watching } from './watching.js';

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
  const database = findDriver().connect(path);
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
  expect(await recordsOf(await opened(path))).toEqual([]);
});

test('a file cut in half is reported as damaged', async () => {
  const path = join(tempDirectory(), 'app.db');
  const whole = await withRuns(await opened(path), 'id');
  await whole.commit(batchOf({ operations: Array.from({ length: 3_000 }, (_, index) => outcomeOf('id', `${index}`, index + 1)) }));
  await whole.close();
  const half = `${path}.half`;
  copy(path, half);
  truncateSync(half, Math.floor(statSync(half).size / 2 / 4_096) * 4_096);
  const reading = (async () => journalOf(await opened(half), 'id'))();
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
  const reading = (async () => journalOf(await opened(damaged), 'id'))();
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
  expect((await recordsOf(recovered)).map((run) => run.id)).toEqual(['first']);
  expect(await journalOf(recovered, 'first')).toEqual([outcomeOf('first', '1', 1)]);
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
  for (const store of [...stores, await opened(path)]) expect(await journalOf(store, 'id')).toEqual(outcomes);
  copy(path, `${path}.crashed`);
  copy(`${path}-wal`, `${path}.crashed-wal`);
  expect(await journalOf(await opened(`${path}.crashed`), 'id')).toEqual(outcomes);
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
    'perdure_worker_flows',
    'perdure_workers',
    'users',
  ]);
});

test('a file that is no database is closed again', async () => {
  const path = join(tempDirectory(), 'app.db');
  writeFileSync(path, 'this is no database, and much longer than a header '.repeat(100));
  const driver = findDriver();
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
  expect(await journalOf(refusing, 'id')).toEqual([]);
  await refusing.commit(batchOf({ creates: [runOf('new')] }));
});

test('nothing has changed elsewhere while only this store writes', async () => {
  const path = join(tempDirectory(), 'app.db');
  const alone = await withRuns(await opened(path), 'id');
  const watch = watching(alone);
  await watch.told();
  await alone.commit(batchOf({ operations: [outcomeOf('id', '1', 1)] }));
  await alone.send(messageTo('id'));
  expect(await watch.told()).toBe(false);
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
