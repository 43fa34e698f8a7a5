import { StorageError } from '../../errors/errors.js';
import type { Connection } from './connection.js';

/**
 * The fence: fails unless the worker is alive. Called inside the transaction it guards, so a late writer cannot slip through.
 *
 * @throws {StorageError} `FENCED`, or `STORE_TOO_NEW`
 */
export function checkFence(connection: Connection, workerId: string): void {
  const alive = connection.statement(connection.guard.fence).get([workerId]);
  if (alive === undefined) throw fenced(workerId, connection);
}

/** Why the fence lets a worker through no more: it is not alive, or a newer version has changed the schema, which marks all workers dead. */
export function fenced(workerId: string, connection: Connection): StorageError {
  const change = connection.schemaChange();
  if (change !== undefined) return change;
  return new StorageError(
    'FENCED',
    `worker ${workerId} is not alive in ${connection.path}: it was retired, or marked dead because it stood still for longer than its lease. ` +
      'Nothing was written. Drop its runs and register a new worker',
  );
}
