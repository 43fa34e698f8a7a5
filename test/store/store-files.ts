import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findDriver } from '../../src/store/sqlite/find-driver.js';
import { SCHEMA_VERSION } from '../../src/store/sqlite/schema.js';
import { openWorker } from './children/client-calls.js';
import { VERSION_1 } from './schema-version-1.js';

/** Stores and other databases, in various states, to be copied: no connection of this process has a copy open. */
export interface StoreFiles {
  put(name: string, path: string): void;
  remove(): void;
}

const version = (number: number): string => `UPDATE perdure_meta SET value = '${number}' WHERE key = 'schema_version'`;

/** What is done to a store of two runs. */
const STORES: Readonly<Record<string, string>> = {
  'without a log': '',
  'the version before': version(SCHEMA_VERSION - 1),
  'a newer version': version(SCHEMA_VERSION + 1),
};

const OTHERS: Readonly<Record<string, string>> = {
  'of something else': 'CREATE TABLE mine (x)',
  'of something else, in WAL mode': 'PRAGMA journal_mode = WAL; CREATE TABLE mine (x)',
  'the first version': VERSION_1,
  'the first version, in WAL mode': `PRAGMA journal_mode = WAL; ${VERSION_1}`,
};

export async function storeFiles(): Promise<StoreFiles> {
  const directory = mkdtempSync(join(tmpdir(), 'perdure-files-'));
  const at = (name: string): string => join(directory, `${name}.db`);
  const live = join(directory, 'live.db');
  const engine = await openWorker(live);
  const database = findDriver().connect(live);
  // What its process has written lies in the log, and its worker is alive in the table.
  const copyKilled = (name: string, ...beside: string[]): void => {
    for (const suffix of ['', '-wal', ...beside]) copyFileSync(`${live}${suffix}`, `${at(name)}${suffix}`);
  };
  copyKilled('killed');
  copyKilled('killed, with its index', '-shm');
  database.exec(`VACUUM INTO '${at('without a log')}'`);
  for (const [name, sql] of Object.entries(STORES)) {
    if (sql === '') continue;
    database.exec(sql);
    copyKilled(`${name}, killed`);
    database.exec(`VACUUM INTO '${at(name)}'`);
  }
  database.exec(version(SCHEMA_VERSION));
  database.close();
  await engine.close({ timeout: 0 });
  copyFileSync(at('without a log'), at('not in WAL mode'));
  for (const name of Object.keys(STORES)) change(at(name), 'PRAGMA journal_mode = WAL');
  for (const [name, sql] of Object.entries(OTHERS)) change(at(name), sql);
  return {
    put(name, path) {
      const beside = ['-wal', '-shm'].filter((suffix) => existsSync(`${at(name)}${suffix}`));
      for (const suffix of ['', ...beside]) copyFileSync(`${at(name)}${suffix}`, `${path}${suffix}`);
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** Leaves nothing of it in the log. */
function change(path: string, sql: string): void {
  const database = findDriver().connect(path);
  database.exec(sql);
  database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').all([]);
  database.close();
  for (const suffix of ['-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true });
}
