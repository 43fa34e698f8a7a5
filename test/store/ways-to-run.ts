import type { SqliteDatabase } from '../../src/store/sqlite/driver.js';

/** Each way to run a statement: a driver may tell of its failure in another way. Some drivers insist that what is asked for rows has some. */
export const WAYS: Readonly<Record<string, (database: SqliteDatabase, sql: string) => void>> = {
  exec: (database, sql) => database.exec(sql),
  run: (database, sql) => void database.prepare(sql).run([]),
  get: (database, sql) => void database.prepare(returning(sql)).get([]),
  all: (database, sql) => void database.prepare(returning(sql)).all([]),
};

function returning(sql: string): string {
  return sql.startsWith('INSERT') ? `${sql} RETURNING x` : sql;
}
