import { StorageError } from '../../errors/errors.js';
import type { Connection } from './connection.js';

/** Has a row while the worker is alive. */
export const FENCE = `SELECT 1 AS alive FROM perdure_workers WHERE id = ? AND status = 'ALIVE'`;

/**
 * The fence: fails unless the worker is alive. Called inside the transaction it guards, so a late writer cannot slip through.
 *
 * @throws {StorageError} `FENCED`
 */
export function checkFence(connection: Connection, workerId: string): void {
  const alive = connection.statement(FENCE).get([workerId]);
  if (alive === undefined) throw fenced(workerId, connection.path);
}

/** The error of a worker that is not alive. */
export function fenced(workerId: string, store: string): StorageError {
  return new StorageError(
    'FENCED',
    `worker ${workerId} is not alive in ${store}: it was retired, or marked dead because it stood still for longer than its lease. ` +
      'Nothing was written. Drop its runs and register a new worker',
  );
}
