import type { SqliteDatabase, SqliteDriver } from '../../src/store/sqlite/driver.js';
import { findDriver } from '../../src/store/sqlite/find-driver.js';

/** A driver that remembers what it has opened. */
export async function spyDriver(): Promise<{ driver: SqliteDriver; connections: SqliteDatabase[] }> {
  const driver = findDriver();
  const connections: SqliteDatabase[] = [];
  const connect = (file: string): SqliteDatabase => {
    const database = driver.connect(file);
    connections.push(database);
    return database;
  };
  return { driver: { ...driver, connect }, connections };
}
