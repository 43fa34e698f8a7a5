import { readdirSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { StorageError } from '../../errors/errors.js';
import { shared } from '../../realm/realm.js';
import type { SqliteDatabase, SqliteDriver } from './driver.js';
import { isBusy, storageError } from './sqlite-errors.js';
import { makeFileBeside } from './store-file.js';

/**
 * The lock by which the other processes see that a worker lives.
 *
 * Each worker keeps a transaction with an exclusive lock open on an empty database file of its own, beside the store. The operating system ends the
 * lock with the process, however that ends. SQLite takes it, so it works wherever SQLite does, and also between two stores in one process.
 *
 * Owns: the side files `<store>-worker-<worker id>`.
 * Does not own: the table of workers.
 *
 * Invariants:
 *   SL1  A side file is never read or opened but through SQLite: closing any other handle would end the process's locks on it.
 *        One whose lock this realm holds is not opened a second time at all: there may be a second SQLite in the process, which knows nothing of the lock.
 *   SL2  A lock is held before its worker is in the table, and its file is deleted only after the worker is no longer alive there.
 *       So a worker in the table without a side file is dead.
 *   SL3  A side file is deleted under its lock, and only when its worker cannot be about to register: so no process ever holds a lock on a deleted file.
 *   SL4  A transaction is ended before its connection is closed: with some drivers the connection stays until its statements are collected.
 */
export interface WorkerLock {
  /** Ends the lock and deletes its file. */
  release(): void;
  /** Ends the lock as the end of the process would; the file stays. */
  abandon(): void;
}

/** The side files whose locks this realm holds, whichever store and copy of the library took them. */
const heldHere = shared('worker locks', () => new Set<string>());

/** A side file this much older than the last change of the store is not that of a worker about to register. */
const FORGOTTEN_MS = 3_600_000;

/**
 * Takes a worker's lock for its lifetime.
 *
 * @throws {StorageError} `STORE_BUSY` when somebody else has this worker's id.
 */
export function takeWorkerLock(driver: SqliteDriver, store: string, workerId: string): WorkerLock {
  const file = sideFile(store, workerId);
  makeFileBeside(store, file);
  const lock = tryLock(driver, file);
  if (lock !== undefined) return lock;
  throw new StorageError(
    'STORE_BUSY',
    `could not register worker ${workerId} in ${store}: somebody else holds its lock. Every worker needs an id of its own`,
  );
}

/** Whether this realm holds a worker's lock. */
export function holdsWorkerLock(store: string, workerId: string): boolean {
  return heldHere.has(sideFile(store, workerId));
}

/** Looks whether a worker lives: `held`, or `missing`, or a lock on its file, which is then to be released. */
export function probeWorkerLock(driver: SqliteDriver, store: string, workerId: string): WorkerLock | 'held' | 'missing' {
  const file = sideFile(store, workerId);
  if (!heldHere.has(file) && !isThere(file)) return 'missing';
  return tryLock(driver, file) ?? 'held';
}

/**
 * Deletes side files that no process holds: those left by workers, and by processes killed in the midst of registering, long ago. Ours are empty.
 *
 * @param isLeft - Whether a worker has left its file behind; `undefined` when it is not known.
 */
export function sweepWorkerLocks(driver: SqliteDriver, store: string, isLeft: (workerId: string) => boolean | undefined): void {
  const prefix = `${basename(store)}-worker-`;
  const forgotten = Math.max(modifiedMs(store), modifiedMs(`${store}-wal`)) - FORGOTTEN_MS;
  for (const name of readdirSync(dirname(store))) {
    if (!name.startsWith(prefix)) continue;
    const file = join(dirname(store), name);
    if (statSync(file, { throwIfNoEntry: false })?.size !== 0) continue;
    if (isLeft(decodeName(name.slice(prefix.length))) ?? modifiedMs(file) < forgotten) tryLock(driver, file)?.release();
  }
}

/** A file that cannot be looked at is not missing: a worker must not be taken for dead for that. One whose name is too long for any file is. */
function isThere(file: string): boolean {
  try {
    return statSync(file, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENAMETOOLONG') return false;
    throw storageError(error, 'look at the lock of a worker', file);
  }
}

function modifiedMs(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Number.NEGATIVE_INFINITY;
}

function sideFile(store: string, workerId: string): string {
  return `${store}-worker-${encodeURIComponent(workerId)}`;
}

function decodeName(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}

/** A lock on a side file, or `undefined` when somebody else has it. */
function tryLock(driver: SqliteDriver, file: string): WorkerLock | undefined {
  if (heldHere.has(file)) return undefined;
  let database: SqliteDatabase | undefined;
  try {
    database = driver.connect(file);
    // A rollback journal in memory leaves no second file behind.
    database.exec('PRAGMA busy_timeout = 0; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database?.close();
    if (isBusy(error)) return undefined;
    throw storageError(error, 'lock a worker', file);
  }
  const held = database;
  heldHere.add(file);
  const abandon = (): void => {
    try {
      held.exec('ROLLBACK');
    } finally {
      held.close();
      heldHere.delete(file);
    }
  };
  return {
    abandon,
    release() {
      // Where an open file cannot be deleted (Windows), it is deleted afterwards, which fails while anybody else has it open.
      const deleted = tryDelete(file);
      abandon();
      if (!deleted) tryDelete(file);
    },
  };
}

/** A side file that cannot be deleted is swept up later. */
function tryDelete(file: string): boolean {
  try {
    rmSync(file, { force: true });
    return true;
  } catch {
    return false;
  }
}
