import { existsSync, realpathSync, statSync } from 'node:fs';
import { shared } from '../../realm/realm.js';
import type { SqliteDatabase, SqliteDriver } from './driver.js';
import { type FileChange, FileIdentity, fileKey } from './file-identity.js';
import type { Reader } from './long-read.js';
import { storeGivenUp } from './store-replaced.js';

/** How a file is opened. */
export interface FileOptions {
  readonly driver: SqliteDriver;
  readonly path: string;
  /** Whether every commit waits for the disk. */
  readonly synchronous: 'full' | 'normal';
  /** How long to wait for another process's transaction. */
  readonly busyTimeoutMs: number;
  /** Whether nothing is to be written, also where there is no way to it but one to write. */
  readonly onlyReads?: boolean;
}

/** From this version on SQLite tells how much of a log was moved without moving any of it. Others move it when they are asked. */
const TELLS_WITHOUT_MOVING = [3, 51] as const;

/** A page in a log has a header, and so has the log. */
const LOG_HEADER_BYTES = 32;
const PAGE_HEADER_BYTES = 24;

/** What is never to be closed, by the file that it has open. */
const givenUp = shared('files given up', () => new Map<string, SqliteDatabase>());

/** What a driver would close late was not closed, by the file that it has open: it is used again, or closed when it is collected (DF4). */
const unused = shared('files in no use', () => new Map<string, WeakRef<DatabaseFile>>());

/** @throws {StorageError} `STORE_REPLACED` when this process cannot open the file again (DF3). */
export function requireNotGivenUp({ path, driver }: Pick<FileOptions, 'path' | 'driver'>): void {
  const key = givenUp.size === 0 ? undefined : fileKey(path);
  if (key !== undefined && givenUp.has(key)) throw storeGivenUp(path, driver.name);
}

/** Keeps a connection open, and the file from being opened again in this process (DF3). */
export function giveUp(key: string, database: SqliteDatabase): void {
  givenUp.set(key, database);
}

/**
 * SQLite's connections to a file in WAL mode, which know when it is no longer the file that was opened.
 *
 * Owns: the connection that is used, and the anchor, which only has the file open. Does not own: what is done with them.
 *
 * The last connection of a SQLite library to a file, when it is closed, moves the log into the file and deletes what has the log's name. When the log at
 * that place is another one by then, this damages the file: it writes pages over that others have written since, and deletes the log of others. Leaving the
 * connection open is no way out, since drivers close what is open when a process comes to its end.
 *
 *   DF1  A connection does so only when it finds no other to the file. The anchor is another one, and being read-only it cannot do so itself.
 *   DF2  The anchor is opened first, but for a log that was begun: a driver that closes late closes in the opposite order when a process comes to its
 *        end.
 *   DF3  As long as a connection with such a log is open, new ones of the same library go by it, too. Where a driver closes connections late, the file
 *        is not opened again in this process.
 *   DF4  Where a driver closes connections late, a file that is opened again goes on with the connection that it had, if that is still there: the lock of
 *        one that is in no use any more would keep the other from beginning a new log.
 */
export class DatabaseFile {
  readonly realPath: string;
  #options: FileOptions;
  readonly #logPath: string;
  #anchor: SqliteDatabase | undefined;
  #database: SqliteDatabase;
  #identity: FileIdentity | undefined;
  #closed = false;

  /**
   * The file must be there. Call `hold()` when it is in WAL mode.
   *
   * @throws {StorageError} `STORE_REPLACED` when this process cannot open it again (DF3).
   */
  static open(options: FileOptions): DatabaseFile {
    const file = takeUnused(options.path);
    if (file?.useAgain(options) === true) return file;
    requireNotGivenUp(options);
    return new DatabaseFile(options);
  }

  private constructor(options: FileOptions) {
    this.#options = options;
    this.realPath = realpathSync(options.path);
    this.#logPath = `${this.realPath}-wal`;
    [this.#anchor, this.#database] = connect(options);
  }

  get database(): SqliteDatabase {
    return this.#database;
  }

  /** @returns Whether it can be: with the same driver and path, and the log that it had or none. */
  useAgain(options: FileOptions): boolean {
    const { driver, path } = this.#options;
    if (driver.name !== options.driver.name || path !== options.path || this.realPath !== realpathSync(path)) return false;
    this.#closed = false;
    this.#options = options;
    this.#database.exec(settingsOf(options));
    const change = this.change();
    if (change === undefined || (change.database === undefined && this.followLog())) return true;
    this.close(change);
    return false;
  }

  /** From now on the anchor counts as a connection, and the files are those that are there now. */
  hold(): void {
    this.#anchor?.exec('PRAGMA schema_version');
    this.#identity = new FileIdentity({ path: this.#options.path, realPath: this.realPath });
  }

  /** Whether there is a log at its place. A quarter of what `change()` takes, and most of what happens to logs. */
  get hasLog(): boolean {
    return existsSync(this.#logPath);
  }

  /** What has become of the files since. @throws the error of the system when it does not say. */
  change(): FileChange | undefined {
    return this.#identity?.change();
  }

  /** Another connection, for a long read. */
  openAnother(): Reader {
    return { database: connectToRead(this.#options) ?? connectOne(this.#options), isCurrent: () => true };
  }

  /** Takes a new connection in place of the one that is used. */
  renew(): void {
    const database = connectOne(this.#options);
    this.#database.close();
    this.#database = database;
  }

  /**
   * Goes on with another log, where another SQLite library has moved all of the one before, as it does when it closes its last connection. No other
   * connection of this process may be open.
   *
   * @returns Whether it does.
   */
  followLog(): boolean {
    if (this.#anchor === undefined || !isMoved(this.#database)) return false;
    return this.hasLog ? this.#takeOtherLog(this.#options.driver) : this.#beginNewLog(this.#anchor);
  }

  /** The log at its place is that of others: only new connections go by it. */
  #takeOtherLog({ closesAtOnce = false }: SqliteDriver): boolean {
    if (!closesAtOnce) return false;
    this.#leave();
    [this.#anchor, this.#database] = connect(this.#options);
    this.#closed = false;
    this.hold();
    return fitsItsLog(this.#database, this.#logPath);
  }

  /**
   * There is no log at its place: the same connection begins one. To leave WAL mode it must be alone with the file, so there is no log of others that it
   * could delete. It moves nothing, since all was moved before.
   */
  #beginNewLog(anchor: SqliteDatabase): boolean {
    anchor.close();
    this.#anchor = undefined;
    try {
      if (modeOf(this.#database, 'DELETE') !== 'delete' || modeOf(this.#database, 'WAL') !== 'wal') return false;
    } finally {
      this.#anchor = connectToRead(this.#options);
      this.#anchor?.exec('PRAGMA schema_version');
    }
    this.hold();
    return true;
  }

  /** Closes the file as it is by now. */
  close(change: FileChange | undefined = this.#changeAtTheEnd()): void {
    if (this.#closed) return;
    const elsewhere = change?.database === 'deleted' || change?.database === 'replaced';
    if (change !== undefined && !elsewhere) {
      this.#leave();
      return;
    }
    // A log that is at its place would be taken for that of the next file there. One that is not has gone where its database is.
    if (change?.log === undefined) emptyLog(this.#database);
    this.#closed = true;
    if (change === undefined && this.#isKept()) return;
    this.#anchor?.close();
    this.#database.close();
  }

  #isKept(): boolean {
    const key = this.#identity?.key;
    if (key === undefined || this.#anchor === undefined || this.#options.driver.closesAtOnce === true) return false;
    for (const [each, file] of unused) if (file.deref() === undefined) unused.delete(each);
    unused.set(key, new WeakRef(this));
    return true;
  }

  /** Closes so that nothing is moved, and nothing deleted. */
  #leave(): void {
    const { driver, path } = this.#options;
    this.#closed = true;
    if (this.#anchor !== undefined) this.#database.close();
    if (this.#anchor !== undefined && driver.closesAtOnce === true) this.#anchor.close();
    else giveUp(this.#identity?.key ?? path, this.#anchor ?? this.#database);
  }

  #changeAtTheEnd(): FileChange | undefined {
    try {
      return this.change();
    } catch {
      // What cannot be seen is not touched.
      return { database: undefined, log: 'replaced' };
    }
  }
}

function takeUnused(path: string): DatabaseFile | undefined {
  const key = fileKey(path);
  const file = key === undefined ? undefined : unused.get(key)?.deref();
  if (key !== undefined) unused.delete(key);
  return file;
}

function connect(options: FileOptions): [anchor: SqliteDatabase | undefined, database: SqliteDatabase] {
  const anchor = connectToRead(options);
  try {
    return [anchor, connectOne(options)];
  } catch (error) {
    anchor?.close();
    throw error;
  }
}

function connectToRead({ driver, path, busyTimeoutMs }: FileOptions): SqliteDatabase | undefined {
  const database = driver.connectReadOnly?.(path);
  return database && withSettings(database, `PRAGMA busy_timeout = ${busyTimeoutMs}`);
}

function connectOne(options: FileOptions): SqliteDatabase {
  return withSettings(options.driver.connect(options.path), settingsOf(options));
}

function settingsOf({ synchronous, busyTimeoutMs, onlyReads = false }: FileOptions): string {
  return `PRAGMA busy_timeout = ${busyTimeoutMs}; PRAGMA synchronous = ${synchronous}; PRAGMA query_only = ${Number(onlyReads)}`;
}

/** The connection with these settings, or none: it is closed if it does not take them. */
export function withSettings(database: SqliteDatabase, settings: string): SqliteDatabase {
  try {
    database.exec(settings);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Asks for a way of keeping a journal; returns the one that there is now. */
function modeOf(database: SqliteDatabase, mode: 'DELETE' | 'WAL'): unknown {
  return database.prepare(`PRAGMA journal_mode = ${mode}`).all([])[0]?.['journal_mode'];
}

/** Whether all of the log that this connection goes by is in the database. */
function isMoved(database: SqliteDatabase): boolean {
  const version = String(database.prepare('SELECT sqlite_version() AS version').all([])[0]?.['version']);
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major !== TELLS_WITHOUT_MOVING[0] || minor < TELLS_WITHOUT_MOVING[1]) return false;
  const { log, checkpointed } = logOf(database);
  return log === checkpointed;
}

/** Whether the log that this connection goes by can be the one that is there: it goes by another while a connection that others have left open does. */
function fitsItsLog(database: SqliteDatabase, path: string): boolean {
  const pageBytes = Number(database.prepare('PRAGMA page_size').all([])[0]?.['page_size']);
  const { log } = logOf(database);
  return log === 0 || statSync(path).size >= LOG_HEADER_BYTES + log * (PAGE_HEADER_BYTES + pageBytes);
}

function logOf(database: SqliteDatabase): { log: number; checkpointed: number } {
  const row = database.prepare('PRAGMA wal_checkpoint(NOOP)').all([])[0];
  return { log: Number(row?.['log']), checkpointed: Number(row?.['checkpointed']) };
}

/** Moves the log into the file if no other connection is in the way, so that the file alone can be copied. */
function emptyLog(database: SqliteDatabase): void {
  try {
    database.exec('PRAGMA busy_timeout = 0');
    database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').all([]);
  } catch {
    // The next process that opens the file does it.
  }
}
