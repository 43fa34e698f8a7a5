import { existsSync, realpathSync, statSync } from 'node:fs';
import { StorageError } from '../../errors/errors.js';
import { DatabaseFile, type FileOptions, giveUp, requireNotGivenUp, withSettings } from './database-file.js';
import type { SqliteDatabase } from './driver.js';
import { type FileChange, FileIdentity } from './file-identity.js';
import { changesAlways, READ_TRIES, type Reader } from './long-read.js';

interface ClientReader extends Reader {
  /** Whether it goes by the log. Otherwise the file is taken for one that never changes. */
  readonly byLog: boolean;
}

/**
 * SQLite's connection of a process that executes nothing to a file: it only reads, until it is asked to write.
 *
 * To open a file in WAL mode only to read, SQLite needs the log and its index beside it, and makes them where there are none. Without that it can be told that the
 * file never changes: it looks neither for a log nor for what others write.
 *
 * Owns: the connection that reads, and after the first write the connections of a worker. Does not own: what is done with them.
 *
 * States: reading → writing.
 *
 *   SCF1  What reads makes no file, and changes none, but for the index of a log beside a file that can be written.
 *   SCF2  A file is taken for one that never changes only while it has no log, and what was read counts only if it did not change meanwhile.
 *   SCF3  What cannot be written is never opened to write.
 */
export class ClientFile {
  readonly realPath: string;
  /** Why it can only be read, where that is so. */
  readonly readOnly: string | undefined;
  readonly #options: FileOptions;
  readonly #logs: readonly string[];
  #reader: ClientReader | undefined;
  #written: DatabaseFile | undefined;
  #identity: FileIdentity | undefined;
  #closed = false;

  /**
   * The file must be there.
   *
   * @param obstacle - What keeps this process from writing to it, if anything.
   */
  constructor(options: FileOptions, obstacle: string | undefined) {
    this.#options = options;
    this.realPath = realpathSync(options.path);
    this.#logs = [`${this.realPath}-wal`, `${this.realPath}-journal`];
    this.readOnly =
      obstacle && `the store ${options.path} can only be read: ${obstacle} is read-only. Make it writable for this user first`;
    this.#reader = this.#openReader();
    if (this.#reader === undefined) this.toWrite();
  }

  get database(): SqliteDatabase {
    if (this.isAside) this.renew();
    return this.#written?.database ?? (this.#reader as ClientReader).database;
  }

  get hasLog(): boolean {
    return this.#written?.hasLog ?? existsSync(this.#logs[0] as string);
  }

  /**
   * Reads from what the file holds now.
   *
   * @param renewing - Called before another connection takes the place of the one that was used.
   */
  read<T>(work: () => T, renewing: () => void): T {
    for (let tries = 1; ; tries += 1) {
      if (!this.#isCurrent()) {
        renewing();
        this.renew();
      }
      try {
        const result = work();
        if (this.#isCurrent()) return result;
      } catch (error) {
        if (this.#isCurrent()) throw error;
      }
      if (tries === READ_TRIES) throw changesAlways(this.#options.path);
    }
  }

  /** Whether it has no connection until it is read again. */
  get isAside(): boolean {
    return !this.#closed && this.#reader === undefined && this.#written === undefined;
  }

  /** Closes what only reads until it is read again. */
  stepAside(): void {
    this.#reader?.database.close();
    this.#reader = undefined;
  }

  /** From now on it can be written: the file is opened as by a worker. @throws {StorageError} `STORE_READ_ONLY` */
  toWrite(): DatabaseFile {
    if (this.#written !== undefined) return this.#written;
    if (this.readOnly !== undefined) throw new StorageError('STORE_READ_ONLY', this.readOnly);
    const file = DatabaseFile.open(this.#options);
    try {
      file.hold();
    } catch (error) {
      file.close();
      throw error;
    }
    this.#reader?.database.close();
    this.#reader = undefined;
    this.#written = file;
    return file;
  }

  /** What has become of the files since. @throws the error of the system when it does not say. */
  change(): FileChange | undefined {
    if (this.#written !== undefined) return this.#written.change();
    const change = this.#identity?.change();
    // A log that is not read may come and go.
    if (change === undefined || this.#reader?.byLog === true) return change;
    return change.database === undefined ? undefined : { ...change, log: undefined };
  }

  /** Takes a new connection in place of the one that is used. */
  renew(): void {
    if (this.#written !== undefined) {
      this.#written.renew();
      return;
    }
    requireNotGivenUp(this.#options);
    const before = this.#reader;
    this.#reader = this.#openReader();
    if (this.#reader === undefined) this.toWrite();
    before?.database.close();
  }

  followLog(): boolean {
    return this.#written?.followLog() ?? false;
  }

  close(change?: FileChange): void {
    this.#written?.close(...(change === undefined ? [] : [change]));
    if (this.#closed || this.#reader === undefined) return;
    this.#closed = true;
    const { driver, path } = this.#options;
    // What goes by a log that is not there any more would lead others astray for as long as it is open.
    if (change?.log !== undefined && driver.closesAtOnce !== true) giveUp(this.#identity?.key ?? path, this.#reader.database);
    else this.#reader.database.close();
  }

  /** Another connection, for a long read. */
  openAnother(): Reader {
    return (this.#written === undefined ? this.#connect() : undefined) ?? this.toWrite().openAnother();
  }

  #openReader(): ClientReader | undefined {
    const reader = this.#connect();
    if (reader !== undefined) this.#identity = new FileIdentity({ path: this.#options.path, realPath: this.realPath });
    return reader;
  }

  /** @returns Nothing where this driver cannot read the file as it is, and the file can be written. */
  #connect(): ClientReader | undefined {
    const { driver, path, busyTimeoutMs } = this.#options;
    const stamp = this.#goesByLog() ? undefined : stampOf(this.realPath);
    const byLog = stamp === undefined;
    if (byLog) this.#requireIndex();
    const database = byLog ? driver.connectReadOnly?.(path) : driver.connectImmutable?.(path);
    if (database === undefined) {
      if (this.readOnly !== undefined) throw cannotRead(this.#options);
      return undefined;
    }
    withSettings(database, `PRAGMA busy_timeout = ${busyTimeoutMs}; PRAGMA query_only = 1; PRAGMA schema_version`);
    const isCurrent = (): boolean => (byLog ? this.#goesByLog() : !this.#goesByLog() && stamp === stampOf(this.realPath));
    return { database, byLog, isCurrent };
  }

  /** Whether there is a log with something in it; one that is being read stays, and is emptied now and then. */
  #goesByLog(): boolean {
    const open = this.#reader?.byLog === true;
    return this.#logs.some((log) => (open ? existsSync(log) : (statSync(log, { throwIfNoEntry: false })?.size ?? 0) > 0));
  }

  #isCurrent(): boolean {
    return this.#reader?.isCurrent() ?? !this.isAside;
  }

  /** SQLite would make one beside a file that is not to be written. */
  #requireIndex(): void {
    const [log] = this.#logs as [string];
    const index = `${this.realPath}-shm`;
    if (this.readOnly === undefined || !existsSync(log) || existsSync(index)) return;
    throw new StorageError(
      'STORE_READ_ONLY',
      `could not read the store ${this.#options.path}: what its log ${log} holds can only be read with ${index}, which is not there, and is not made beside a ` +
        'file that cannot be written. Copy the database and its log to where they can be written, or open them there once',
    );
  }
}

function stampOf(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found && `${found.dev} ${found.ino} ${found.size} ${found.mtimeMs}`;
}

function cannotRead({ path, driver }: FileOptions): StorageError {
  return new StorageError(
    'STORE_READ_ONLY',
    `could not read the store ${path}: it cannot be written here, and the SQLite of ${driver.name} reads a file only where it can make others beside it. Use ` +
      'Node 22.15 or later, or @photostructure/sqlite, or copy the file to where it can be written',
  );
}
