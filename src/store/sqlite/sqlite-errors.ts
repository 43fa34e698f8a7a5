import type { ErrorCode } from '../../errors/codes.js';
import { StorageError } from '../../errors/errors.js';

/** SQLite's primary result codes that perdure tells apart. */
const RESULT_CODES: Readonly<Record<string, number>> = {
  SQLITE_BUSY: 5,
  SQLITE_LOCKED: 6,
  SQLITE_READONLY: 8,
  SQLITE_IOERR: 10,
  SQLITE_CORRUPT: 11,
  SQLITE_FULL: 13,
  SQLITE_CANTOPEN: 14,
  SQLITE_PROTOCOL: 15,
  SQLITE_NOTADB: 26,
};

/** What the codes mean for the user, and what to do. */
const MEANINGS: Readonly<Record<number, { readonly code: ErrorCode; readonly what: string; readonly todo: string }>> = {
  5: {
    code: 'STORE_BUSY',
    what: 'another process kept the database locked for too long',
    todo: 'Close the program that holds a transaction open on it (a database browser, a backup, a stopped process)',
  },
  6: {
    code: 'STORE_BUSY',
    what: 'another connection of this process keeps the database locked',
    todo: 'End its transaction first',
  },
  8: {
    code: 'STORE_READ_ONLY',
    what: 'the database cannot be written',
    todo: 'Make the file and its directory writable for this user, or choose another path',
  },
  10: { code: 'STORE_FAILED', what: 'the disk reported an error', todo: 'Check the disk and its file system' },
  11: {
    code: 'STORE_CORRUPT',
    what: 'the database is damaged',
    todo: 'Keep a copy of it, then restore a backup or use the `.recover` command of the sqlite3 shell',
  },
  13: { code: 'STORE_FAILED', what: 'the disk is full', todo: 'Free some space; nothing of this write was kept' },
  14: {
    code: 'STORE_FAILED',
    what: 'the file cannot be opened',
    todo: 'Check the path and the permissions of the file and its directory',
  },
  15: {
    code: 'STORE_BUSY',
    what: 'another process stands still with a lock that is held for an instant only',
    todo: 'Let the stopped process go on, or end it',
  },
  26: {
    code: 'STORE_NOT_A_DATABASE',
    what: 'the file is not a SQLite database',
    todo: 'Choose another path; the file was left as it is',
  },
};

/**
 * SQLite's primary result code in an error of any driver, or `undefined`. `libsql` and `better-sqlite3` give a name in `code`, `node:sqlite` a
 * number in `errcode`, and `libsql` only a text when a file cannot be opened.
 */
export function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('errcode' in error && typeof error.errcode === 'number') return error.errcode & 0xff;
  if ('code' in error && typeof error.code === 'string') {
    const name = /^SQLITE_[A-Z]+/.exec(error.code)?.[0];
    if (name !== undefined) return RESULT_CODES[name];
  }
  const opening = /Unable to open connection to local database .*: (\d+)/s.exec(error.message);
  return opening === null ? undefined : Number(opening[1]) & 0xff;
}

/** Whether somebody else holds the lock that was asked for. */
export function isBusy(error: unknown): boolean {
  return resultCode(error) === RESULT_CODES['SQLITE_BUSY'];
}

/** Makes the error a user sees of one that a driver threw; `doing` completes «could not …». */
export function storageError(error: unknown, doing: string, path: string): StorageError {
  if (error instanceof StorageError) return error;
  const meaning = MEANINGS[resultCode(error) ?? 0];
  const detail = error instanceof Error ? error.message : String(error);
  if (meaning === undefined) {
    return new StorageError('STORE_FAILED', `could not ${doing} in ${path}: ${detail}. Nothing was changed; see the cause`, {
      cause: error,
    });
  }
  return new StorageError(meaning.code, `could not ${doing} in ${path}: ${meaning.what} (${detail}). ${meaning.todo}`, { cause: error });
}
