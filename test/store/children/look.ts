// Looks at a store as a client, and prints what came of each call: its value, or the code of its error.
//
//   look.ts <path> <driver, or ''> [--user <id>]
//
// `--user <id>` gives up the rights of root.
import process from 'node:process';
import { open, type PerdureError, type SqliteStoreOptions, sqliteStore } from 'perdure';
import { callsOf, READS, WRITES } from './client-calls.js';

const [path = '', driver = ''] = process.argv.slice(2);
const user = process.argv.indexOf('--user');
if (user > 0) process.setuid?.(Number(process.argv[user + 1]));

async function look(): Promise<unknown> {
  const options = driver === '' ? {} : { driver: driver as NonNullable<SqliteStoreOptions['driver']> };
  const engine = await open({ store: sqliteStore(path, options), execute: false });
  try {
    return { reads: await callsOf(engine, READS), writes: await callsOf(engine, WRITES) };
  } finally {
    await engine.close();
  }
}

const said = await look().catch(({ code, message }: PerdureError) => ({ code, message }));
console.log(JSON.stringify(said));
