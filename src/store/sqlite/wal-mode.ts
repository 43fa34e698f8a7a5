import type { SqliteDatabase } from './driver.js';
import { isBusy } from './sqlite-errors.js';

/** How often the change to WAL is tried again while other processes open the same new file. */
const WAL_TRIES = 200;

/**
 * Changes a file to WAL mode, unless it is.
 *
 * SQLite does not wait when two connections change a new file to WAL at the same moment. `BEGIN IMMEDIATE` does wait, for the process that is writing.
 */
export function switchToWal(database: SqliteDatabase): void {
  for (let tries = 1; ; tries += 1) {
    try {
      const rows = database.prepare('PRAGMA journal_mode = WAL').all([]);
      if (rows[0]?.['journal_mode'] === 'wal') return;
    } catch (error) {
      if (!isBusy(error) || tries === WAL_TRIES) throw error;
    }
    database.exec('BEGIN IMMEDIATE; ROLLBACK');
    if (tries === WAL_TRIES) return;
  }
}
