import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { SqliteDatabase, SqliteDriver } from '../../src/store/sqlite/driver.js';
import { isBusy, resultCode, storageError } from '../../src/store/sqlite/sqlite-errors.js';
import { builtProgram } from '../built-program.js';
import { INSTALLED_DRIVERS } from './installed-drivers.js';
import { tempDirectory } from './temp-directory.js';
import { WAYS } from './ways-to-run.js';

const ROWS = 'WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 2000) SELECT hex(randomblob(200)) FROM c';

function opened(driver: SqliteDriver, path: string): SqliteDatabase {
  const database = driver.connect(path);
  onTestFinished(() => database.close());
  database.exec('PRAGMA busy_timeout = 0');
  return database;
}

/** A database in WAL mode with a table of some pages. */
function made(driver: SqliteDriver): { path: string; database: SqliteDatabase } {
  const path = join(tempDirectory(), 'app.db');
  const database = opened(driver, path);
  database.prepare('PRAGMA journal_mode = WAL').all([]);
  database.exec(`CREATE TABLE t (x TEXT NOT NULL); INSERT INTO t ${ROWS}`);
  return { path, database };
}

/** A copy of such a file, alone. */
function copied(driver: SqliteDriver): string {
  const { path, database } = made(driver);
  database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').all([]);
  copyFileSync(path, `${path}.copy`);
  return `${path}.copy`;
}

interface Failure {
  /** What is to fail, and on which connection. */
  readonly provoke: (driver: SqliteDriver) => { database: SqliteDatabase; sql: string };
  readonly result: number;
  readonly code: string;
}

const FAILURES: Readonly<Record<string, Failure>> = {
  'locked by another connection': {
    provoke(driver) {
      const { path, database } = made(driver);
      opened(driver, path).exec('BEGIN IMMEDIATE');
      return { database, sql: `INSERT INTO t VALUES ('x')` };
    },
    result: 5,
    code: 'STORE_BUSY',
  },
  'behind what another connection wrote': {
    provoke(driver) {
      const { path, database } = made(driver);
      database.exec('BEGIN');
      database.prepare('SELECT * FROM t').all([]);
      opened(driver, path).exec(`INSERT INTO t VALUES ('y')`);
      return { database, sql: `INSERT INTO t VALUES ('x')` };
    },
    result: 5,
    code: 'STORE_BUSY',
  },
  'locked by its own transaction': {
    provoke(driver) {
      const { database } = made(driver);
      database.exec('BEGIN IMMEDIATE');
      return { database, sql: 'PRAGMA wal_checkpoint' };
    },
    result: 6,
    code: 'STORE_BUSY',
  },
  'not to be written': {
    provoke(driver) {
      const { database } = made(driver);
      database.exec('PRAGMA query_only = 1');
      return { database, sql: `INSERT INTO t VALUES ('x')` };
    },
    result: 8,
    code: 'STORE_READ_ONLY',
  },
  'a damaged page': {
    provoke(driver) {
      const path = copied(driver);
      writeFileSync(path, readFileSync(path).fill(0xab, 4 * 4_096));
      return { database: opened(driver, path), sql: 'SELECT count(*) FROM t' };
    },
    result: 11,
    code: 'STORE_CORRUPT',
  },
  'a full disk': {
    provoke(driver) {
      const { database } = made(driver);
      database.exec('PRAGMA max_page_count = 1');
      return { database, sql: `INSERT INTO t ${ROWS}` };
    },
    result: 13,
    code: 'STORE_FAILED',
  },
  'a log that cannot be opened': {
    provoke(driver) {
      const path = copied(driver);
      mkdirSync(`${path}-wal`);
      return { database: opened(driver, path), sql: 'SELECT * FROM t' };
    },
    result: 14,
    code: 'STORE_FAILED',
  },
  'no database': {
    provoke(driver) {
      const path = join(tempDirectory(), 'app.db');
      writeFileSync(path, 'not a database, but a text. '.repeat(1_000));
      return { database: opened(driver, path), sql: 'SELECT * FROM t' };
    },
    result: 26,
    code: 'STORE_NOT_A_DATABASE',
  },
};

function thrownBy(work: () => void): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return 'nothing was thrown';
}

describe.each(INSTALLED_DRIVERS)('$name', (driver) => {
  for (const [what, { provoke, result, code }] of Object.entries(FAILURES)) {
    test.each(Object.keys(WAYS))(`${what}, met by %s: its meaning is known`, (way) => {
      const { database, sql } = provoke(driver);
      const error = thrownBy(() => WAYS[way]?.(database, sql));
      expect(resultCode(error)).toBe(result);
      expect(isBusy(error)).toBe(result === 5);
      const seen = storageError(error, 'write', '/x/app.db');
      expect(seen).toMatchObject({ name: 'StorageError', code, cause: error });
      expect(seen.message).toContain('/x/app.db');
    });
  }

  test.skipIf(process.platform === 'win32')('a write that the system refuses: its meaning is known', () => {
    const child = fileURLToPath(new URL('./children/write-beyond-limit.ts', import.meta.url));
    const command = `trap '' XFSZ; ulimit -f 400; exec "$@"`;
    const path = join(tempDirectory(), 'app.db');
    const seen = execFileSync('sh', ['-c', command, 'sh', process.execPath, builtProgram(child), driver.name, path], {
      encoding: 'utf8',
    });
    expect(JSON.parse(seen)).toEqual(['exec', 'run', 'all'].map((way) => [way, 10, 'STORE_FAILED']));
  });

  test('a file in a directory that is not there cannot be opened', () => {
    const error = thrownBy(() => driver.connect(join(tempDirectory(), 'missing', 'app.db')));
    expect(storageError(error, 'open the store', 'app.db').code).toBe('STORE_FAILED');
  });

  test('a constraint that is broken has no meaning of its own', () => {
    const { database } = made(driver);
    const error = thrownBy(() => database.prepare('INSERT INTO t VALUES (?)').run([null]));
    expect(resultCode(error)).toBeUndefined();
    expect(storageError(error, 'write', 'app.db').message).toContain('NOT NULL constraint failed: t.x');
  });
});

/** It takes a stopped process to provoke it, and ten seconds. */
test.each([
  ['libsql, better-sqlite3', { code: 'SQLITE_PROTOCOL' }],
  ['node:sqlite, @photostructure/sqlite', { code: 'ERR_SQLITE_ERROR', errcode: 15 }],
  ['@photostructure/sqlite, asked for all rows', { code: 'ERR_SQLITE_ERROR' }],
])('a lock that is held for an instant only, in the words of %s: its meaning is known', (_, fields) => {
  const error = Object.assign(new Error('locking protocol'), fields);
  expect(storageError(error, 'write', 'app.db').code).toBe('STORE_BUSY');
});

test('an error of the store passes unchanged', () => {
  const first = storageError(new Error('x'), 'write', 'app.db');
  expect(storageError(first, 'read', 'app.db')).toBe(first);
});

test('what is no error of SQLite, or none at all, is reported too', () => {
  expect(resultCode(new TypeError('x is not a function'))).toBeUndefined();
  expect(storageError(new TypeError('x is not a function'), 'write', 'app.db')).toMatchObject({ code: 'STORE_FAILED' });
  expect(storageError('gone', 'write', 'app.db').message).toContain('gone');
});
