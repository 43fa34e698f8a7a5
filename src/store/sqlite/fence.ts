import { StorageError } from '../../errors/errors.js';
import type { Connection } from './connection.js';
import { storeRestored } from './store-replaced.js';
import { holdsWorkerLock } from './worker-lock.js';

/**
 * The fence: fails unless the worker is alive. Called inside the transaction it guards, so a late writer cannot slip through.
 *
 * @throws {StorageError} `FENCED`, `STORE_TOO_NEW` or `STORE_REPLACED`
 */
export function checkFence(connection: Connection, workerId: string): void {
  const alive = connection.statement(connection.guard.fence).get([workerId]);
  if (alive === undefined) throw fenced(workerId, connection);
}

/** Why the fence lets a worker through no more: it is not alive, or a newer version has changed the schema, which marks all workers dead. */
export function fenced(workerId: string, connection: Connection): StorageError {
  const change = connection.schemaChange() ?? restoration(workerId, connection);
  if (change !== undefined) return change;
  return new StorageError(
    'FENCED',
    `worker ${workerId} is not alive in ${connection.path}: it was retired, or marked dead because it stood still for longer than its lease. ` +
      'Nothing was written. Drop its runs and register a new worker',
  );
}

/** A worker that is dead is known all the same (SW2): one that holds its lock and is not known was in the file that was there before. */
function restoration(workerId: string, connection: Connection): StorageError | undefined {
  if (!holdsWorkerLock(connection.realPath, workerId)) return undefined;
  const known = connection.statement('SELECT 1 AS known FROM perdure_workers WHERE id = ?').get([workerId]);
  return known === undefined ? storeRestored(connection.path, workerId) : undefined;
}
