import { Slices } from '../../clock/slices.js';
import type { SqliteDatabase, SqliteDriver, SqlRow, SqlValue } from './driver.js';
import { rollback } from './schema.js';
import { storageError } from './sqlite-errors.js';

/** Rows that are read at once: more would hold up all else in the process for too long. */
export const ROWS_A_PAGE = 500;

interface LongReadOptions {
  readonly driver: SqliteDriver;
  readonly path: string;
  readonly busyTimeoutMs: number;
  /** Completes «could not …». */
  readonly doing: string;
}

/** The rows of a page: those that come after one of the page before. */
export type Page = (rows: (sql: string, values: readonly SqlValue[]) => SqlRow[], after: SqlRow | undefined) => SqlRow[];

/**
 * Reads many rows in pieces, between which all else in the process has its turn. They are of one picture of the file, whatever is written meanwhile: hence the
 * connection of its own, which costs a millisecond.
 *
 * @throws {StorageError}
 */
export async function readInPages<T>(
  { driver, path, busyTimeoutMs, doing }: LongReadOptions,
  page: Page,
  of: (row: SqlRow) => T,
): Promise<T[]> {
  let database: SqliteDatabase | undefined;
  try {
    database = driver.connectReadOnly?.(path) ?? driver.connect(path);
    database.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}; BEGIN`);
    return await allPages(database, page, of);
  } catch (error) {
    throw storageError(error, doing, path);
  } finally {
    // Some drivers close late: what it has seen must not keep the log from being moved until then.
    if (database !== undefined) rollback(database);
    database?.close();
  }
}

/** The rows are let go page by page: so many that live for long would hold up the process when its memory is collected. */
async function allPages<T>(database: SqliteDatabase, page: Page, of: (row: SqlRow) => T): Promise<T[]> {
  const slices = new Slices();
  const all: T[] = [];
  let last: SqlRow | undefined;
  const statements = new Map<string, ReturnType<SqliteDatabase['prepare']>>();
  const rows = (sql: string, values: readonly SqlValue[]): SqlRow[] => {
    const statement = statements.get(sql) ?? database.prepare(sql);
    statements.set(sql, statement);
    return statement.all(values);
  };
  for (;;) {
    const next = page(rows, last);
    for (const row of next) all.push(of(row));
    last = next.at(-1);
    if (next.length < ROWS_A_PAGE) return all;
    if (slices.over) await slices.next();
  }
}
