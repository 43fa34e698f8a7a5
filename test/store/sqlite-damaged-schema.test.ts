import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { open } from 'perdure';
import { describe, expect, test } from 'vitest';
import { findDriver } from '../../src/store/sqlite/find-driver.js';
import { sqliteStore } from '../../src/store/sqlite/sqlite-store.js';
import { collectingLogger, thrownBy } from '../api/with-engine.js';
import { VERSION_1 } from './schema-version-1.js';
import { tempDirectory } from './temp-directory.js';

const version = (value: string): string => `UPDATE perdure_meta SET value = '${value}' WHERE key = 'schema_version'`;
const TABLES = ['perdure_meta', 'perdure_runs', 'perdure_operations', 'perdure_inbox', 'perdure_workers'];

/** What has become of a file, and what is said of it. */
const DAMAGES: readonly (readonly [sql: string, said: string])[] = [
  ...['', '0', 'x', '-1', '1.5', 'NaN'].map((value) => [version(value), `has the schema version ${JSON.stringify(value)}`] as const),
  ["DELETE FROM perdure_meta WHERE key = 'schema_version'", 'the table perdure_meta has no schema version'],
  ...TABLES.map((table) => [`DROP TABLE ${table}`, `the table ${table} is missing`] as const),
  ...TABLES.slice(1).map((table) => [`${version('1')}; DROP TABLE ${table}`, `the table ${table} is missing`] as const),
];

async function change(path: string, sql: string): Promise<void> {
  const database = (await findDriver()).connect(path);
  database.exec(sql);
  database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').all([]);
  database.close();
}

describe.each([true, false])('an engine with execute: %s', (execute) => {
  test.each(DAMAGES)('refuses a file after %s, and leaves it as it is', async (sql, said) => {
    const path = join(tempDirectory(), 'app.db');
    const store = sqliteStore(path);
    await store.open();
    await store.close();
    await change(path, sql);
    const before = readFileSync(path);
    const error = await thrownBy(() => open({ store: path, execute, default: false, logger: collectingLogger().logger }));
    expect(error).toMatchObject({ name: 'StorageError', code: 'STORE_CORRUPT' });
    expect(error.message).toContain(`could not open the store ${path}: `);
    expect(error.message).toContain(said);
    expect(error.message).toMatch(
      /damaged, or not those of perdure; the file was left as it is\. Keep a copy of it and restore a backup, or choose another path$/,
    );
    expect(readFileSync(path).equals(before)).toBe(true);
  });
});

test('a file of an older version that lacks a table is refused, too', async () => {
  const path = join(tempDirectory(), 'app.db');
  await change(path, `${VERSION_1}; DROP TABLE perdure_inbox`);
  expect(await thrownBy(() => sqliteStore(path).open())).toMatchObject({ code: 'STORE_CORRUPT' });
});
