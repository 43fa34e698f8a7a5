import { appendFileSync, existsSync, realpathSync, statfsSync, statSync, truncateSync } from 'node:fs';
import { StorageError } from '../../errors/errors.js';
import type { SqliteDatabase, SqliteDriver, SqliteStatement, SqlValue } from './driver.js';
import { migrate, rollback } from './schema.js';
import { SchemaGuard } from './schema-guard.js';
import { isBusy, storageError } from './sqlite-errors.js';
import { checkStoreFile, makeStoreFile } from './store-file.js';

/** How to open a file. */
export interface ConnectionOptions {
  readonly driver: SqliteDriver;
  readonly path: string;
  /** Whether every commit waits for the disk. */
  readonly synchronous: 'full' | 'normal';
  /** How long to wait for another process's transaction. */
  readonly busyTimeoutMs: number;
}

/** How often the change to WAL is tried anew while other processes open the same new file. */
const WAL_TRIES = 200;

/** The length of a log at which SQLite moves it into the file and writes it over from its beginning: 1,000 pages, each with a header. */
const LOG_BYTES = 1_000 * (4_096 + 24);

/** Where a disk has less room than that, none of it is taken in advance. */
const AMPLE_BYTES = 64 * 1_024 * 1_024;

/**
 * One connection to the database file.
 *
 * Owns: the driver's connection, its statements (each prepared once), its transactions.
 * Does not own: what the statements mean; the locks of workers.
 *
 * States: open ⇄ stuck, when a statement has met a lock; open → closed.
 *
 * Invariants:
 *   SC1  No transaction is open between two calls of a method.
 *   SC2  Whatever a driver throws leaves as `StorageError`.
 *   SC3  A statement that has met a lock leaves nothing behind. `libsql` does not end such a statement, which would keep the connection at what it saw then
 *        and let it write no more; so what is done next is done on a new connection, to which all there is counts as written elsewhere.
 */
export class Connection {
  readonly path: string;
  /** The path without symbolic links, the same for everybody who uses the file: what lies beside it is named by it. */
  readonly realPath: string;
  readonly guard: SchemaGuard;
  readonly #options: ConnectionOptions;
  readonly #statements = new Map<string, SqliteStatement>();
  #database: SqliteDatabase;
  #stuck = false;
  #seenVersion: number | undefined;

  private constructor(database: SqliteDatabase, options: ConnectionOptions) {
    this.path = options.path;
    this.realPath = realpathSync(options.path);
    this.#options = options;
    this.#database = database;
    this.guard = new SchemaGuard(database, options.path);
  }

  /**
   * Opens a file, in WAL mode and with the schema up to date.
   *
   * @throws {StorageError} when the file or its directory does not allow it.
   */
  static open(options: ConnectionOptions): Connection {
    const { path } = options;
    if (!checkStoreFile(path)) makeStoreFile(path);
    let database: SqliteDatabase | undefined;
    try {
      database = connect(options);
      switchToWal(database);
      migrate(database, path);
      return new Connection(database, options);
    } catch (error) {
      database?.close();
      throw storageError(error, 'open the store', path);
    }
  }

  /** The statement of a text, prepared at its first use. */
  statement(sql: string): SqliteStatement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /** Reads, or does what makes transactions of its own. `doing` completes «could not …». */
  run<T>(doing: string, work: () => T): T {
    try {
      if (this.#stuck) this.#reopen();
      return work();
    } catch (error) {
      throw this.#failure(error, doing);
    }
  }

  /** Writes with a single statement, which is a transaction by itself; returns how many rows it changed. */
  writeOne(doing: string, sql: string, values: readonly SqlValue[]): number {
    return this.run(doing, () => this.statement(sql).run(values).changes);
  }

  /** Writes what no worker does by itself, in one transaction, as long as the schema is the one that was opened. */
  write<T>(doing: string, work: () => T): T {
    return this.transaction(doing, () => {
      const known = this.statement(`SELECT 1 AS known WHERE ${this.guard.condition}`).get([]) !== undefined;
      const change = known ? undefined : this.schemaChange();
      if (change !== undefined) throw change;
      return work();
    });
  }

  /** Runs `work` in one write transaction: all of it happens, or nothing when it throws. What it does first is to be a fence. */
  transaction<T>(doing: string, work: () => T): T {
    return this.run(doing, () => {
      this.statement('BEGIN IMMEDIATE').run([]);
      try {
        const result = work();
        this.statement('COMMIT').run([]);
        return result;
      } catch (error) {
        rollback(this.#database);
        throw error;
      }
    });
  }

  /** Whether anything was written through another connection since it was last asked; at first, and when that is not known, it was. */
  changedElsewhere(): boolean {
    const version = this.run('look for changes', () => this.statement('PRAGMA data_version').all([])[0]?.['data_version'] as number);
    const changed = version !== this.#seenVersion;
    this.#seenVersion = version;
    return changed;
  }

  /** What was written through this connection counts as written elsewhere as well. */
  forgetSeen(): void {
    this.#seenVersion = undefined;
  }

  /** What a newer version of perdure has made of the schema since the file was opened, if anything. */
  schemaChange(): StorageError | undefined {
    return this.guard.change(this.#database);
  }

  #failure(error: unknown, doing: string): StorageError {
    const failure = storageError(error, doing, this.path);
    if (failure.code === 'STORE_BUSY') this.#stuck = true;
    if (failure.code !== 'STORE_FAILED') return failure;
    try {
      // Statements fail in many ways over tables that have changed.
      return this.schemaChange() ?? failure;
    } catch {
      return failure;
    }
  }

  #reopen(): void {
    if (!existsSync(this.path)) throw new StorageError('STORE_FAILED', `the database ${this.path} is gone; put it back, or open another`);
    const database = connect(this.#options);
    this.#statements.clear();
    this.#database.close();
    this.#database = database;
    this.#stuck = false;
    this.forgetSeen();
  }

  /**
   * Makes the log as long as it gets anyway. While it grows, a sync takes up to twice as long, since the file system has to write down the new length
   * each time. SQLite takes no notice of what is appended: it is no part of the log until it is written over, which nobody else does meanwhile.
   */
  stretchLog(): void {
    try {
      this.#database.exec('PRAGMA busy_timeout = 0');
      this.transaction('stretch the log', () => growFile(`${this.realPath}-wal`, LOG_BYTES));
    } catch {
      // Nothing depends on it.
    } finally {
      this.#database.exec(`PRAGMA busy_timeout = ${this.#options.busyTimeoutMs}`);
    }
  }

  /** Moves what is in the log into the file if nobody else is in the way, so that the file alone can be copied, and closes. */
  close(): void {
    this.#statements.clear();
    try {
      this.#database.exec('PRAGMA busy_timeout = 0');
      this.#database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').all([]);
    } catch {
      // Whoever opens the file next does it.
    }
    this.#database.close();
  }
}

function connect({ driver, path, synchronous, busyTimeoutMs }: ConnectionOptions): SqliteDatabase {
  const database = driver.connect(path);
  try {
    database.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}; PRAGMA synchronous = ${synchronous}`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Appends zeros up to a length, if the disk has ample room; a part of them is worth nothing. */
function growFile(path: string, length: number): void {
  const { size } = statSync(path);
  const { bavail, bsize } = statfsSync(path);
  if (size >= length || bavail * bsize < AMPLE_BYTES) return;
  try {
    appendFileSync(path, Buffer.alloc(length - size));
  } catch (error) {
    truncateSync(path, size);
    throw error;
  }
}

/**
 * SQLite does not wait when two connections change a new file to WAL at the same moment. `BEGIN IMMEDIATE` does wait, for whoever is writing.
 */
function switchToWal(database: SqliteDatabase): void {
  for (let tries = 1; ; tries += 1) {
    try {
      const rows = database.prepare('PRAGMA journal_mode = WAL').all([]);
      if (rows[0]?.['journal_mode'] === 'wal') return;
    } catch (error) {
      if (!isBusy(error) || tries === WAL_TRIES) throw error;
    }
    database.exec('BEGIN IMMEDIATE; ROLLBACK');
    if (tries === WAL_TRIES) return;
  }
}
