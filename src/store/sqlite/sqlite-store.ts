import { processTimers } from '../../clock/process-timers.js';
import { Slices } from '../../clock/slices.js';
import { StorageError } from '../../errors/errors.js';
import { requireOneVersion } from '../../errors/one-version.js';
import type { InboxMessage, OperationRecord, RunCreation, RunRecord } from '../../model/records.js';
import type { BlockedCode, RunStatus } from '../../model/statuses.js';
import { refuseMore } from '../../options/extra-arguments.js';
import { readOptions } from '../../options/read-options.js';
import { ownerless, refuseUnsupported } from '../creations.js';
import { hasNews } from '../has-news.js';
import { inJournalOrder } from '../journal-order.js';
import type { StoreReader } from '../reader.js';
import type {
  Claim,
  ClaimQuery,
  CommitAnswer,
  CommitBatch,
  FlowEntry,
  NewWorker,
  OpenOptions,
  PruneQuery,
  Store,
  SuspectQuery,
  Taken,
} from '../store.js';
import type { Watcher } from '../watcher.js';
import { CommitWriter } from './commit-writer.js';
import { Connection, type ConnectionOptions } from './connection.js';
import { FileWatch } from './file-watch.js';
import { findDriver } from './find-driver.js';
import { Inbox } from './inbox.js';
import { ROWS_A_PAGE } from './long-read.js';
import { Pruning } from './pruning.js';
import { operationOf } from './rows.js';
import { RunClaims } from './run-claims.js';
import { journalPages, RunTable } from './run-table.js';
import { checkFilePath, SQLITE_OPTIONS, type SqliteStoreOptions } from './sqlite-options.js';
import { SqliteReader } from './sqlite-reader.js';
import { absolutePath } from './store-file.js';
import { Suspects } from './suspects.js';
import { WorkerTable } from './worker-table.js';

/**
 * A store in a SQLite file, which may be the program's own database: its tables begin with `perdure_`. Several engines of one process may share it:
 * it is closed when the last of them is.
 *
 * @param path The file; created when it does not exist, its directory is not.
 * @throws {UsageError} `INVALID_ARGUMENT` when the path is none, `INVALID_OPTION` when it is the address of a database, or an option is wrong.
 * @throws {StorageError} `STORE_DIRECTORY_MISSING` when the path is relative, and the working directory was deleted.
 * @example
 * const store = sqliteStore('app.db');
 */
export function sqliteStore(path: string, options?: SqliteStoreOptions): Store {
  requireOneVersion();
  refuseMore('sqliteStore(path, options)', arguments);
  checkFilePath(path);
  return new SqliteStore(path, readOptions('sqliteStore()', options, SQLITE_OPTIONS));
}

/** A batch with so many outcomes or more can fill the log by itself. */
const LARGE_BATCH = 50;

/** What an open store consists of. */
interface Parts {
  readonly connection: Connection;
  readonly workers: WorkerTable;
  readonly suspects: Suspects;
  readonly claims: RunClaims;
  readonly runs: RunTable;
  readonly inbox: Inbox;
  readonly commits: CommitWriter;
  readonly watch: FileWatch;
}

/**
 * The store in a SQLite file.
 *
 * Owns: one connection to the file, and the locks of the workers registered here.
 * Does not own: the file, which other processes and other stores in this process may use at the same time.
 *
 * States: closed ⇄ open (counted); lost, when the file is no longer the one that was opened, until it is opened again.
 *
 * Invariants: S1–S7 of the port, by way of
 *   SQ1  Every method is one transaction of SQLite, begun and ended in one macrotask. So several engines can share the connection.
 *   SQ2  The last `close` ends the locks of this store's workers: for the others they have died, unless they were retired before. The `close`s before it
 *        only take back one `open` each.
 *   SQ3  What was asked for from outside is reported as durable only after a look at the file. Another look is part of the periodic calls of a worker.
 *   SQ4  Opening and closing take no time, so nothing closes what a caller is about to use. An `open` that fails does not count.
 *   SQ5  The files are those of a worker from the first `open` that asks for that on.
 */
class SqliteStore implements Store {
  readonly name: string;
  readonly #path: string;
  readonly #settings: Pick<ConnectionOptions, 'synchronous' | 'busyTimeoutMs'>;
  readonly #driver: SqliteStoreOptions['driver'];
  #opened = 0;
  #parts: Parts | undefined;
  /** Why there are no parts any more, when the file was lost. */
  #lost: StorageError | undefined;

  constructor(path: string, { synchronous = 'full', busyTimeoutMs = 10_000, driver }: SqliteStoreOptions) {
    this.name = path;
    this.#path = absolutePath(path);
    this.#settings = { synchronous, busyTimeoutMs };
    this.#driver = driver;
  }

  get readOnly(): string | undefined {
    return this.#parts?.connection.readOnly;
  }

  async open({ client = false }: OpenOptions = {}): Promise<void> {
    if (this.#parts === undefined) this.#parts = this.#connect(client);
    else if (!client) this.#serveWorkers(this.#parts);
    this.#lost = undefined;
    this.#opened += 1;
  }

  async close(): Promise<void> {
    this.#opened = Math.max(0, this.#opened - 1);
    const parts = this.#parts;
    // The others look for what the engine that has closed left behind.
    if (this.#opened > 0) return parts?.watch.tell();
    this.#parts = undefined;
    this.#lost = undefined;
    parts?.workers.abandonLocks();
    parts?.connection.close();
  }

  reader(): StoreReader {
    const { busyTimeoutMs } = this.#settings;
    return new SqliteReader(this.name, { path: this.#path, driver: this.#driver, busyTimeoutMs });
  }

  async registerWorker(worker: NewWorker): Promise<void> {
    const { connection, workers } = this.#use();
    workers.register(worker);
    connection.look();
  }

  async retireWorker(workerId: string): Promise<void> {
    const parts = this.#use();
    parts.workers.retire(workerId);
    this.#tell(parts);
    parts.connection.look();
  }

  async registerFlows(workerId: string, flows: readonly FlowEntry[]): Promise<void> {
    this.#use().workers.registerFlows(workerId, flows);
  }

  async heartbeat(workerId: string, nowMs: number): Promise<void> {
    const { connection, workers } = this.#use();
    connection.look();
    workers.heartbeat(workerId, nowMs);
  }

  async reapWorkers(query: { workerId: string; nowMs: number }): Promise<string[]> {
    const parts = this.#use();
    const dead = parts.connection.run('look for dead workers', () => parts.workers.reap(query));
    if (dead.length > 0) this.#tell(parts);
    return dead;
  }

  async claimRuns(query: ClaimQuery): Promise<Claim> {
    const { connection, claims } = this.#use();
    return connection.run('claim runs', () => claims.claim(query));
  }

  async blockedRuns(code: BlockedCode): Promise<Pick<RunRecord, 'id' | 'flow' | 'version'>[]> {
    const { connection, runs } = this.#use();
    return connection.run('look for blocked runs', () => runs.blocked(code));
  }

  async claimSuspect(query: SuspectQuery): Promise<RunRecord | undefined> {
    const { connection, claims } = this.#use();
    return connection.run('claim a suspect', () => claims.claimSuspect(query));
  }

  async endTrial(trial: { workerId: string; runId: string }): Promise<void> {
    this.#use().suspects.end(trial);
  }

  async acquit(acquittal: { workerId: string; runIds: readonly string[] }): Promise<void> {
    this.#use().suspects.acquit(acquittal);
  }

  async nextDueAt(): Promise<number | null | undefined> {
    const { connection, runs } = this.#use();
    return connection.run('look who sleeps', () => runs.nextDueAt());
  }

  async loadJournals(runIds: readonly string[]): Promise<ReadonlyMap<string, OperationRecord[]>> {
    const { connection, runs } = this.#use();
    const doing = runIds.length === 1 ? `load the journal of run ${runIds[0]}` : `load the journals of ${runIds.length} runs`;
    const some = connection.run(doing, () => runs.journals(runIds));
    const isWhole = some.length < ROWS_A_PAGE;
    return byRun(runIds, isWhole ? some : await connection.runLong(doing, journalPages(runIds), operationOf));
  }

  async commit(batch: CommitBatch): Promise<CommitAnswer> {
    const parts = this.#use();
    refuseUnsupported(this.name, batch);
    const { connection, commits } = parts;
    // A large batch may make SQLite move the log into the file, which damages the file when the log is not its own any more.
    if (batch.operations.length >= LARGE_BATCH) connection.look();
    const answer = commits.write(batch);
    if (hasNews(batch)) this.#tell(parts);
    if (batch.creates.some(isRoot)) connection.look();
    return answer;
  }

  async createRuns(creations: readonly RunCreation[]): Promise<readonly Taken[]> {
    const parts = this.#use();
    refuseUnsupported(this.name, { creates: creations });
    const taken = parts.commits.createRuns(creations.map(ownerless));
    this.#tell(parts);
    parts.connection.look();
    return taken;
  }

  async send(message: InboxMessage): Promise<RunStatus | undefined> {
    const parts = this.#use();
    const { connection, inbox } = parts;
    const status = connection.write(`send to run ${message.runId}`, () => inbox.add(message));
    this.#tell(parts);
    connection.look();
    return status;
  }

  async readInbox(workerId: string, page?: Parameters<Store['readInbox']>[1]): Promise<InboxMessage[]> {
    const { connection, inbox } = this.#use();
    return connection.run('read the inbox', () => inbox.read(workerId, page));
  }

  async getRuns(runIds: readonly string[]): Promise<RunRecord[]> {
    const { connection, runs } = this.#use();
    return connection.run('read runs', () => runs.get(runIds));
  }

  async ownedRuns(workerId: string): Promise<RunRecord[]> {
    const { connection, runs } = this.#use();
    return connection.run('read the runs of a worker', () => runs.owned(workerId));
  }

  /** In many transactions: between two of them others have their turn, and what else is done through this connection. */
  async prune(query: PruneQuery): Promise<number> {
    const { connection } = this.#use();
    const change = connection.run('prune runs', () => connection.schemaChange());
    if (change !== undefined) throw change;
    const pruning = new Pruning(connection, query);
    while (pruning.step() && query.stopped?.() !== true) {
      await new Promise<void>((resolve) => processTimers.setImmediate(resolve));
      this.#use();
    }
    return pruning.pruned;
  }

  async unblock(runId: string): Promise<RunStatus | undefined> {
    const parts = this.#use();
    const status = parts.runs.unblock(runId);
    this.#tell(parts);
    parts.connection.look();
    return status;
  }

  watch(watcher: Watcher): () => void {
    return this.#use().watch.add(watcher);
  }

  /** The only engine there is is not told of what it has written. */
  #tell({ watch, workers }: Parts): void {
    if (this.#opened > 1 || workers.held > 1 || watch.othersWatch) watch.tell();
  }

  /** Whether another connection has written. */
  #changedElsewhere(): boolean {
    const { connection } = this.#use();
    connection.look();
    return connection.changedElsewhere();
  }

  #connect(client: boolean): Parts {
    const driver = typeof this.#driver === 'object' ? this.#driver : findDriver(this.#driver);
    const options: ConnectionOptions = { driver, path: this.#path, ...this.#settings, onLost: (error) => this.#lose(error) };
    const connection = client ? Connection.openAsClient(options) : Connection.open(options);
    const suspects = new Suspects(connection);
    const inbox = new Inbox(connection);
    const parts: Parts = {
      connection,
      suspects,
      inbox,
      workers: new WorkerTable(connection, driver, suspects),
      claims: new RunClaims(connection, suspects),
      runs: new RunTable(connection),
      commits: new CommitWriter(connection, inbox),
      watch: new FileWatch({ path: connection.realPath, changed: () => this.#changedElsewhere() }),
    };
    if (client) return parts;
    try {
      sweep(parts);
      return parts;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** It was opened by those who execute nothing, if not by a worker before. */
  #serveWorkers(parts: Parts): void {
    if (parts.connection.serveWorkers()) sweep(parts);
  }

  /** The others find this store's workers dead at once. */
  #lose(error: StorageError): void {
    this.#parts?.workers.abandonLocks();
    this.#parts = undefined;
    this.#lost = error;
  }

  #use(): Parts {
    if (this.#parts !== undefined) return this.#parts;
    if (this.#lost !== undefined) throw this.#lost;
    throw new StorageError(
      'STORE_CLOSED',
      `the store ${this.name} is closed. Open it before it is used, and use it no more once its engine is closed`,
    );
  }
}

/** The journal of each run. */
async function byRun(runIds: readonly string[], entries: readonly OperationRecord[]): Promise<ReadonlyMap<string, OperationRecord[]>> {
  const slices = new Slices();
  const journals = new Map<string, OperationRecord[]>(runIds.map((id) => [id, []]));
  await slices.each(entries, (entry) => journals.get(entry.runId)?.push(entry));
  for (const [id, journal] of journals) journals.set(id, await inJournalOrder(journal, slices));
  return journals;
}

/** Deletes what earlier workers have left beside the file. */
function sweep({ connection, workers }: Parts): void {
  connection.run('look for locks left behind', () => workers.sweep());
}

function isRoot({ run }: RunCreation): boolean {
  return run.parentRunId === null;
}
