import { Slices } from '../../clock/slices.js';
import { StorageError } from '../../errors/errors.js';
import { requireOneVersion } from '../../errors/one-version.js';
import type { InboxMessage, OperationRecord, RunRecord } from '../../model/records.js';
import { refuseMore } from '../../options/extra-arguments.js';
import { readOptions } from '../../options/read-options.js';
import { inJournalOrder } from '../journal-order.js';
import { readOutlineRange } from '../outline.js';
import type { CountedBy, OperationLine, OutlineRange, Page, RunDetail, RunLine, RunQuery, StoreReader, WorkerLine } from '../reader.js';
import { runLine } from '../run-line.js';
import { cursorOf, type Place, readRunQuery, requireCountedBy, requireLimit, requireOverview, requireTexts } from '../run-query.js';
import type { Watcher } from '../watcher.js';
import { Connection } from './connection.js';
import type { SqlRow, SqlValue } from './driver.js';
import { FileWatch } from './file-watch.js';
import { findDriver } from './find-driver.js';
import { Inbox } from './inbox.js';
import { ROWS_A_PAGE } from './long-read.js';
import { operationOf, runOf, SELECTED_COLUMNS } from './rows.js';
import { RunCounts } from './run-counts.js';
import { readOutline } from './run-outline.js';
import { type Rows, readRuns } from './run-pages.js';
import { journalPages, RunTable } from './run-table.js';
import { checkFilePath, SQLITE_OPTIONS, type SqliteStoreOptions } from './sqlite-options.js';
import { absolutePath } from './store-file.js';
import { readWorkers } from './worker-lines.js';

/** How a reader opens a SQLite file. */
export type SqliteReaderOptions = Pick<SqliteStoreOptions, 'driver' | 'busyTimeoutMs'>;

const { driver: DRIVER, busyTimeoutMs: BUSY_TIMEOUT } = SQLITE_OPTIONS;

/**
 * Reads the store in a SQLite file, and changes nothing: neither the file nor what lies beside it, as far as the driver can do without. The file, and its
 * directory, need not be writable.
 *
 * @param path The file. It must be there, with the schema of this version.
 * @throws {UsageError} `INVALID_ARGUMENT` when the path is none, `INVALID_OPTION` when it is the address of a database, or an option is wrong.
 * @throws {StorageError} `STORE_DIRECTORY_MISSING` when the path is relative, and the working directory was deleted.
 * @example
 * const reader = sqliteReader('app.db');
 * const { runs } = await reader.page({ status: 'FAILED' });
 */
export function sqliteReader(path: string, options?: SqliteReaderOptions): StoreReader {
  requireOneVersion();
  refuseMore('sqliteReader(path, options)', arguments);
  checkFilePath(path);
  const { driver, busyTimeoutMs } = readOptions('sqliteReader()', options, { driver: DRIVER, busyTimeoutMs: BUSY_TIMEOUT });
  return new SqliteReader(path, { path: absolutePath(path), driver, busyTimeoutMs });
}

interface ReaderInit {
  readonly path: string;
  readonly driver: SqliteStoreOptions['driver'];
  readonly busyTimeoutMs: number | undefined;
}

/** What a list reads of a run: of long texts only whether they are texts. */
const LINE_COLUMNS = [
  ...SELECTED_COLUMNS.map((column) =>
    ['digest', 'seed', 'options', 'input', 'outcome'].includes(column)
      ? `CASE WHEN typeof(${column}) = 'text' THEN '' ELSE ${column} END AS ${column}`
      : column,
  ),
  'queue',
].join(', ');

/**
 * The reader of a SQLite file.
 *
 * Owns: a connection of its own, which only reads. Does not own: the file.
 *
 * States: closed → open, by `open` or the first call → closed; lost, when the file is no longer the one that was opened, until it is opened again.
 *
 * Invariants: RD1–RD3 of the port, by way of
 *   SR1  It never opens a file to write, unless the driver has no other way to read it; and then `query_only` keeps it from writing.
 *   SR2  Before each read there is a look at the file and its schema: what is read is of the file that was opened, as this version knows it.
 */
export class SqliteReader implements StoreReader {
  readonly name: string;
  readonly #init: ReaderInit;
  readonly #watch: FileWatch = new FileWatch({
    changed: () => this.#read('look for changes', (connection) => connection.changedElsewhere()),
  });
  #connection: Connection | undefined;
  #closed = false;
  #lost: StorageError | undefined;

  /** @param name - What messages call it. */
  constructor(name: string, init: ReaderInit) {
    this.name = name;
    this.#init = init;
  }

  async open(): Promise<void> {
    this.#lost = undefined;
    this.#closed = false;
    this.#use();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#lost = undefined;
    this.#connection?.close();
    this.#connection = undefined;
  }

  watch(watcher: Watcher): () => void {
    this.#use();
    return this.#watch.add(watcher);
  }

  async page(query?: RunQuery): Promise<Page<RunLine>> {
    return this.#pageOf('reader.page()', query, LINE_COLUMNS, lineOf);
  }

  async records(query?: RunQuery): Promise<Page<RunRecord>> {
    return this.#pageOf('reader.records()', query, SELECTED_COLUMNS.join(', '), runOf);
  }

  async counts(by: CountedBy, query?: RunQuery): Promise<ReadonlyMap<string, number>> {
    requireCountedBy('reader.counts()', by);
    const { conditions } = readRunQuery('reader.counts()', query);
    return new RunCounts(this.#rows('count runs')).by(by, conditions);
  }

  async run(runId: string): Promise<RunDetail | undefined> {
    requireTexts('reader.run()', { 'the id of the run': runId });
    const rows = this.#rows(`read run ${runId}`);
    const [row] = rows(`SELECT ${SELECTED_COLUMNS.join(', ')}, queue FROM perdure_runs WHERE id = ?`, [runId]);
    if (row === undefined) return undefined;
    const [inbox] = rows('SELECT count(*) AS length FROM perdure_inbox WHERE run_id = ?', [runId]);
    const childrenCount = await new RunCounts(rows).children(runId);
    return { ...runOf(row), queue: queueOf(row), inboxLength: inbox?.['length'] as number, childrenCount };
  }

  async outline(runId: string, range: OutlineRange): Promise<OperationLine[]> {
    requireTexts('reader.outline()', { 'the id of the run': runId });
    return readOutline(this.#rows(`read the outline of run ${runId}`), runId, readOutlineRange('reader.outline()', range));
  }

  async operation(runId: string, operationId: string): Promise<OperationRecord | undefined> {
    requireTexts('reader.operation()', { 'the id of the run': runId, 'the id of the operation': operationId });
    return this.#read(`read operation ${operationId} of run ${runId}`, (connection) =>
      new RunTable(connection).operation(runId, operationId),
    );
  }

  async operations(runId: string, operationIds: readonly string[]): Promise<OperationRecord[]> {
    requireTexts('reader.operations()', { 'the id of the run': runId });
    return this.#read(`read operations of run ${runId}`, (connection) => new RunTable(connection).operations(runId, operationIds));
  }

  async journal(runId: string): Promise<OperationRecord[]> {
    requireTexts('reader.journal()', { 'the id of the run': runId });
    const doing = `load the journal of run ${runId}`;
    const some = this.#read(doing, (connection) => new RunTable(connection).journals([runId]));
    const isWhole = some.length < ROWS_A_PAGE;
    return inJournalOrder(isWhole ? some : await this.#use().runLong(doing, journalPages([runId]), operationOf), new Slices());
  }

  async inbox(runId: string): Promise<InboxMessage[]> {
    requireTexts('reader.inbox()', { 'the id of the run': runId });
    return this.#read(`read the inbox of run ${runId}`, (connection) => new Inbox(connection).of(runId));
  }

  async durations(flow: string, limit: number): Promise<number[]> {
    requireTexts('reader.durations()', { 'the name of the flow': flow });
    requireLimit('reader.durations()', limit);
    const query = readRunQuery('reader.durations()', { flow, status: 'SUCCEEDED' });
    const rows = await readRuns(this.#rows('read how long runs took'), 'finished_at - created_at AS took', query, limit);
    return rows.flatMap(({ took }) => (typeof took === 'number' ? [took] : []));
  }

  async overview(what: 'workers'): Promise<WorkerLine[]> {
    requireOverview('reader.overview()', what);
    return readWorkers(this.#rows('read who executes runs'));
  }

  async #pageOf<T>(caller: string, given: RunQuery | undefined, columns: string, of: (row: SqlRow) => T): Promise<Page<T>> {
    const query = readRunQuery(caller, given);
    const rows = await readRuns(this.#rows('list runs'), columns, query, query.limit + 1);
    const runs: T[] = [];
    const more = rows.length > query.limit;
    if (more) rows.pop();
    await new Slices().each(rows, (row) => runs.push(of(row)));
    return { runs, next: more ? cursorOf(query.order, rows.at(-1)?.['place'] as Place) : null };
  }

  #rows(doing: string): Rows {
    return (sql: string, values: readonly SqlValue[]) => this.#read(doing, (connection) => connection.statement(sql).all(values));
  }

  #read<T>(doing: string, work: (connection: Connection) => T): T {
    const connection = this.#use();
    connection.look();
    return connection.run(doing, () => {
      const known = connection.statement(`SELECT 1 AS known WHERE ${connection.guard.condition}`).get([]) !== undefined;
      const change = known ? undefined : connection.schemaChange();
      if (change !== undefined) throw change;
      return work(connection);
    });
  }

  #use(): Connection {
    if (this.#connection !== undefined) return this.#connection;
    if (this.#lost !== undefined) throw this.#lost;
    if (this.#closed) throw new StorageError('STORE_CLOSED', `the reader of ${this.name} is closed. Open it again, or use it no more`);
    const { driver, path, busyTimeoutMs = 10_000 } = this.#init;
    this.#connection = Connection.openAsClient({
      driver: typeof driver === 'object' ? driver : findDriver(driver),
      path,
      synchronous: 'full',
      busyTimeoutMs,
      onlyReads: true,
      onLost: (error) => {
        this.#connection = undefined;
        this.#lost = error;
      },
    });
    return this.#connection;
  }
}

function lineOf(row: SqlRow): RunLine {
  return runLine(runOf(row), queueOf(row));
}

function queueOf({ queue }: SqlRow): string | null {
  return typeof queue === 'string' ? queue : null;
}
