import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { findDriver } from '../src/store/sqlite/find-driver.js';
import { type Figure, timeMs } from './measure.js';

/** What the machine can do: one insert per commit on a bare connection, with the settings perdure uses. */
export async function bareCommits(path: string, count: number): Promise<Figure> {
  const driver = await findDriver();
  const database = driver.connect(path);
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT)');
  const insert = database.prepare('INSERT INTO t (a, b) VALUES (?, ?)');
  const elapsedMs = await timeMs(() => {
    for (let n = 0; n < count; n += 1) insert.run([`operation ${n}`, '{"status":"SUCCEEDED","value":12345}']);
  });
  database.close();
  return { workload: 'limit: one insert a commit', subject: `${driver.name}, FULL`, value: (count / elapsedMs) * 1_000, unit: 'commits/s' };
}

/** Appending 200 bytes and syncing them. */
export async function bareSyncs(path: string, count: number): Promise<Figure> {
  const file = openSync(path, 'a');
  const bytes = Buffer.alloc(200, 'x');
  const elapsedMs = await timeMs(() => {
    for (let n = 0; n < count; n += 1) {
      writeSync(file, bytes);
      fdatasyncSync(file);
    }
  });
  closeSync(file);
  return { workload: 'limit: append and fdatasync', subject: 'file', value: (count / elapsedMs) * 1_000, unit: 'syncs/s' };
}
