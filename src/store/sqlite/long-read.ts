import { Slices } from '../../clock/slices.js';
import { StorageError } from '../../errors/errors.js';
import type { SqliteDatabase, SqlRow, SqlValue } from './driver.js';
import { rollback } from './schema.js';

/** Rows that are read at once: more would hold up all else in the process for too long. */
export const ROWS_A_PAGE = 500;

/** How often something is read again that others have changed meanwhile. Each of them has opened the file, written to it and closed it again. */
export const READ_TRIES = 100;

/** A connection that only reads. */
export interface Reader {
  readonly database: SqliteDatabase;
  /** Whether what was read is what the file holds. */
  isCurrent(): boolean;
}

interface LongReadOptions {
  readonly path: string;
  readonly open: () => Reader;
}

/** The rows of a page: those that come after one of the page before. */
export type Page = (rows: (sql: string, values: readonly SqlValue[]) => SqlRow[], after: SqlRow | undefined) => SqlRow[];

/**
 * Reads many rows in pieces, between which all else in the process has its turn. They are of one picture of the file, whatever is written meanwhile: hence the
 * connection of its own, which costs a millisecond.
 *
 * @throws {StorageError} `STORE_BUSY` when it changed each time it was read.
 */
export async function readInPages<T>({ path, open }: LongReadOptions, page: Page, of: (row: SqlRow) => T): Promise<T[]> {
  for (let tries = 1; tries <= READ_TRIES; tries += 1) {
    const reader = open();
    try {
      reader.database.exec('BEGIN');
      const rows = await allPages(reader.database, page, of);
      if (reader.isCurrent()) return rows;
    } catch (error) {
      if (reader.isCurrent()) throw error;
    } finally {
      // Some drivers close late: what it has seen must not keep the log from being moved until then.
      rollback(reader.database);
      reader.database.close();
    }
  }
  throw changesAlways(path);
}

export function changesAlways(path: string): StorageError {
  return new StorageError('STORE_BUSY', `could not read the store ${path}: it changed each time it was read. Try again`);
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
