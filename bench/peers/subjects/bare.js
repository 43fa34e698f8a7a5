import { join } from 'node:path';
import process from 'node:process';
import { inSequence } from '../measure.js';

/** The driver that perdure takes: node:sqlite where Node has it, else @photostructure/sqlite, which is there as a development dependency of perdure. */
async function connect(path) {
  const builtIn = process.getBuiltinModule?.('node:sqlite');
  const { DatabaseSync } = builtIn ?? (await import('@photostructure/sqlite'));
  return new DatabaseSync(path);
}

/** One connection with the settings of perdure's, and a row of the size of its journal's. @returns {Promise<import('../measure.js').Adapter>} */
export async function open({ directory }) {
  const database = await connect(join(directory, 'bare.db'));
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT)');
  const insert = database.prepare('INSERT INTO t (a, b) VALUES (?, ?)');
  return {
    sequence: (count) => inSequence(count, async (n) => insert.run(`operation ${n}`, '{"status":"SUCCEEDED","value":12345}')),
    close: async () => database.close(),
  };
}
