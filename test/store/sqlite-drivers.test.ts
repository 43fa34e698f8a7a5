import { expect, test } from 'vitest';
import type { SqliteDatabase, SqliteDriver } from '../../src/store/sqlite/driver.js';
import { packagedDriver } from '../../src/store/sqlite/driver.js';
import type { DriverSource } from '../../src/store/sqlite/find-driver.js';
import { DRIVER_SOURCES, findDriver } from '../../src/store/sqlite/find-driver.js';
import { isBusy, resultCode, storageError } from '../../src/store/sqlite/sqlite-errors.js';

class FakeDatabase implements SqliteDatabase {
  exec(): void {}
  prepare(): never {
    throw new TypeError('not prepared for this');
  }
  close(): void {}
}

const FAKE: SqliteDriver = packagedDriver('fake', FakeDatabase);

function source(name: string, load: () => Promise<SqliteDriver | undefined>): DriverSource {
  return { name, load };
}

test('the sources are asked in the order of preference', () => {
  expect(DRIVER_SOURCES.map((one) => one.name)).toEqual(['node:sqlite', 'libsql', 'better-sqlite3']);
});

test('a driver is found here', async () => {
  expect(DRIVER_SOURCES.map((one) => one.name)).toContain((await findDriver()).name);
});

test('the first driver that is there is taken', async () => {
  const driver = await findDriver([source('none', async () => undefined), source('fake', async () => FAKE)]);
  expect(driver).toBe(FAKE);
});

test('a driver that does not load is passed over', async () => {
  const broken = source('broken', () => Promise.reject(new Error('wrong version of Node')));
  expect(await findDriver([broken, source('fake', async () => FAKE)])).toBe(FAKE);
});

test('without a driver, the error names the command to run', async () => {
  const finding = findDriver([source('none', async () => undefined)]);
  await expect(finding).rejects.toEqual(
    expect.objectContaining({ code: 'SQLITE_DRIVER_MISSING', message: expect.stringContaining('`npm install libsql`') }),
  );
});

test('a driver that is there but does not load is named with its reason', async () => {
  const cause = new Error('wrong version of Node');
  const finding = findDriver([source('broken', () => Promise.reject(cause))]);
  await expect(finding).rejects.toEqual(
    expect.objectContaining({
      cause,
      message: expect.stringContaining('broken is installed but does not load: Error: wrong version of Node'),
    }),
  );
});

/** Errors as the drivers throw them. */
const ERRORS: readonly (readonly [string, Error, number | undefined, string])[] = [
  ['libsql, busy', Object.assign(new Error('database is locked'), { code: 'SQLITE_BUSY', rawCode: 5 }), 5, 'STORE_BUSY'],
  ['better-sqlite3, busy snapshot', Object.assign(new Error('database is locked'), { code: 'SQLITE_BUSY_SNAPSHOT' }), 5, 'STORE_BUSY'],
  [
    'node:sqlite, busy recovery',
    Object.assign(new Error('database is locked'), { code: 'ERR_SQLITE_ERROR', errcode: 261 }),
    5,
    'STORE_BUSY',
  ],
  ['node:sqlite, locked', Object.assign(new Error('table is locked'), { code: 'ERR_SQLITE_ERROR', errcode: 6 }), 6, 'STORE_BUSY'],
  [
    'libsql, locked for an instant',
    Object.assign(new Error('locking protocol'), { code: 'SQLITE_PROTOCOL', rawCode: 15 }),
    15,
    'STORE_BUSY',
  ],
  ['node:sqlite, locked for an instant', Object.assign(new Error('locking protocol'), { errcode: 15 }), 15, 'STORE_BUSY'],
  ['libsql, read-only', Object.assign(new Error('readonly'), { code: 'SQLITE_READONLY', rawCode: 8 }), 8, 'STORE_READ_ONLY'],
  ['node:sqlite, read-only directory', Object.assign(new Error('readonly'), { errcode: 1544 }), 8, 'STORE_READ_ONLY'],
  ['libsql, damaged', Object.assign(new Error('malformed'), { code: 'SQLITE_CORRUPT' }), 11, 'STORE_CORRUPT'],
  ['libsql, not a database', Object.assign(new Error('not a database'), { code: 'SQLITE_NOTADB' }), 26, 'STORE_NOT_A_DATABASE'],
  ['libsql, not opened', new Error('ConnectionFailed("Unable to open connection to local database /x/y: 14")'), 14, 'STORE_FAILED'],
  ['full disk', Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' }), 13, 'STORE_FAILED'],
  ['constraint', Object.assign(new Error('NOT NULL'), { code: 'SQLITE_CONSTRAINT_NOTNULL' }), undefined, 'STORE_FAILED'],
  ['no SQLite error', new TypeError('x is not a function'), undefined, 'STORE_FAILED'],
];

test.each(ERRORS)('%s: its meaning is known', (_, error, result, code) => {
  expect(resultCode(error)).toBe(result);
  expect(isBusy(error)).toBe(result === 5);
  const seen = storageError(error, 'write', '/x/app.db');
  expect(seen).toMatchObject({ name: 'StorageError', code, cause: error });
  expect(seen.message).toContain('/x/app.db');
});

test('an error of the store passes unchanged', () => {
  const first = storageError(new Error('x'), 'write', 'app.db');
  expect(storageError(first, 'read', 'app.db')).toBe(first);
});

test('what is thrown and is no error is reported too', () => {
  expect(storageError('gone', 'write', 'app.db').message).toContain('gone');
});
