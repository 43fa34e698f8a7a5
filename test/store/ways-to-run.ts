import type { SqliteDatabase } from '../../src/store/sqlite/driver.js';

/** Each way to run a statement: a driver may tell of its failure in another way. */
export const WAYS: Readonly<Record<string, (database: SqliteDatabase, sql: string) => void>> = {
  exec: (database, sql) => database.exec(sql),
  run: (database, sql) => void database.prepare(sql).run([]),
  get: (database, sql) => void database.prepare(sql).get([]),
  all: (database, sql) => void database.prepare(sql).all([]),
};
