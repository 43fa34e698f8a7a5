import type { ErrorCode } from '../../errors/codes.js';
import { StorageError } from '../../errors/errors.js';
import { descriptorsUsedUp, saysDescriptorsUsedUp } from './descriptors.js';

/** A result of SQLite that perdure tells apart from others. */
interface SqliteResult {
  /** The primary result code, and its name. */
  readonly number: number;
  readonly name: string;
  /** How SQLite's own message begins. */
  readonly texts: readonly string[];
  readonly code: ErrorCode;
  /** What it means for the user, and what to do. */
  readonly what: string;
  readonly todo: string;
}

const RESULTS: readonly SqliteResult[] = [
  {
    number: 5,
    name: 'SQLITE_BUSY',
    texts: ['database is locked'],
    code: 'STORE_BUSY',
    what: 'another process kept the database locked for too long',
    todo: 'Close the program that holds a transaction open on it (a database browser, a backup, a stopped process)',
  },
  {
    number: 6,
    name: 'SQLITE_LOCKED',
    texts: ['database table is locked', 'database schema is locked'],
    code: 'STORE_BUSY',
    what: 'another connection of this process keeps the database locked',
    todo: 'End its transaction first',
  },
  {
    number: 8,
    name: 'SQLITE_READONLY',
    texts: ['attempt to write a readonly database'],
    code: 'STORE_READ_ONLY',
    what: 'the database cannot be written',
    todo: 'Make the file and its directory writable for this user, or choose another path',
  },
  {
    number: 10,
    name: 'SQLITE_IOERR',
    texts: ['disk I/O error'],
    code: 'STORE_FAILED',
    what: 'the disk reported an error',
    todo: 'Check the disk and its file system',
  },
  {
    number: 11,
    name: 'SQLITE_CORRUPT',
    texts: ['database disk image is malformed', 'malformed database schema'],
    code: 'STORE_CORRUPT',
    what: 'the database is damaged',
    todo: 'Keep a copy of it, then restore a backup or use the `.recover` command of the sqlite3 shell',
  },
  {
    number: 13,
    name: 'SQLITE_FULL',
    texts: ['database or disk is full'],
    code: 'STORE_FAILED',
    what: 'the disk is full',
    todo: 'Free some space; nothing of this write was kept',
  },
  {
    number: 14,
    name: 'SQLITE_CANTOPEN',
    texts: ['unable to open database'],
    code: 'STORE_FAILED',
    what: 'the file cannot be opened',
    todo: 'Check the path and the permissions of the file and its directory',
  },
  {
    number: 15,
    name: 'SQLITE_PROTOCOL',
    texts: ['locking protocol'],
    code: 'STORE_BUSY',
    what: 'another process stands still with a lock that is held for an instant only',
    todo: 'Let the stopped process go on, or end it',
  },
  {
    number: 26,
    name: 'SQLITE_NOTADB',
    texts: ['file is not a database'],
    code: 'STORE_NOT_A_DATABASE',
    what: 'the file is not a SQLite database',
    todo: 'Choose another path; the file was left as it is',
  },
];

/**
 * What SQLite says in an error of any driver, if it is one of those. `node:sqlite` and `@photostructure/sqlite` give a number in `errcode`, but the latter gives
 * only SQLite's message where a statement failed that was asked for all its rows; `better-sqlite3` and `libsql` give a name in `code`, and `libsql` gives a
 * message of its own when a file cannot be opened.
 */
function resultOf(error: unknown): SqliteResult | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('errcode' in error && typeof error.errcode === 'number') {
    const primary = error.errcode & 0xff;
    return RESULTS.find(({ number }) => number === primary);
  }
  const named = 'code' in error && typeof error.code === 'string' ? /^SQLITE_[A-Z]+/.exec(error.code)?.[0] : undefined;
  if (named !== undefined) return RESULTS.find(({ name }) => name === named);
  const opening = /Unable to open connection to local database .*: (\d+)/s.exec(error.message)?.[1];
  if (opening !== undefined) return RESULTS.find(({ number }) => number === (Number(opening) & 0xff));
  return RESULTS.find(({ texts }) => texts.some((text) => error.message.startsWith(text)));
}

/** SQLite's primary result code in an error of any driver, if it is one that is told apart. */
export function resultCode(error: unknown): number | undefined {
  return resultOf(error)?.number;
}

/** Whether somebody else holds the lock that was asked for. */
export function isBusy(error: unknown): boolean {
  return resultOf(error)?.name === 'SQLITE_BUSY';
}

/** Makes the error a user sees of one that a driver threw; `doing` completes «could not …». */
export function storageError(error: unknown, doing: string, path: string): StorageError {
  if (error instanceof StorageError) return error;
  const meaning = resultOf(error);
  if (saysDescriptorsUsedUp(error) || (meaning?.name === 'SQLITE_CANTOPEN' && descriptorsUsedUp())) {
    return new StorageError(
      'STORE_NO_DESCRIPTORS',
      `could not ${doing} in ${path}: no file descriptors are left. Close files and connections that nobody needs, or raise the limit (ulimit -n)`,
      { cause: error },
    );
  }
  const detail = error instanceof Error ? error.message : String(error);
  if (meaning === undefined) {
    return new StorageError('STORE_FAILED', `could not ${doing} in ${path}: ${detail}. Nothing was changed; see the cause`, {
      cause: error,
    });
  }
  return new StorageError(meaning.code, `could not ${doing} in ${path}: ${meaning.what} (${detail}). ${meaning.todo}`, { cause: error });
}
