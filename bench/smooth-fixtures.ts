import type { SqliteDatabase } from '../src/store/sqlite/driver.js';
import { findDriver } from '../src/store/sqlite/find-driver.js';

/** Puts messages for one run into its inbox, as senders do while no worker lives: the values are numbers from 0. */
export function queueMessages(path: string, runId: string, name: string, count: number): void {
  within(path, (database) => {
    const insert = database.prepare(`INSERT INTO perdure_inbox (run_id, kind, payload) VALUES (?, 'event', ?)`);
    for (let n = 0; n < count; n += 1) insert.run([runId, JSON.stringify({ name, value: String(n) })]);
  });
}

/** Makes so many ended runs of the one that is there, each with a journal of its own. Works with any version of the schema. */
export function multiplyRuns(path: string, count: number): void {
  within(path, (database) => {
    const copied = (table: string, own: Readonly<Record<string, string>>, among: string): string => {
      const names = database.prepare(`SELECT name FROM pragma_table_info('${table}')`).all([]);
      const columns = names.map((row) => row['name'] as string).filter((column) => column !== 'n');
      const values = columns.map((column) => own[column] ?? column);
      return `WITH RECURSIVE copies (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM copies WHERE i < ${count - 1})
        INSERT INTO ${table} (${columns.join(', ')}) SELECT ${values.join(', ')} FROM copies CROSS JOIN ${table} WHERE ${among}`;
    };
    const id = `'copy-' || i`;
    database.exec(copied('perdure_operations', { run_id: id }, 'true'));
    database.exec(copied('perdure_runs', { id, finished_at: 'finished_at - i' }, 'true'));
  });
}

function within(path: string, work: (database: SqliteDatabase) => void): void {
  const database = findDriver().connect(path);
  database.exec('BEGIN');
  work(database);
  database.exec('COMMIT');
  database.close();
}
