import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { chooseStore } from '../../src/engine/choose-store.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { SqliteStoreOptions } from '../../src/store/sqlite/sqlite-options.js';
import { sqliteStore } from '../../src/store/sqlite/sqlite-store.js';
import { spyDriver } from './spy-driver.js';
import { tempDirectory } from './temp-directory.js';

/** A mistake of the caller with this code whose message says this. */
function mistake(code: 'INVALID_ARGUMENT' | 'INVALID_OPTION', says: string): unknown {
  return expect.objectContaining({ name: 'UsageError', code, message: expect.stringContaining(says) });
}

function thrownBy(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

const LEVELS = "sqliteStore(): the option \"synchronous\" must be one of 'full', 'normal'";
const TIMEOUTS = 'sqliteStore(): the option "busyTimeoutMs" must be a whole number of milliseconds from 0 to 2147483647';
const DRIVERS =
  "sqliteStore(): the option \"driver\" must be an object with the function connect, or one of 'node:sqlite', '@photostructure/sqlite', 'better-sqlite3', 'libsql'";

test.each([
  [{ synchronous: 'fulll' }, LEVELS],
  [{ synchronous: 'FULL' }, LEVELS],
  [{ synchronous: 'off' }, LEVELS],
  [{ synchronous: false }, LEVELS],
  [{ synchronous: null }, LEVELS],
  [{ syncronous: 'normal' }, 'there is no option "syncronous"; the options are synchronous, busyTimeoutMs, driver'],
  [{ busyTimeoutMs: 'ten' }, TIMEOUTS],
  [{ busyTimeoutMs: '10' }, TIMEOUTS],
  [{ busyTimeoutMs: -5 }, TIMEOUTS],
  [{ busyTimeoutMs: 1.5 }, TIMEOUTS],
  [{ busyTimeoutMs: Number.NaN }, TIMEOUTS],
  [{ busyTimeoutMs: Number.POSITIVE_INFINITY }, TIMEOUTS],
  [{ busyTimeoutMs: 2_147_483_648 }, TIMEOUTS],
  [{ driver: {} }, DRIVERS],
  [{ driver: 'sqlite' }, DRIVERS],
  [{ driver: null }, DRIVERS],
  [null, 'sqliteStore(): the options must be an object'],
  ['normal', 'sqliteStore(): the options must be an object'],
])('the options %j are refused', (options, says) => {
  expect(thrownBy(() => sqliteStore('app.db', options as SqliteStoreOptions))).toEqual(mistake('INVALID_OPTION', says));
});

test.each([0, 2_147_483_647])('SQLite waits for %i ms when it is told to', async (busyTimeoutMs) => {
  const { driver, connections } = await spyDriver();
  const store = sqliteStore(join(tempDirectory(), 'app.db'), { busyTimeoutMs, driver });
  await store.open();
  expect(connections[0]?.prepare('PRAGMA busy_timeout').all([])).toMatchObject([{ timeout: busyTimeoutMs }]);
  await store.close();
});

test('options that are undefined count as left out, and what becomes of their object later does not matter', async () => {
  const { driver, connections } = await spyDriver();
  const options = { synchronous: undefined, busyTimeoutMs: undefined, driver } as unknown as { synchronous: 'full' | 'normal' };
  const store = sqliteStore(join(tempDirectory(), 'app.db'), options);
  options.synchronous = 'normal';
  await store.open();
  expect(connections[0]?.prepare('PRAGMA synchronous').all([])).toMatchObject([{ synchronous: 2 }]);
  expect(connections[0]?.prepare('PRAGMA busy_timeout').all([])).toMatchObject([{ timeout: 10_000 }]);
  await store.close();
});

test('options may be inherited', async () => {
  const { driver, connections } = await spyDriver();
  const store = sqliteStore(join(tempDirectory(), 'app.db'), Object.create({ synchronous: 'normal', driver }) as SqliteStoreOptions);
  await store.open();
  expect(connections[0]?.prepare('PRAGMA synchronous').all([])).toMatchObject([{ synchronous: 1 }]);
  await store.close();
});

test.each([
  [':memory:', 'not ":memory:". Use memoryStore()'],
  ['', 'not ""'],
  [' ', 'not " "'],
  ['a\0b', 'without NUL, not "a\\u0000b"'],
  ['\ud800.db', 'not "\\ud800.db"'],
  [7, 'not a number'],
  [undefined, 'not undefined'],
  [null, 'not null'],
  [new URL('file:///app.db'), 'not a URL'],
])('the path %j is refused', (path, says) => {
  expect(thrownBy(() => sqliteStore(path as string))).toEqual(mistake('INVALID_ARGUMENT', says));
});

test.each([
  ['postgres://user:secret@host/app', 'postgres'],
  ['libsql://host', 'libsql'],
  ['file:///app.db', 'file'],
  ['file:app.db?mode=memory', 'file'],
  ['FILE::memory:', 'FILE'],
])('the address %s is refused in the same way wherever it is given, without what may be secret in it', (address, scheme) => {
  const error = thrownBy(() => sqliteStore(address));
  expect(error).toEqual(mistake('INVALID_OPTION', `there is no store for ${scheme}: addresses`));
  expect(String(error)).not.toContain(address);
  expect(thrownBy(() => chooseStore(address))).toEqual(error);
});

test('a colon makes no address of a path', async () => {
  const path = join(tempDirectory(), 'postgres:app.db');
  const store = sqliteStore(path);
  await store.open();
  await store.close();
  expect(existsSync(path)).toBe(true);
});

test.each(['app.db', { path: 'app.db' }, null])('memoryStore() refuses %j', (argument) => {
  const make = memoryStore as (argument: unknown) => unknown;
  expect(thrownBy(() => make(argument))).toEqual(mistake('INVALID_ARGUMENT', 'memoryStore() takes no arguments'));
});

test('memoryStore() takes undefined for nothing', () => {
  const make = memoryStore as (argument: unknown) => unknown;
  expect(make(undefined)).toMatchObject({ name: 'memory' });
});
