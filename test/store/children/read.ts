// Reads a store, and prints what is in it, or the code of the error.
//
//   read.ts <path> <driver, or ''> [--user <id>]
//
// `--user <id>` gives up the rights of root.
import process from 'node:process';
import type { PerdureError, SqliteStoreOptions } from 'perdure';
import { sqliteReader } from 'perdure/store';

const [path = '', driver = ''] = process.argv.slice(2);
const user = process.argv.indexOf('--user');
if (user > 0) process.setuid?.(Number(process.argv[user + 1]));

async function read(): Promise<unknown> {
  const options = driver === '' ? {} : { driver: driver as NonNullable<SqliteStoreOptions['driver']> };
  const reader = sqliteReader(path, options);
  try {
    const { runs } = await reader.page();
    const counts = await reader.counts('status');
    const journals = await Promise.all(runs.map(({ id }) => reader.journal(id)));
    return { ids: runs.map(({ id }) => id), counts: [...counts].sort(), entries: journals.map(({ length }) => length) };
  } finally {
    await reader.close();
  }
}

const said = await read().catch(({ code, message }: PerdureError) => ({ code, message }));
console.log(JSON.stringify(said));
