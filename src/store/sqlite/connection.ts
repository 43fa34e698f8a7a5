import process from 'node:process';
import type { StorageError } from '../../errors/errors.js';
import { ClientFile } from './client-file.js';
import { DatabaseFile, type FileOptions, requireNotGivenUp } from './database-file.js';
import type { SqliteStatement, SqlRow, SqlValue } from './driver.js';
import type { FileChange } from './file-identity.js';
import { growLog } from './log-length.js';
import { type Page, type Reader, readInPages } from './long-read.js';
import { addOpen, isAlone, leaveLost, letReadersStepAside, removeOpen } from './open-connections.js';
import { migrate, requireSchema, rollback } from './schema.js';
import { SchemaGuard } from './schema-guard.js';
import { storageError } from './sqlite-errors.js';
import { checkStoreFile, findStoreFile, makeStoreFile } from './store-file.js';
import { logFollowed, storeReplaced } from './store-replaced.js';
import { switchToWal } from './wal-mode.js';

/** How to open a file. */
export interface ConnectionOptions extends FileOptions {
  /** The file is no longer the one that was opened: the connection is closed by now. */
  readonly onLost: (error: StorageError) => void;
}

/**
 * One connection to the database file.
 *
 * Owns: the driver's connection, its statements (each prepared once), its transactions.
 * Does not own: what the statements mean; the locks of workers.
 *
 * States: open ⇄ stuck, when a statement has met a lock; open → closed; lost, when the file is no longer the one that was opened.
 *
 * Invariants:
 *   SC1  No transaction is open between two calls of a method.
 *   SC2  Whatever a driver throws leaves as `StorageError`.
 *   SC3  A statement that has met a lock leaves nothing behind. `libsql` does not end such a statement, which would keep the connection at what it saw then
 *        and let it write no more; so what is done next is done on a new connection, to which all there is counts as written elsewhere.
 *   SC4  Nothing is written after the log has lost its name.
 *   SC5  A connection that is lost reads and writes no more, and nothing that it has written is moved anywhere.
 */
export class Connection {
  readonly path: string;
  readonly guard: SchemaGuard;
  readonly #options: ConnectionOptions;
  #file: DatabaseFile | ClientFile;
  /** The file, while no worker uses it through this connection. */
  #client: ClientFile | undefined;
  readonly #statements = new Map<string, SqliteStatement>();
  #stuck = false;
  #lost: StorageError | undefined;
  #seenVersion: number | undefined;

  private constructor(file: DatabaseFile | ClientFile, options: ConnectionOptions, guard = new SchemaGuard(file.database, options.path)) {
    this.path = options.path;
    this.#options = options;
    this.#file = file;
    this.#client = file instanceof ClientFile ? file : undefined;
    this.guard = guard;
    addOpen(this);
  }

  /**
   * Opens a file, in WAL mode and with the schema up to date.
   *
   * @throws {StorageError} when the file or its directory does not allow it.
   */
  static open(options: ConnectionOptions): Connection {
    const { path } = options;
    if (!checkStoreFile(path)) makeStoreFile(path);
    leaveLost();
    let file: DatabaseFile | undefined;
    try {
      file = DatabaseFile.open(options);
      makeReady(file, path);
      return new Connection(file, options);
    } catch (error) {
      file?.close();
      throw storageError(error, 'open the store', path);
    }
  }

  /**
   * Opens a file that is there as it is: it is not written before something is asked for that writes.
   *
   * @throws {StorageError} when there is none, when its schema is of another version, or when it cannot be read.
   */
  static openAsClient(options: ConnectionOptions): Connection {
    const { path } = options;
    const who = options.onlyReads === true ? 'a reader' : 'an engine with execute: false';
    const obstacle = findStoreFile(path, who);
    leaveLost();
    requireNotGivenUp(options);
    let file: ClientFile | undefined;
    try {
      const opened = new ClientFile(options, obstacle);
      file = opened;
      const read = (): SchemaGuard => {
        requireSchema(opened.database, path, who);
        return new SchemaGuard(opened.database, path);
      };
      return new Connection(
        opened,
        options,
        opened.read(read, () => {}),
      );
    } catch (error) {
      file?.close();
      throw storageError(error, 'open the store', path);
    }
  }

  /**
   * From now on it is also used by workers, who need what `open` gives.
   *
   * @returns Whether it was not before.
   */
  serveWorkers(): boolean {
    const client = this.#client;
    if (client === undefined) return false;
    return this.run('open the store', () => {
      checkStoreFile(this.path);
      this.#toWrite(client);
      const file = client.toWrite();
      makeReady(file, this.path);
      this.#file = file;
      this.#client = undefined;
      return true;
    });
  }

  /** Why the file can only be read, where that is so. */
  get readOnly(): string | undefined {
    return this.#client?.readOnly;
  }

  /** The path without symbolic links, the same for everybody who uses the file: what lies beside it is named by it. */
  get realPath(): string {
    return this.#file.realPath;
  }

  /** The statement of a text, prepared at its first use. */
  statement(sql: string): SqliteStatement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#file.database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /** Reads, or does what makes transactions of its own. `doing` completes «could not …». */
  run<T>(doing: string, work: () => T): T {
    try {
      if (this.#lost !== undefined) throw this.#lost;
      if (this.#stuck) this.#reopen();
      return this.#client === undefined ? work() : this.#read(this.#client, work);
    } catch (error) {
      throw this.#failure(error, doing);
    }
  }

  /** Reads so much that it is done in pieces, on a connection of its own. */
  async runLong<T>(doing: string, page: Page, of: (row: SqlRow) => T): Promise<T[]> {
    const open = (): Reader => {
      this.look();
      return this.#changing(() => this.#file.openAnother());
    };
    try {
      return await readInPages({ path: this.path, open }, page, of);
    } catch (error) {
      throw this.#failure(error, doing);
    }
  }

  /** Writes with a single statement, which is a transaction by itself; returns how many rows it changed. */
  writeOne(doing: string, sql: string, values: readonly SqlValue[]): number {
    return this.run(doing, () => {
      this.#beforeWriting();
      return this.statement(sql).run(values).changes;
    });
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
      this.#beforeWriting();
      this.statement('BEGIN IMMEDIATE').run([]);
      try {
        const result = work();
        this.statement('COMMIT').run([]);
        return result;
      } catch (error) {
        rollback(this.#file.database);
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
  #forgetSeen(): void {
    this.#seenVersion = undefined;
  }

  /** What a newer version of perdure has made of the schema since the file was opened, if anything. */
  schemaChange(): StorageError | undefined {
    return this.guard.change(this.#file.database);
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
    this.#leaveUsed();
    this.#file.renew();
    this.#stuck = false;
  }

  /** Another connection takes the place of the one that is used. */
  #leaveUsed(): void {
    this.look();
    this.#statements.clear();
    this.#forgetSeen();
  }

  #read<T>(client: ClientFile, work: () => T): T {
    return client.read(work, () => this.#leaveUsed());
  }

  #beforeWriting(): void {
    if (this.#client !== undefined) this.#toWrite(this.#client);
    if (!this.#file.hasLog) this.look();
  }

  #toWrite(client: ClientFile): void {
    this.look();
    this.#changing(() => client.toWrite());
  }

  /** Does what may take another connection in place of the one that is used. */
  #changing<T>(work: () => T): T {
    const { database } = this.#file;
    const result = work();
    if (this.#file.database !== database) {
      this.#statements.clear();
      this.#forgetSeen();
    }
    return result;
  }

  /**
   * Looks whether the file is still the one that was opened. Only after that may what was written before be reported as durable.
   *
   * @throws {StorageError} `STORE_REPLACED`
   */
  look(): void {
    if (this.#lost !== undefined) throw this.#lost;
    const change = this.#change();
    if (change === undefined || this.#followsLog(change)) return;
    this.#lost = storeReplaced(this.path, change);
    removeOpen(this);
    this.#statements.clear();
    this.#file.close(change);
    this.#options.onLost(this.#lost);
    throw this.#lost;
  }

  /** Looks as well, and says nothing: the next user of the connection hears of it. */
  leaveIfLost(): void {
    try {
      this.look();
    } catch {
      // Then it is closed, or it cannot be seen.
    }
  }

  #change(): FileChange | undefined {
    try {
      return this.#file.change();
    } catch (error) {
      throw storageError(error, 'look at the file', this.path);
    }
  }

  get isAside(): boolean {
    return this.#client?.isAside === true;
  }

  stepAside(): void {
    if (this.#options.onlyReads !== true) return;
    this.#statements.clear();
    this.#client?.stepAside();
  }

  #followsLog({ database }: FileChange): boolean {
    if (database !== undefined) return false;
    letReadersStepAside(this);
    // One that only reads goes by whatever log is there, once those that write have looked.
    if (this.isAside) {
      leaveLost();
      return true;
    }
    if (!isAlone(this)) return false;
    this.#statements.clear();
    this.#forgetSeen();
    try {
      if (!this.#file.followLog()) return false;
    } catch {
      return false;
    }
    process.emitWarning(logFollowed(this.path), { type: 'PerdureWarning', code: 'STORE_REPLACED' });
    return true;
  }

  /**
   * Makes the log as long as it gets anyway. While it grows, a sync takes up to twice as long, since the file system has to write down the new length
   * each time. SQLite takes no notice of what is appended: it is no part of the log until it is written over, which no other process does meanwhile.
   */
  stretchLog(): void {
    try {
      this.#file.database.exec('PRAGMA busy_timeout = 0');
      this.transaction('stretch the log', () => growLog(`${this.realPath}-wal`));
    } catch {
      // Nothing depends on it.
    } finally {
      this.#file.database.exec(`PRAGMA busy_timeout = ${this.#options.busyTimeoutMs}`);
    }
  }

  /** Closes, so that the file alone can be copied if no other connection has it open. */
  close(): void {
    if (!removeOpen(this)) return;
    this.#statements.clear();
    this.#file.close();
  }
}

/** Makes a file what a worker needs: in WAL mode, with the schema of this version, and known by its identity. */
function makeReady(file: DatabaseFile, path: string): void {
  switchToWal(file.database);
  migrate(file.database, path);
  file.hold();
}
